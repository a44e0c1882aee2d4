"""Draw pictures over the finished frame; a worker makes and decodes them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import moderngl
import numpy as np

from liveflight.core.contracts import Size
from liveflight.render.passes import Pass
from liveflight.system.worker import Worker

_MAX_RELEASE_WAIT_S = 1.0
"""Seconds that `release` waits for a picture being made."""

_UPLOAD_BYTES = 4 << 20
"""Bytes that are uploaded per frame at most: an atlas page at 3840x2160 has 33 MB."""

Corner = tuple[int, int]
"""Left and top in the output's pixels."""


@dataclass
class _Picture:
    """A texture, its key, and the pixels still to be uploaded into it."""

    key: Hashable
    texture: moderngl.Texture | None
    """None for a picture without pixels."""
    pixels: np.ndarray
    uploaded: int = 0
    """Number of rows uploaded until now."""


class Pictures:
    """Named pictures, made anew when their key changes; until then the old one is shown."""

    def __init__(self, ctx: moderngl.Context, background: bool = False) -> None:
        """Make pictures on another thread where `background` is set, else at once."""
        self._ctx, self._background = ctx, background
        self._pass = Pass(ctx, "picture.frag")
        self._shown: dict[str, _Picture] = {}
        self._arriving: dict[str, _Picture] = {}
        self._making: Worker[tuple[str, Hashable, np.ndarray]] = Worker(background, niceness=5)

    def get(self, name: str, key: Hashable, make: Callable[[], np.ndarray]) -> Hashable | None:
        """Request the picture of that name, and return the key of the one shown now, if any.

        `make`, called on another thread, returns uint8 (h, w, 4): sRGB-coded RGB and cover, row 0
        at the top; an array without pixels shows nothing."""
        latest = self._arriving.get(name) or self._shown.get(name)
        if (latest is None or latest.key != key) and not self._making.busy:
            self._making.submit(lambda: (name, key, make()))
        if self._making.busy and self._making.wait():
            self._receive(*self._making.result())
        self._upload(name)
        shown = self._shown.get(name)
        return shown.key if shown else None

    def size(self, name: str) -> Size:
        """Return the width and height of the picture shown now; (0, 0) for none."""
        shown = self._shown.get(name)
        return shown.texture.size if shown and shown.texture else (0, 0)

    def draw(
        self,
        name: str,
        corner: Corner,
        framebuffer: moderngl.Framebuffer,
        size: Size,
        *,
        bottom_up: bool,
    ) -> None:
        """Draw the picture of that name, if there is one, over a framebuffer of this size.

        Leaves the framebuffer bound, its viewport whole, blending off."""
        shown = self._shown.get(name)
        if shown is None or shown.texture is None:
            return
        (left, top), (width, height) = corner, shown.texture.size
        first_row = size[1] - top - height if bottom_up else top
        uniforms = {"corner": corner, "height": size[1], "bottom_up": bottom_up}
        where = (left, first_row, width, height)
        self._pass.lay(framebuffer, where, shown.texture, uniforms)
        framebuffer.viewport = (0, 0, *size)

    def warm_up(self, framebuffer: moderngl.Framebuffer) -> None:
        """Draw a transparent picture into a corner: drivers compile a shader at first use."""
        # Odd sizes: Mesa's software driver compiles separately for powers of two.
        texture = self._ctx.texture((5, 3), 4, data=bytes(60))
        uniforms = {"corner": (0, 0), "height": 3, "bottom_up": False}
        self._pass.lay(framebuffer, (0, 0, 5, 3), texture, uniforms)
        texture.release()

    def forget(self, *names: str) -> None:
        """Release the memory of these pictures."""
        for name in names:
            for pictures in (self._shown, self._arriving):
                _release(pictures.pop(name, None))

    def release(self) -> None:
        self._making.close(_MAX_RELEASE_WAIT_S)
        self.forget(*self._shown, *self._arriving)
        self._pass.release()

    def _receive(self, name: str, key: Hashable, pixels: np.ndarray) -> None:
        height, width = pixels.shape[:2]
        _release(self._arriving.pop(name, None))
        texture = self._ctx.texture((width, height), 4) if pixels.size else None
        self._arriving[name] = _Picture(key, texture, np.ascontiguousarray(pixels))

    def _upload(self, name: str) -> None:
        """Upload the next rows of a new picture, and show it once it is complete."""
        arriving = self._arriving.get(name)
        if arriving is None:
            return
        height, width = arriving.pixels.shape[:2]
        rows = max(_UPLOAD_BYTES // max(width * 4, 1), 1) if self._background else height
        rows = min(rows, height - arriving.uploaded)
        if arriving.texture and rows:
            part = arriving.pixels[arriving.uploaded : arriving.uploaded + rows]
            arriving.texture.write(part, viewport=(0, arriving.uploaded, width, rows))
        arriving.uploaded += rows
        if arriving.uploaded == height:
            _release(self._shown.get(name))
            arriving.pixels = np.empty((0, 0, 4), np.uint8)
            self._shown[name] = self._arriving.pop(name)


def _release(picture: _Picture | None) -> None:
    if picture is not None and picture.texture is not None:
        picture.texture.release()
