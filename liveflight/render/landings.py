"""Add directions to the canvas by and by, wherever their views have moved to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import moderngl
import numpy as np

from liveflight.core.contracts import Canvas, LiveflightError, Size
from liveflight.core.views import View
from liveflight.render.canvas import CanvasRenderer
from liveflight.render.canvas_transfer import HostCopy
from liveflight.render.passes import RenderTarget
from liveflight.render.present import Fit
from liveflight.render.view_passes import AddPass, no_room

_DOUBLED_FROM = 3.0
"""Enlargement from which a direction is enlarged in two steps."""


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
    linear: bool = False
    """Whether it was enlarged smoothly already."""
    left: float = 1.0
    """Share that is not added yet."""


class Landings:
    """The directions that are being added, and their textures."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._pass = AddPass(ctx)
        self._landings: list[_Landing] = []
        self._targets: list[RenderTarget] = []

    def put(
        self,
        write: Callable[[moderngl.Texture], None],
        placed: Sequence[PlacedView],
        size: Size,
        seconds: float,
        canvas: Size,
        numbers: Collection[int] | None = None,
    ) -> None:
        """Begin to add directions, over this time; 0 adds them at the next `add`.

        `write` puts the stack of directions into a texture. `size`: width and height of each.
        `canvas`: that of the canvas. `numbers`: the directions that are added, all by default;
        what `write` leaves out of these is 0. Raises OutOfMemoryError where the graphics memory
        cannot hold another stack."""
        try:
            target = self._free((size[0], size[1] * len(placed)))
        except LiveflightError as error:
            raise no_room(size) from error
        if numbers is not None:
            target.framebuffer.clear()
        write(target.texture)
        for number in range(len(placed)) if numbers is None else numbers:
            each = placed[number]
            landing = _Landing(each, target.texture, number, size, seconds)
            if each.view.whole and each.view.span * canvas[1] >= _DOUBLED_FROM * size[1]:
                landing = self._doubled(landing)
            self._landings.append(landing)

    def put_change(self, change: Canvas, matrix: np.ndarray, fit: Fit, canvas: Size) -> None:
        """Begin to add a change of what an output shows, at the next `add`.

        `change`: float16 (H, W, 4), of the whole output, row 0 at the top. `matrix` maps places of
        the canvas to places of the screen. `fit`: how the output shows the canvas, whose width and
        height are `canvas`. Raises OutOfMemoryError as `put` does."""
        size = (change.shape[1], change.shape[0])
        wider = (canvas[0] / canvas[1]) / (size[0] / size[1])
        view = View(0.0, 0.0, min(wider, 1.0) if fit == "cover" else max(wider, 1.0))
        placed = PlacedView(view, view.matrix @ matrix, 1.0)
        self.put(partial(HostCopy().write, canvas=change), [placed], size, 0.0, canvas)

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
            onto = canvas.framebuffer, canvas.size
            held = canvas.region
            self._add(*onto, landing, landing.placed.matrix, amount / gain, held=held)
            if (running := canvas.running) and running.rows:
                onto = canvas.spare, canvas.size
                matrix = landing.placed.matrix @ running.warp.matrix.astype(np.float64)
                rows = range(running.rows)
                self._add(*onto, landing, matrix, amount / later_gain, rows=rows)
        self._landings = [each for each in self._landings if each.left > 1e-4]

    def add_rest(
        self,
        stack: RenderTarget,
        number: int,
        size: Size,
        view: View,
        rows: range | None = None,
    ) -> None:
        """Add what is still to come to a view that was drawn: it will be there when it is back.

        `rows`: those of the view that were drawn, all by default."""
        to_canvas = np.linalg.inv(view.matrix)
        for landing in self._landings:
            matrix = landing.placed.matrix @ to_canvas
            amount = landing.left * landing.placed.amount
            onto = stack.framebuffer, size
            where: dict[str, Any] = {"first_row": number * size[1], "mirrored": False, "rows": rows}
            self._add(*onto, landing, matrix, amount, covered=True, **where)

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
        while self._targets:
            self._targets.pop().release()

    def release(self) -> None:
        self.release_textures()
        self._pass.release()

    def _add(
        self,
        framebuffer: moderngl.Framebuffer,
        size: Size,
        landing: _Landing,
        matrix: np.ndarray,
        amount: float,
        **where: Any,
    ) -> None:
        """Add a direction; `where`: the keywords of `AddPass.add` that say to which rows."""
        view = landing.placed.view
        self._pass.add(
            *(framebuffer, size, landing.texture, landing.number, landing.size),
            *(matrix, amount),
            masked=not view.whole,
            linear=landing.linear,
            chroma=view.chroma,
            **where,
        )

    def _doubled(self, landing: _Landing) -> _Landing:
        """Enlarge a direction smoothly by 2; what is left can be bilinear, at half the cost.

        Without graphics memory for that, return it as it is."""
        size = (2 * landing.size[0], 2 * landing.size[1])
        try:
            target = self._free(size)
        except LiveflightError:
            return landing
        target.framebuffer.clear()
        self._pass.add(
            *(target.framebuffer, size, landing.texture, landing.number, landing.size),
            *(np.eye(3), 1.0),
        )
        return replace(landing, texture=target.texture, number=0, size=size, linear=True)

    def _free(self, size: Size) -> RenderTarget:
        """Return a target of this size that no direction uses.

        Raises LiveflightError where the graphics memory cannot hold another."""
        used = {landing.texture for landing in self._landings}
        for target in self._targets:
            if target.texture not in used and target.size == size:
                return target
        target = RenderTarget(self._ctx, size)
        self._targets.append(target)
        return target
