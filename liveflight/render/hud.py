"""Draw panels of text over the picture: the HUD, what is open, and a line at the bottom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import moderngl

from liveflight.core.contracts import Size
from liveflight.core.panel_places import Corner, Place, places
from liveflight.core.text_panel import Level, Panel
from liveflight.render.passes import Pass, Viewport, blending
from liveflight.render.typesetting import Bar, Typeset, margin, typeset
from liveflight.system.worker import Worker

_MAX_RELEASE_WAIT_S = 1.0
"""Seconds that `release` waits for a text being typeset."""

_FILL = (0.62, 0.80, 0.90, 1.0)
"""Colour of bars."""

_Key = tuple[Panel, Size]
"""A panel, and the output's width and height."""


class _Drawn(NamedTuple):
    """A texture, the key of its panel, the width and height in use, and the bars."""

    key: _Key
    texture: moderngl.Texture
    size: Size
    bars: tuple[Bar, ...]


class Hud:
    """Draw panels over a finished frame, from one texture per place.

    A worker typesets a panel when it or the output's size changes. That takes milliseconds, for a
    help page tens of them; until then the old one is shown. Bars are drawn anew in every frame."""

    def __init__(self, ctx: moderngl.Context, background: bool = False) -> None:
        """Typeset on another thread where `background` is set, else at once."""
        self._ctx = ctx
        self._pass = Pass(ctx, "hud.frag")
        self._held: dict[Place, _Drawn] = {}
        self._typesetting: Worker[tuple[Place, _Key, Typeset]] = Worker(background, niceness=5)

    def draw(
        self,
        panels: Mapping[Place, Panel],
        framebuffer: moderngl.Framebuffer,
        size: Size,
        *,
        bottom_up: bool,
        indent: int = 0,
        levels: Mapping[str, Level] | None = None,
    ) -> dict[Place, Corner]:
        """Draw panels over a framebuffer of this width and height; return where they are.

        Those for which there is no room are left out: see `places`. `indent`: pixels kept free to
        the left of the one in the corner. `levels`: those of the bars, by name; empty where one is
        missing. `bottom_up`: row 0 of the framebuffer is the bottom of the picture, as in a
        window. Leaves the framebuffer bound, its viewport whole, blending off."""
        drawn = {place: self._typeset(place, (panel, size)) for place, panel in panels.items()}
        held = {place: panel for place, panel in drawn.items() if panel}
        sizes = {place: panel.size for place, panel in held.items()}
        if "corner" in sizes:
            sizes["corner"] = sizes["corner"][0] + indent, sizes["corner"][1]
        found = places(sizes, size, margin(size))
        for place, (left, top) in found.items():
            corner = (left + (indent if place == "corner" else 0), top)
            self._lay(held[place], corner, framebuffer, size, bottom_up, levels or {})
        framebuffer.viewport = (0, 0, *size)
        return found

    def warm_up(self, framebuffer: moderngl.Framebuffer) -> None:
        """Draw an empty panel into a corner: drivers compile a shader at first use."""
        texture = self._ctx.texture((1, 1), 4, data=bytes(4))
        self._blend(framebuffer, (0, 0, 1, 1), texture, {"corner": (0, 0), "height": 1})
        texture.release()

    def release(self) -> None:
        self._typesetting.close(_MAX_RELEASE_WAIT_S)
        for drawn in self._held.values():
            drawn.texture.release()
        self._held.clear()
        self._pass.release()

    def _lay(
        self,
        drawn: _Drawn,
        corner: Corner,
        framebuffer: moderngl.Framebuffer,
        size: Size,
        bottom_up: bool,
        levels: Mapping[str, Level],
    ) -> None:
        def where(left: int, top: int, width: int, height: int) -> Viewport:
            top += corner[1]
            first_row = size[1] - top - height if bottom_up else top
            return corner[0] + left, first_row, width, height

        uniforms = {"corner": corner, "height": size[1], "bottom_up": bottom_up}
        self._blend(framebuffer, where(0, 0, *drawn.size), drawn.texture, uniforms)
        for bar in drawn.bars:
            one, other = levels.get(bar.name, (0.0, 0.0))
            first, last = (
                bar.left + round(bar.width * min(max(x, 0.0), 1.0)) for x in sorted((one, other))
            )
            if one:  # a bar that begins inside shows where, even if it is empty
                first, last = first - 1, last + 1
            if last > first:
                viewport = where(first, bar.top, last - first, bar.height)
                framebuffer.clear(*_FILL, viewport=viewport)

    def _blend(
        self,
        framebuffer: moderngl.Framebuffer,
        where: Viewport,
        texture: moderngl.Texture,
        uniforms: dict[str, object],
    ) -> None:
        factors = (moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA)
        with blending(self._ctx, *factors, moderngl.ZERO, moderngl.ONE):  # the alpha stays
            self._pass.draw(framebuffer, where, texture, uniforms)

    def _typeset(self, place: Place, key: _Key) -> _Drawn | None:
        """Return what to show at a place; the old panel until the new one is typeset."""
        held = self._held.get(place)
        if (held is None or held.key != key) and not self._typesetting.busy:
            panel, size = key
            fitted = place == "main"
            self._typesetting.submit(lambda: (place, key, typeset(panel, size, fitted=fitted)))
        if self._typesetting.busy and self._typesetting.wait():
            self._upload(*self._typesetting.result())
        return self._held.get(place)

    def _upload(self, place: Place, key: _Key, made: Typeset) -> None:
        held = self._held.get(place)
        height, width = made.pixels.shape[:2]
        texture = held.texture if held is not None else None
        if texture is None or texture.width < width or texture.height < height:
            # With room to grow: texts in a HUD change their width all the time.
            most = self._ctx.info["GL_MAX_TEXTURE_SIZE"]
            size = (min(width + width // 4, most), min(height + height // 4, most))
            larger = self._ctx.texture(size, 4)  # if this fails, the old one stays
            if texture is not None:
                texture.release()
            texture = larger
        texture.write(made.pixels, viewport=(0, 0, width, height))
        self._held[place] = _Drawn(key, texture, (width, height), made.bars)
