"""Run the feedback loop: views of the canvas go to the engine, directions come back onto it.

A tick is one `Engine.directions`. The canvas stays at the camera's pose of its last warp for a
while, since each warp costs sharpness and time; the motion since then is `pending`, and the display
draws the canvas through it (timewarp, as in head-mounted displays). So motion is even however long
a tick takes. Brightness and contrast are held in the same way: by a pending tone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from liveflight.core.ascent import Upkeep
from liveflight.core.contracts import Ascent, Canvas, Engine, Mix, Size, ViewStep, Warp
from liveflight.core.noise import first_canvas
from liveflight.core.tone import ToneHold
from liveflight.core.views import View
from liveflight.loop.canvas_motion import CanvasMotion
from liveflight.loop.hand_over import HandOver, timed_directions
from liveflight.render.canvas import CanvasRenderer
from liveflight.render.canvas_transfer import HostCopy
from liveflight.render.landings import Landings, PlacedView
from liveflight.render.measure import MeasurePass, Statistics
from liveflight.render.view_passes import ViewPass
from liveflight.system.worker import Worker

if TYPE_CHECKING:
    import moderngl


class DrawOver(Protocol):
    """Draw a picture from outside over the canvas.

    `moved` maps places of the canvas to places of the screen, in heights."""

    def __call__(
        self, framebuffer: moderngl.Framebuffer, seconds: float, moved: np.ndarray
    ) -> None: ...


ASCENT_NICENESS = 10
"""Niceness of the ascent's thread, so that the display comes first where cores are few."""

_MAX_CLOSE_WAIT_S = 2.0
"""Seconds that `close` waits for the running tick."""

_OVER_INTERVAL_S = 0.1
"""Seconds between two times that a picture from outside is drawn over the canvas."""


class FeedbackLoop:
    """The canvas and its ticks. All on the frame loop's thread but `directions`, on `worker`."""

    def __init__(
        self,
        ctx: moderngl.Context,
        size: Size,
        seed: int,
        worker: Worker[tuple[Canvas, float]],
        noise: Worker[Canvas],
        end_part: Callable[[str], None],
        start: Callable[[Size, int], Canvas] = first_canvas,
        draw_over: DrawOver | None = None,
        warp_frames: int = 1,
    ) -> None:
        """Make a canvas and draw its first picture.

        `size`: the canvas's width and height in pixels. `seed`: seed of the first noise. `worker`
        runs the ascent, `noise` makes new noise. `end_part(name)` is called as each part of a frame
        ends. `start(size, seed)` makes the first canvas. `draw_over` draws an outside picture over
        the canvas, with the strength for that many seconds. `warp_frames`: frames over which the
        work of a warp is spread."""
        self.ticks = 0
        """Number of ticks that have arrived, including failed ones."""
        self.duration = 0.0
        """Seconds that the last tick's ascent took."""
        self.steps = 0
        """Views of the running tick, or of the last one."""
        self.since = 0.0
        """Seconds of flight since the last tick began."""
        self.ranks = 1
        """Number of processes that share a tick: each takes as many views as the performer says."""
        self.on_warp: Callable[[np.ndarray], None] = lambda matrix: None
        """Called with the matrix of each warp of the canvas."""
        self._ctx = ctx
        self.renderer = self._make_renderer(size)
        self._views, self._measuring = self._make_views(), MeasurePass(ctx)
        self.landings = Landings(ctx)
        self._hand_over = HandOver(ctx)
        self.worker, self._noise = worker, noise
        self._end_part = end_part
        self._start, self._draw_over = start, draw_over
        self.motion = CanvasMotion(self.renderer, warp_frames, self._moved)
        self._flying: tuple[list[PlacedView], Size] = ([], size)
        """The views of the running tick, and their width and height in pixels."""
        self._seed = seed + 1
        self._hold = ToneHold()
        self._since_over = 0.0
        self._slow = False
        """Whether the running tick began in an earlier frame."""
        self._unwanted = False
        """Whether the canvas was reseeded since the tick began, so that its result is dropped."""
        self._start_from(start(size, seed))

    @property
    def size(self) -> Size:
        """Return the width and height of the canvas in pixels."""
        return self.renderer.size

    @property
    def ticking(self) -> bool:
        """Return whether a tick is running."""
        return self.worker.busy

    @property
    def _landing_s(self) -> float:
        """Return over how many seconds the directions of a tick that arrives now are added."""
        return self.since if self._slow else 0.0

    @property
    def shown(self) -> Warp:
        """Return how the canvas has moved, and what became of its colours, since it was warped."""
        return self.motion.shown

    def move(self, warp: Warp, dt: float) -> None:
        """Add the camera's motion in a frame of `dt` seconds."""
        self.motion.move(warp, dt)
        self.since += dt
        self._since_over += dt
        self._slow = True

    def use_engine(self, engine: Engine) -> str:
        """Use this engine from now on, with the fastest canvas transfer that works.

        Return, at the first call for an engine, why the transfer is not GPU to GPU although it
        could be; empty otherwise."""
        return self._hand_over.use_engine(engine)

    def resize(self, size: Size) -> None:
        """Give the canvas this width and height.

        Raises LiveflightError, and changes nothing, where the GPU has no room for it."""
        if size != self.size:
            self.motion.resize(size)
            self._measuring.forget()

    def begin(
        self,
        engine: Engine,
        views: Sequence[tuple[View, Mix]],
        ascent: Ascent,
        amount: float,
        size: Size,
    ) -> None:
        """Begin a tick: draw the views, and start their ascent.

        `amount`: RMS distance by which all views together move the picture. `size`: width and
        height of a view in pixels. Raises OutOfMemoryError where the GPU has no room for them."""
        if self._flying[1] != size or len(self._flying[0]) != len(views):
            self._hand_over.forget()  # their textures may be released
            if self._flying[1] != size:
                self.landings.release_textures()
        canvas = self._draw([view for view, _ in views], size)
        self.since = 0.0
        share = amount / max(len(views), 1)
        placed = [PlacedView(view, view.matrix, view.amount(share)) for view, _ in views]
        self._flying = placed, size
        steps = [view.step(mix) for view, mix in views]
        self.steps = len(views)
        self._slow = self._unwanted = False
        self.worker.submit(self._ascent(engine, canvas, steps, ascent))

    def collect_result(self, patience: float) -> bool:
        """Wait at most `patience` seconds for the running tick; return whether it has arrived.

        The directions of a tick that began in this frame are added at once. Those of a longer one
        are added over the time it took. Raises what the ascent raised; the canvas then stays as it
        was."""
        arrived = self.worker.wait(patience)
        self._end_part("ascent")
        if not arrived:
            return False
        self.ticks += 1
        directions, self.duration = self.worker.result()
        if not self._unwanted:
            self._put(directions)
            self._end_part("hand-over")
        return True

    def advance(self, dt: float, upkeep: Upkeep) -> bool:
        """Add directions, hold the brightness, and warp the canvas where it has moved far.

        Return whether the picture is finite; if not, it starts again from noise."""
        gain = self.shown.tone.gain
        self.landings.add(self.renderer, dt, gain, self.motion.pending.tone.gain)
        self._end_part("adding")
        if self._draw_over and self._since_over >= _OVER_INTERVAL_S:
            self._draw_outside(self._draw_over)
        self.motion.advance(upkeep)
        self._end_part("warp")
        found = self._measure()
        if found and not math.isfinite(found.mean + found.deviation):
            self.reseed()
            return False
        share = 1 - math.exp(-upkeep.pull * dt)
        wanted = upkeep.brightness, upkeep.contrast
        pending = self.motion.pending
        tone = self._hold.pulled(pending.tone, found, *wanted, share)
        self.motion.pending = replace(pending, tone=tone)
        self._end_part("measuring")
        return True

    def texture(self) -> moderngl.Texture:
        """Return the canvas, to be drawn through `shown`."""
        self._take_noise()
        return self.renderer.texture

    def reseed(self) -> None:
        """Start again from new noise, different every time, as soon as it has been made."""
        if not self._noise.busy:
            self._noise.submit(partial(self._start, self.size, self._seed))
            self._seed += 1
        self._take_noise()

    def close(self) -> None:
        """Release everything after the running tick has ended; may be called twice."""
        self.worker.close(_MAX_CLOSE_WAIT_S)
        self._noise.close(_MAX_CLOSE_WAIT_S)
        self._hand_over.release()
        for part in (self.landings, self._views, self._measuring, self.renderer):
            part.release()

    def _make_renderer(self, size: Size) -> CanvasRenderer:
        return CanvasRenderer(self._ctx, size)

    def _make_views(self) -> ViewPass:
        return ViewPass(self._ctx)

    def _draw(self, views: Sequence[View], size: Size) -> Canvas:
        """Draw the views; return them below each other, valid until the next call."""
        stack = self._views.stack(size, len(views))
        for number, view in enumerate(views):
            self._views.draw(
                *(stack, number, size, view),
                *(self.renderer.texture, self.shown, self.renderer.region),
            )
            self.landings.add_rest(stack, number, size, view)
        self._end_part("views")
        canvas = self._hand_over.read(stack.texture)
        self._end_part("hand-over")
        return canvas

    def _ascent(
        self, engine: Engine, views: Canvas, steps: Sequence[ViewStep], ascent: Ascent
    ) -> Callable[[], tuple[Canvas, float]]:
        """Return the job of a tick: it returns the directions, and the seconds they took."""
        return partial(timed_directions, engine, views, steps, ascent)

    def _measure(self) -> Statistics | None:
        return self._measuring.measure(self.renderer.texture, self.shown)

    def _moved(self, matrix: np.ndarray) -> None:
        """Move everything with the canvas, which was warped by this matrix."""
        self.landings.moved(matrix)
        for placed in self._flying[0]:
            placed.matrix = placed.matrix @ matrix
        self.on_warp(matrix)

    def _draw_outside(self, draw_over: DrawOver) -> None:
        seconds, self._since_over = self._since_over, 0.0
        draw_over(self.renderer.framebuffer, seconds, np.linalg.inv(self.shown.matrix))
        if self.renderer.running:
            draw_over(self.renderer.spare, seconds, np.linalg.inv(self.motion.pending.matrix))

    def _put(self, directions: Canvas) -> None:
        placed, size = self._flying
        write = partial(self._hand_over.write, canvas=directions)
        self.landings.put(write, placed, size, self._landing_s, self.size)

    def _take_noise(self) -> None:
        if not (self._noise.busy and self._noise.wait()):
            return
        canvas = self._noise.result()
        if canvas.shape[1::-1] == self.size:
            self._start_from(canvas)
        else:  # the canvas was resized meanwhile
            self.reseed()

    def _start_from(self, canvas: Canvas) -> None:
        part = self.renderer.region.of(canvas)
        self.renderer.renew(partial(HostCopy().write, canvas=part))
        self.landings.forget()
        self._measuring.forget()
        self.motion.restart()
        self._unwanted = True
