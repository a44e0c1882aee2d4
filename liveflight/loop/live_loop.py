"""Repeat a flight's frames live, evenly, until the performer quits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from liveflight.system import gc_control

if TYPE_CHECKING:
    from liveflight.app import App

LOADING_INTERVAL_S = 0.1
"""Seconds per frame until there is a target to ascend: loading it needs the processor's time."""

SLEEPING_INTERVAL_S = 0.25
"""Seconds per frame while the show is closed: a watchdog still sees that it is alive."""


@gc_control.manual_collection()
def run(app: App, fps: float, stopped: Callable[[], bool] = lambda: False) -> None:
    """Fly live, at most `fps` frames per second, until the performer quits or `stopped()`.

    The governor, and the time that frames wait for the ascent, go by the options' frame rate even
    where `fps` differs."""
    headroom = app.frame_pacer.interval - 1 / fps
    late = 0.0

    def sleep(until: float) -> None:
        left = until - time.perf_counter()
        app.guard.run("memory clean-up", gc_control.collect, left, app.flight.loader.tidy)
        time.sleep(max(0.0, until - time.perf_counter()))

    def wait(seconds: float) -> None:
        sleep(time.perf_counter() + seconds - headroom - late)

    due = time.perf_counter()
    while app.running and not stopped():
        now = time.perf_counter()
        late = max(now - due, 0.0)
        # With vsync the driver's drawing time is unknown, and so is the time that is left.
        app.guard.run_always("a frame", app.frame, now, None if app.output.vsync else wait)
        flying = app.guard.run_always("the mix", app.flight.mix)
        interval = 1 / fps if flying else LOADING_INTERVAL_S
        if app.flight.asleep:
            interval = SLEEPING_INTERVAL_S
        due = max(due + interval, time.perf_counter() - interval)
        # With vsync the display keeps the intervals even; sleep only where it is faster than `fps`.
        early = interval / 2 if app.output.vsync else 0.0
        sleep(due - early)
