"""Draw an atlas over the finished frame, and the thumbnail of the current filter."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial

import moderngl
import numpy as np

from liveflight.core.contracts import Size
from liveflight.core.thumbnail_grid import Page, type_size
from liveflight.render import atlas_page
from liveflight.render.picture_overlay import Pictures
from liveflight.render.typesetting import margin


class AtlasOverlay:
    """Draw pages and thumbnails; new ones come a frame or more later and delay no frame."""

    def __init__(self, ctx: moderngl.Context, background: bool = False) -> None:
        """Prepare pictures on another thread where `background` is set, else at once."""
        self.pictures = Pictures(ctx, background)

    def draw(
        self,
        page: Page,
        said: str,
        framebuffer: moderngl.Framebuffer,
        size: Size,
        bottom_up: bool,
    ) -> None:
        """Draw a page for an output of this width and height, and a line of text.

        Framebuffer and viewport are left as by `Pictures.draw`."""
        pictures, pitch = self.pictures, page.grid.pitch
        tiles = replace(page, cursor=0, caption=())
        shown = pictures.get("tiles", tiles, partial(atlas_page.whole, page))
        pictures.get("cursor", pitch, partial(atlas_page.frame, pitch))
        there = (page.sheet, page.filters, page.cursor, page.caption, page.cursor in page.starred)
        pictures.get("card", (size, there), partial(atlas_page.card, page))
        pictures.get("toast", (size, said), partial(atlas_page.toast, said, size))
        if not isinstance(shown, Page):
            return
        grid = shown.grid  # the tiles on the screen may be older than `page`
        card = atlas_page.card_corner(grid, page.cursor, pictures.size("card"))
        corners = {"tiles": (0, 0), "card": card}
        if corner := grid.corner(page.cursor):
            over = atlas_page.overhang(pitch)
            corners["cursor"] = corner[0] - over, corner[1] - over
        width, height = pictures.size("toast")
        corners["toast"] = (size[0] - width) // 2, size[1] - grid.below - height - margin(size)
        for name, corner in corners.items():
            pictures.draw(name, corner, framebuffer, size, bottom_up=bottom_up)

    def close(self) -> None:
        """Release the memory of the page."""
        self.pictures.forget("tiles", "cursor", "card", "toast")

    def thumbnail(self, name: Hashable, find: Callable[[], np.ndarray | None], size: Size) -> int:
        """Prepare a thumbnail that is two lines of the HUD high on an output of this size.

        `find`, called on another thread, returns the thumbnail of that name. Return the pixels that
        it takes from the HUD's line."""
        side = round(4.4 * type_size(size))
        self.pictures.get("thumbnail", (name, side), lambda: atlas_page.thumbnail(find(), side))
        width, _ = self.pictures.size("thumbnail")
        return width and width + margin(size) // 2

    def draw_thumbnail(
        self, framebuffer: moderngl.Framebuffer, size: Size, bottom_up: bool
    ) -> None:
        """Draw the thumbnail in the top left corner, if there is one."""
        corner = margin(size), margin(size)
        self.pictures.draw("thumbnail", corner, framebuffer, size, bottom_up=bottom_up)

    def warm_up(self, framebuffer: moderngl.Framebuffer) -> None:
        self.pictures.warm_up(framebuffer)

    def release(self) -> None:
        self.pictures.release()
