"""The picture that is dreamed: where it is, what grows on it, what is seen of it.

The canvas always belongs to a pose, the camera's as its last tick began; a tick is one
`Engine.ascend`. What the camera moved since is `pending`, and the display looks at the canvas
through it (timewarp, as in head-mounted displays), so motion is even however long a tick takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from liveflight.core.camera import STILL, is_still, then
from liveflight.core.contracts import Ascent, Canvas, Engine, Mix, Warp
from liveflight.core.noise import pink
from liveflight.render.canvas import CanvasRenderer
from liveflight.render.canvas_transfer import CanvasTransfer, HostCopy, InteropError, choose
from liveflight.system.worker import Worker

if TYPE_CHECKING:
    import moderngl


class Lay(Protocol):
    def __call__(self, framebuffer: moderngl.Framebuffer, seconds: float) -> None: ...


_GRACE = 2.0
"""Seconds that `close` waits for the tick in flight."""


class FeedbackLoop:
    """All of it on the frame loop's thread but for `Engine.ascend`, which `worker` does."""

    def __init__(
        self,
        ctx: moderngl.Context,
        size: tuple[int, int],
        seed: int,
        worker: Worker[tuple[Canvas, float]],
        noise: Worker[Canvas],
        lap: Callable[[str], None],
        start: Callable[[tuple[int, int], int], Canvas] = pink,
        lay: Lay | None = None,
    ) -> None:
        """`size`: the canvas's width and height in pixels; `seed`: of the noise it starts from;
        `worker` ascends, `noise` makes more noise; `lap` is called as each part of a frame ends,
        with its name; `start` makes what it starts from, of a size and a seed; `lay` lays what is
        to be seen from outside over a framebuffer that so many seconds have passed for."""
        self.ticks = 0
        """How many have arrived, failed ones included."""
        self.duration = 0.0
        """Seconds that the last tick's ascent took."""
        self.steps = 0
        """Of the tick in flight, or the last one."""
        self.since = 0.0
        """Seconds flown since the last tick began."""
        self._ctx = ctx
        self._feedback = CanvasRenderer(ctx, size)
        self._engine: Engine | None = None
        self._hand_over: CanvasTransfer = HostCopy()
        self._worker, self._noise = worker, noise
        self._lap = lap
        self._start, self._lay = start, lay
        self._span = 0.0
        self._seed = seed + 1
        self._pending = STILL
        self._slow = False
        self._unwanted = False
        self._lag = 0.0
        self._start_from(start(size, seed))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the canvas in pixels."""
        return self._feedback.size

    @property
    def ticking(self) -> bool:
        """Whether a tick has begun and not arrived."""
        return self._worker.busy

    def move(self, warp: Warp, dt: float) -> None:
        """The camera moved on by a frame of `dt` seconds."""
        self._pending = then(self._pending, warp)
        self.since += dt
        self._slow = True

    def couple(self, engine: Engine) -> str:
        """Ascends by this engine from now on, handed over in the fastest way there is; why that is
        not the GPU's own, where it could be, said once."""
        if engine is self._engine:
            return ""
        self._engine = engine
        self._hand_over.release()
        self._hand_over, reason = choose(self._ctx, engine.device, engine.stream)
        return reason

    def resize(self, size: tuple[int, int]) -> None:
        """Give the canvas this width and height. Raises LiveflightError, and changes nothing, where
        the GPU has no room for it."""
        if size != self.size:
            self._hand_over.forget()
            self._feedback.resize(size)

    def begin(self, engine: Engine, mix: Mix, ascent: Ascent, size: tuple[int, int]) -> None:
        """A tick begins: the canvas, from now on of that size, comes to where the camera is."""
        self.resize(size)
        self.settle()
        self._span, self.since = self.since, 0.0
        self._lap("warp")
        canvas = self._read()
        self._lap("hand-over")
        self.steps = ascent.steps
        self._slow = self._unwanted = False
        self._worker.submit(partial(_timed, engine, canvas, mix, ascent))

    def settle(self) -> None:
        """Bring the canvas to where the camera is without a tick; not while one is in flight."""
        if not is_still(self._pending):
            self._feedback.warp(self._pending)
            self._pending = STILL

    def arrive(self, patience: float) -> bool:
        """Takes in the tick in flight as soon as it is done, waiting at most `patience` seconds;
        whether it has arrived. Raises what the ascent raised: the canvas then stays as it was.

        One that began in this frame is seen at once; what took longer grows in over as long as it
        took."""
        arrived = self._worker.wait(patience)
        self._lap("ascent")
        if not arrived:
            return False
        self.ticks += 1
        canvas, self.duration = self._worker.result()
        if not self._unwanted:
            self._put(canvas, seen=not self._slow)
            if self._lay:
                self._feedback.tint(partial(self._lay, seconds=self._span))
            self._lag = self.since if self._slow else self._lag
            self._lap("hand-over")
        return True

    def grow(self, dt: float) -> None:
        """What is seen goes on towards the canvas, for `dt` seconds."""
        self._feedback.blend(dt / self._lag if self._lag > dt else 1.0)
        self._lag -= dt

    def view(self) -> moderngl.Texture:
        """What is seen, from where the camera is now; good until anything else here is called."""
        self._take_noise()
        return self._feedback.view(self._pending)

    def still(self) -> moderngl.Texture:
        """Return what is seen as the last tick left it; draws nothing."""
        return self._feedback.view(STILL)

    def reseed(self) -> None:
        """Starts again, from another noise every time, as soon as that has been made."""
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
        else:  # the canvas has another size by now
            self.reseed()

    def _start_from(self, canvas: Canvas) -> None:
        self._feedback.blend(1.0)
        self._put(canvas, seen=True)
        self._pending, self._unwanted = STILL, True

    def _read(self) -> Canvas:
        try:
            return self._hand_over.read(self._feedback.texture)
        except InteropError:  # the host's way always works, and the next tick tells what is lost
            self._by_the_host()
            return self._hand_over.read(self._feedback.texture)

    def _put(self, canvas: Canvas, *, seen: bool) -> None:
        write = partial(self._hand_over.write, canvas=canvas)
        try:
            self._feedback.renew(write, seen=seen)
        except InteropError:
            self._by_the_host()
            raise

    def _by_the_host(self) -> None:
        self._hand_over.release()
        self._hand_over = HostCopy()

    def close(self) -> None:
        """Gives everything back, once the tick in flight has ended. May be called twice."""
        self._worker.close(_GRACE)
        self._noise.close(_GRACE)
        self._hand_over.release()
        self._feedback.release()


def _timed(engine: Engine, canvas: Canvas, mix: Mix, ascent: Ascent) -> tuple[Canvas, float]:
    began = time.perf_counter()
    ascended = engine.ascend(canvas, mix, ascent)
    engine.wait()
    return ascended, time.perf_counter() - began
