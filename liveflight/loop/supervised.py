"""Answer a supervisor: write heartbeats, and end the process where only a new one can help."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import psutil

from liveflight.core.lost_device import lost
from liveflight.engines import gpu_figures
from liveflight.render.context_check import ContextCheck
from liveflight.system import exit_codes, terminal
from liveflight.system.heartbeat import Heartbeat
from liveflight.system.worker import start_thread

if TYPE_CHECKING:
    from liveflight.app import App

log = logging.getLogger(__name__)

_FIGURES_INTERVAL_S = 5.0
_BEATS_PER_CHECK = 40
"""Heartbeats between two checks of the GL context: ten seconds, as each waits for the GPU."""
STALLED_S = 90.0
"""Seconds in which every step fails, after which a new process is tried.

Three of these within five minutes lead to the safe look."""
_MIB = 2**20
_RESTING = "rest"
"""The part of a frame in which it waits until it is due."""
_OUTSIDE = "system"
"""Cause of a late frame whose own parts took less time than it had."""


class Figures:
    """Memory and temperature, read on a thread of its own: a driver may keep a caller waiting."""

    def __init__(self) -> None:
        self.values: Mapping[str, float | None] = {}
        self._process = psutil.Process()
        self._closed = threading.Event()
        start_thread(self._run, "figures")

    def close(self) -> None:
        self._closed.set()

    def _run(self) -> None:
        while True:
            self.values = {
                "memory_mib": round(self._process.memory_info().rss / _MIB, 1),
                "gpu_memory_mib": gpu_figures.memory_mib(),
                "gpu_temperature": gpu_figures.temperature(),
            }
            if self._closed.wait(_FIGURES_INTERVAL_S):
                return


class HeartbeatWatcher:
    """Write heartbeats about a flight; call it after each frame."""

    def __init__(
        self,
        app: App,
        heartbeat: Heartbeat,
        figures: Figures,
        lost: Callable[[str], None],
        engine: str = "auto",
    ) -> None:
        """`lost` is called where the GL context is. `engine`: its name on the command line."""
        self._app, self._heartbeat = app, heartbeat
        self._figures, self._lost, self._engine = figures, lost, engine
        self._late_by: Counter[str] = Counter()
        self._late = 0
        self._parts: Mapping[str, float] = {}
        """Seconds of the last frame's parts."""
        self._displayed = 0
        """Number of displayed frames at the last heartbeat."""
        self._context, self._checked = ContextCheck(app.output.ctx), 0

    def __call__(self) -> None:
        app = self._app
        if (late := app.frame_counter.late) != self._late:
            self._late_by[self._cause()] += late - self._late
            self._late = late
        self._parts = app.frame_timer.seconds
        if (app.displayed > self._displayed or app.flight.asleep) and self._heartbeat.due():
            self._check_context()
            self._displayed = app.displayed
            self._heartbeat.beat(self.fields())

    def fields(self) -> dict[str, object]:
        """Return a heartbeat's fields."""
        app, flight = self._app, self._app.flight
        flown = next(iter(flight.mix()), None)
        engine = flight.loader.engine
        return {
            "frames": app.displayed,
            "late": self._late,
            "late_by": dict(self._late_by),
            "fps": round(app.frame_counter.rate, 1),
            "memory_mib": None,
            "gpu_memory_mib": None,
            "gpu_temperature": None,
            **self._figures.values,
            "flash_limited": app.presenter.flash_limiter.frames,
            "loading": flown is None,
            "asleep": flight.asleep,
            "preset": flight.preset_player.preset,
            "network": flown.network if flown else "",
            "engine": f"{self._engine} on {engine.device}" if engine else "",
            "last_error": flight.reports.last_fault,
        }

    def _check_context(self) -> None:
        self._checked += 1
        if self._checked % _BEATS_PER_CHECK == 0 and self._context.is_lost():
            self._lost("the window's GL context has lost its textures")

    def _cause(self) -> str:
        """Return the part of the last frame that took the longest, if they filled its time."""
        busy = {part: taken for part, taken in self._parts.items() if part != _RESTING}
        if sum(busy.values()) < self._app.frame_pacer.interval:
            return _OUTSIDE
        return max(busy, key=lambda part: busy[part])


def end_process(code: int) -> None:
    """End the process now: what a lost device has open cannot be closed."""
    logging.shutdown()
    terminal.drain()
    os._exit(code)


class LossWatch:
    """End the process where a fault says that the GPU or the memory is lost."""

    def __init__(self, end: Callable[[int], None] = end_process) -> None:
        self._end = end

    def failure(self, error: BaseException) -> None:
        """Look at what a part of a frame raised."""
        self.fault(error, None)
        if lost(error) == "memory":
            log.error("there is not enough memory: ending this process for a new one")
            self._end(exit_codes.OUT_OF_MEMORY)

    def fault(self, trouble: object, cause: BaseException | None) -> None:
        """Look at what was reported: background work without enough memory is no loss."""
        if lost(cause or trouble) == "gpu":
            self.lost("the GPU is lost")

    def after_frame(self, failing_s: float) -> None:
        """Look at the seconds of flight in which every step has failed."""
        if failing_s > STALLED_S:
            log.error("every step has failed for %.0f s: trying a new process", failing_s)
            self._end(exit_codes.STALLED)

    def lost(self, what: str) -> None:
        """End the process for one that begins with a working GPU."""
        log.error("%s, which only a new process can mend: ending this one", what)
        self._end(exit_codes.GPU_LOST)


def attach(app: App, heartbeat: Heartbeat, engine: str) -> HeartbeatWatcher:
    """Make a live flight answer its supervisor. `engine`: its name on the command line."""
    watch = LossWatch()
    app.guard.on_failure = watch.failure
    app.flight.reports.on_add = watch.fault
    watcher = HeartbeatWatcher(app, heartbeat, Figures(), watch.lost, engine)
    app.watchers.append(lambda: app.guard.run("the heartbeat", watcher))
    app.watchers.append(lambda: watch.after_frame(app.ascent_scheduler.failing_s))
    return watcher
