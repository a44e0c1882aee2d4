"""Run the feedback loop: warp the canvas, ascend on it, and show it from where the camera is.

A tick is one `Engine.ascend`. The canvas always belongs to the camera's pose at the start of its
last tick. The camera's motion since then is `pending`, and the display draws the canvas through it
(timewarp, as in head-mounted displays). So motion is even however long a tick takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from liveflight.core.camera import IDENTITY, compose, is_identity
from liveflight.core.contracts import Ascent, Canvas, Engine, Mix, Size, Warp
from liveflight.core.noise import pink
from liveflight.render.canvas import CanvasRenderer
from liveflight.render.canvas_transfer import CanvasTransfer, HostCopy, InteropError, choose
from liveflight.system.worker import Worker

if TYPE_CHECKING:
    import moderngl


class DrawOver(Protocol):
    """Draw a picture from outside over the canvas."""

    def __call__(self, framebuffer: moderngl.Framebuffer, seconds: float) -> None: ...


_MAX_CLOSE_WAIT_S = 2.0
"""Seconds that `close` waits for the running tick."""


class FeedbackLoop:
    """The canvas and its ticks. All on the frame loop's thread but `Engine.ascend`, on `worker`."""

    def __init__(
        self,
        ctx: moderngl.Context,
        size: Size,
        seed: int,
        worker: Worker[tuple[Canvas, float]],
        noise: Worker[Canvas],
        end_part: Callable[[str], None],
        start: Callable[[Size, int], Canvas] = pink,
        draw_over: DrawOver | None = None,
    ) -> None:
        """Make a canvas and draw its first picture.

        `size`: the canvas's width and height in pixels. `seed`: seed of the first noise. `worker`
        runs the ascent, `noise` makes new noise. `end_part(name)` is called as each part of a frame
        ends. `start(size, seed)` makes the first canvas. `draw_over(framebuffer, seconds)` draws an
        outside picture over the canvas, with the strength for that many seconds."""
        self.ticks = 0
        """Number of ticks that have arrived, including failed ones."""
        self.duration = 0.0
        """Seconds that the last tick's ascent took."""
        self.steps = 0
        """Ascent steps of the running tick, or of the last one."""
        self.since = 0.0
        """Seconds of flight since the last tick began."""
        self._ctx = ctx
        self.renderer = CanvasRenderer(ctx, size)
        self._engine: Engine | None = None
        self._transfer: CanvasTransfer = HostCopy()
        self.worker, self._noise = worker, noise
        self._end_part = end_part
        self._start, self._draw_over = start, draw_over
        self._span = 0.0
        """Seconds of flight that the running tick is for."""
        self._seed = seed + 1
        self._pending = IDENTITY
        """The camera's motion since the last tick began."""
        self._slow = False
        """Whether the running tick began in an earlier frame."""
        self._unwanted = False
        """Whether the canvas was reseeded since the tick began, so that its result is dropped."""
        self._lag = 0.0
        """Seconds in which the seen picture blends towards the canvas."""
        self._start_from(start(size, seed))

    @property
    def size(self) -> Size:
        """Return the width and height of the canvas in pixels."""
        return self.renderer.size

    @property
    def ticking(self) -> bool:
        """Return whether a tick is running."""
        return self.worker.busy

    def move(self, warp: Warp, dt: float) -> None:
        """Add the camera's motion in a frame of `dt` seconds."""
        self._pending = compose(self._pending, warp)
        self.since += dt
        self._slow = True

    def use_engine(self, engine: Engine) -> str:
        """Use this engine from now on, with the fastest canvas transfer that works.

        Return, at the first call for an engine, why the transfer is not GPU to GPU although it
        could be; empty otherwise."""
        if engine is self._engine:
            return ""
        self._engine = engine
        self._transfer.release()
        self._transfer, reason = choose(self._ctx, engine.device, engine.stream)
        return reason

    def resize(self, size: Size) -> None:
        """Give the canvas this width and height.

        Raises LiveflightError, and changes nothing, where the GPU has no room for it."""
        if size != self.size:
            self._transfer.forget()
            self.renderer.resize(size)

    def begin(self, engine: Engine, mix: Mix, ascent: Ascent, size: Size) -> None:
        """Begin a tick: resize the canvas, warp it to the camera's pose, and start the ascent."""
        self.resize(size)
        self.apply_pending_motion()
        self._span, self.since = self.since, 0.0
        self._end_part("warp")
        canvas = self._read()
        self._end_part("hand-over")
        self.steps = ascent.steps
        self._slow = self._unwanted = False
        self.worker.submit(partial(_timed, engine, canvas, mix, ascent))

    def apply_pending_motion(self) -> None:
        """Warp the canvas to the camera's pose. Not allowed while a tick is running."""
        if not is_identity(self._pending):
            self.renderer.warp(self._pending)
            self._pending = IDENTITY

    def collect_result(self, patience: float) -> bool:
        """Wait at most `patience` seconds for the running tick; return whether it has arrived.

        The result of a tick that began in this frame is seen at once. A longer one is blended in
        over the time it took. Raises what the ascent raised; the canvas then stays as it was."""
        arrived = self.worker.wait(patience)
        self._end_part("ascent")
        if not arrived:
            return False
        self.ticks += 1
        canvas, self.duration = self.worker.result()
        if not self._unwanted:
            self._put(canvas, seen=not self._slow)
            if self._draw_over:
                self.renderer.tint(partial(self._draw_over, seconds=self._span))
            self._lag = self.since if self._slow else self._lag
            self._end_part("hand-over")
        return True

    def blend_displayed(self, dt: float) -> None:
        """Blend the seen picture towards the canvas for `dt` seconds."""
        self.renderer.blend(dt / self._lag if self._lag > dt else 1.0)
        self._lag -= dt

    def view(self) -> moderngl.Texture:
        """Return the picture from the camera's pose; valid until another method is called."""
        self._take_noise()
        return self.renderer.view(self._pending)

    def unwarped(self) -> moderngl.Texture:
        """Return the picture from the pose of the last tick, without drawing."""
        return self.renderer.view(IDENTITY)

    def reseed(self) -> None:
        """Start again from new noise, different every time, as soon as it has been made."""
        if not self._noise.busy:
            self._noise.submit(partial(self._start, self.size, self._seed))
            self._seed += 1
        self._take_noise()

    def _take_noise(self) -> None:
        if not (self._noise.busy and self._noise.wait()):
            return
        canvas = self._noise.result()
        if canvas.shape[1::-1] == self.size:
            self._start_from(canvas)
        else:  # the canvas was resized meanwhile
            self.reseed()

    def _start_from(self, canvas: Canvas) -> None:
        self.renderer.blend(1.0)
        self._put(canvas, seen=True)
        self._pending, self._unwanted = IDENTITY, True

    def _read(self) -> Canvas:
        try:
            return self._transfer.read(self.renderer.texture)
        except InteropError:  # a copy through the host always works
            self._fall_back_to_host()
            return self._transfer.read(self.renderer.texture)

    def _put(self, canvas: Canvas, *, seen: bool) -> None:
        write = partial(self._transfer.write, canvas=canvas)
        try:
            self.renderer.renew(write, seen=seen)
        except InteropError:
            self._fall_back_to_host()
            raise

    def _fall_back_to_host(self) -> None:
        self._transfer.release()
        self._transfer = HostCopy()

    def close(self) -> None:
        """Release everything after the running tick has ended; may be called twice."""
        self.worker.close(_MAX_CLOSE_WAIT_S)
        self._noise.close(_MAX_CLOSE_WAIT_S)
        self._transfer.release()
        self.renderer.release()


def _timed(engine: Engine, canvas: Canvas, mix: Mix, ascent: Ascent) -> tuple[Canvas, float]:
    """Ascend; return the new canvas and the seconds it took."""
    began = time.perf_counter()
    ascended = engine.ascend(canvas, mix, ascent)
    engine.wait()
    return ascended, time.perf_counter() - began
