"""Add directions to the canvas by and by, wherever their views have moved to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import moderngl
import numpy as np

from liveflight.core.contracts import Size
from liveflight.core.views import View
from liveflight.render.canvas import CanvasRenderer
from liveflight.render.passes import RenderTarget
from liveflight.render.view_passes import AddPass, no_room


@dataclass
class PlacedView:
    """A view, and how far its step moves the picture."""

    view: View
    matrix: np.ndarray
    """Map from places of the canvas, as it is now, to places of the view."""
    amount: float
    """RMS distance, in the 0..1 range."""


@dataclass
class _Landing:
    """A direction that is not added completely yet."""

    placed: PlacedView
    texture: moderngl.Texture
    number: int
    """Its place in the texture's stack."""
    size: Size
    seconds: float
    """Time over which it is added."""
    left: float = 1.0
    """Share that is not added yet."""


class Landings:
    """The directions that are being added, and their textures."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._pass = AddPass(ctx)
        self._landings: list[_Landing] = []
        self._textures: list[moderngl.Texture] = []

    def put(
        self,
        write: Callable[[moderngl.Texture], None],
        placed: Sequence[PlacedView],
        size: Size,
        seconds: float,
    ) -> None:
        """Begin to add directions, over this time; 0 adds them at the next `add`.

        `write` puts the stack of directions into a texture. `size`: width and height of each.
        Raises OutOfMemoryError where the graphics memory cannot hold another stack."""
        whole = (size[0], size[1] * len(placed))
        try:
            texture = self._free(whole)
        except (moderngl.Error, MemoryError) as error:
            raise no_room(size) from error
        write(texture)
        self._landings += [
            _Landing(each, texture, number, size, seconds) for number, each in enumerate(placed)
        ]

    def add(self, canvas: CanvasRenderer, dt: float, gain: float, later_gain: float) -> None:
        """Add what is due in `dt` seconds to the canvas, and to what a running warp has drawn.

        `gain`: by which the canvas's values are multiplied before they are seen; `later_gain`: the
        same for what the running warp draws."""
        for landing in self._landings:
            share = landing.left
            if landing.seconds > 0:
                share = min(dt / landing.seconds, landing.left)
            landing.left -= share
            amount = share * landing.placed.amount
            self._onto(canvas.framebuffer, canvas.size, landing, np.eye(3), amount / gain)
            if (running := canvas.running) and running.rows:
                moved = running.warp.matrix.astype(np.float64)
                rows = range(running.rows)
                self._onto(canvas.spare, canvas.size, landing, moved, amount / later_gain, rows)
        self._landings = [each for each in self._landings if each.left > 1e-4]

    def add_rest(self, stack: RenderTarget, number: int, size: Size, view: View) -> None:
        """Add what is still to come to a view that was drawn: it will be there when it is back."""
        to_canvas = np.linalg.inv(view.matrix)
        for landing in self._landings:
            self._pass.add(
                *(stack.framebuffer, size, landing.texture, landing.number, landing.size),
                landing.placed.matrix @ to_canvas,
                landing.left * landing.placed.amount,
                masked=not landing.placed.view.whole,
                chroma=landing.placed.view.chroma,
                first_row=number * size[1],
                mirrored=False,
            )

    def moved(self, matrix: np.ndarray) -> None:
        """Move all views with the canvas. `matrix` maps places of the new one to the old one."""
        for landing in self._landings:
            landing.placed.matrix = landing.placed.matrix @ matrix

    def forget(self) -> None:
        """Drop what is not added yet."""
        self._landings.clear()

    def release_textures(self) -> None:
        """Drop all directions, and release their textures."""
        self.forget()
        while self._textures:
            self._textures.pop().release()

    def release(self) -> None:
        self.release_textures()
        self._pass.release()

    def _onto(
        self,
        framebuffer: moderngl.Framebuffer,
        size: Size,
        landing: _Landing,
        moved: np.ndarray,
        amount: float,
        rows: range | None = None,
    ) -> None:
        whole = landing.placed.view.whole
        self._pass.add(
            *(framebuffer, size, landing.texture, landing.number, landing.size),
            landing.placed.matrix @ moved,
            amount,
            masked=not whole,
            chroma=landing.placed.view.chroma,
            rows=rows,
            mirrored=not whole,
        )

    def _free(self, size: Size) -> moderngl.Texture:
        """Return a texture of this size that no direction uses."""
        used = {landing.texture for landing in self._landings}
        for texture in self._textures:
            if texture not in used and texture.size == size:
                return texture
        texture = self._ctx.texture(size, 4, dtype="f2")
        self._textures.append(texture)
        return texture
