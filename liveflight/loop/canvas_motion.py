"""Keep the camera's motion since the canvas was warped, and warp it where it has moved far.

Each warp costs sharpness and time, so the canvas stays as it is for a while; the motion since then
is `pending`, and the display draws the canvas through it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from liveflight.core import camera
from liveflight.core.ascent import Upkeep
from liveflight.core.camera import IDENTITY, compose, displacement
from liveflight.core.contracts import Size, Warp
from liveflight.core.tone import NEUTRAL
from liveflight.render.canvas import CanvasRenderer
from liveflight.render.warp import Texture

_WARP_FROM = 0.08
"""Displacement in picture heights from which the canvas is warped."""

_MAX_WARP_INTERVAL_S = 0.5
"""Seconds after which it is warped, however little it has moved."""


class CanvasMotion:
    """The motion of a canvas and its warps."""

    def __init__(
        self, renderer: CanvasRenderer, frames: int, on_warp: Callable[[np.ndarray], None]
    ) -> None:
        """Begin without motion.

        `frames`: over which the work of a warp is spread. `on_warp` is called with the matrix of
        each warp: from places of the new canvas to the old one, float64 (3, 3)."""
        self.pending = IDENTITY
        """The motion since the last warp began, and its tone."""
        self._renderer, self._frames, self._on_warp = renderer, frames, on_warp
        self._since = 0.0
        """Seconds since then."""

    @property
    def shown(self) -> Warp:
        """Return how the canvas has moved, and what became of its colours, since it was warped."""
        running = self._renderer.running
        return compose(running.warp, self.pending) if running else self.pending

    def move(self, warp: Warp, dt: float) -> None:
        """Add the camera's motion in a frame of `dt` seconds."""
        if not camera.same_folds(self.shown, warp):
            self._keep_folds()
        self.pending = compose(self.pending, warp)
        self._since += dt

    def advance(self, upkeep: Upkeep) -> None:
        """Begin a warp if one is due, and draw this frame's part of it."""
        width, height = self._renderer.size
        moved = displacement(self.pending, width / height)
        if self._renderer.running is None:
            since = self._since
            if moved <= _WARP_FROM and since < _MAX_WARP_INTERVAL_S and not upkeep.pulses(since):
                return
            detail = Texture(upkeep.softened(since), upkeep.grain(since))
            self._since = 0.0
            if camera.is_identity(self.pending) and detail == Texture():
                return
            self._renderer.begin_warp(self.pending, detail)
            self._rest()
            moved = 0.0
        # A fast camera does not wait; folds between a running warp and the motion since are unseen.
        whole = moved > _WARP_FROM or camera.fold_lines(self.pending)
        self._draw(-(-height // (1 if whole else self._frames)))

    def resize(self, size: Size) -> None:
        """Resize the canvas; a running warp goes on as pending motion.

        Raises LiveflightError, and changes nothing, where the GPU has no room for it."""
        running = self._renderer.running
        self._renderer.resize(size)
        if running:
            self.pending = compose(running.warp, self.pending)

    def restart(self, pending: Warp = IDENTITY) -> None:
        """Begin anew with a canvas that has this motion since its last warp."""
        self.pending, self._since = pending, 0.0

    def _draw(self, rows: int) -> None:
        """Draw rows of the running warp; once it is complete, everything moves with the canvas."""
        running = self._renderer.running
        if running and self._renderer.continue_warp(rows):
            self._on_warp(running.warp.matrix.astype(np.float64))

    def _rest(self) -> None:
        """Begin a new motion; its folds are the same, but nothing is folded yet."""
        kept = replace(self.pending, matrix=IDENTITY.matrix, amounts={}, tone=NEUTRAL, folded=0.0)
        self.pending = kept

    def _keep_folds(self) -> None:
        """Warp the canvas at once: others come, and those that are only shown would be gone."""
        height = self._renderer.size[1]
        self._draw(height)
        if self.pending.folded and camera.fold_lines(self.pending):
            self._renderer.begin_warp(self.pending)
            self._rest()
            self._draw(height)
