"""Run a real flight and measure it.

The program's own loop runs with an output that notes when each frame began and was shown, and an
engine that notes each of its calls.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil

from liveflight import app, engines
from liveflight.core.contracts import Event, LiveflightError, Output, Quit, Size
from liveflight.loop import live_loop
from liveflight.show.options import Options

_UNPACED_FPS = 1000.0
"""The highest frame rate, where no frame is to be held back."""
_START_LIMIT_S = 120.0
"""Seconds that a flight may take until its first ascended picture."""


@dataclass
class FrameTimes:
    """When a frame began and was shown, in seconds of time.perf_counter."""

    begun: float
    shown: float = 0.0


class TimedOutput:
    """Wrap an output, note the times of its frames, and end the loop once `over` returns true."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.frames: list[FrameTimes] = []
        self.over: Callable[[], bool] = lambda: False
        self.before_show: Callable[[], None] = lambda: None
        self.after_show: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.output, name)

    def events(self) -> Sequence[Event]:
        self.frames.append(FrameTimes(time.perf_counter()))
        events = self.output.events()
        return [*events, Quit()] if self.over() else events

    def show(self) -> None:
        self.before_show()
        self.output.show()
        self.frames[-1].shown = time.perf_counter()
        self.after_show()


@dataclass(frozen=True)
class AscentTime:
    """One call of the engine."""

    steps: int
    """Its views."""
    seconds: float


class MeasuredFlight:
    """A flight that can be run for a while, again and again.

    `given`: network, layer, filter, view, canvas (None: as the output), size, output (`headless` or
    `window`), device, engine, seed, settings, weights (a file or None), fps."""

    def __init__(self, given: dict[str, Any], osc_port: int = 0) -> None:
        threading.Thread(target=engines.preload, daemon=True).start()
        options = _options(given, osc_port)
        size = given["size"][0], given["size"][1]
        self.output = TimedOutput(open_output(given["output"], size))
        self.opened = time.time()
        self.app = app.build(options, cast(Output, self.output), live=True)
        self.ascents: list[AscentTime] = []
        self._wrapped: object = None
        self.output.after_show = self._wrap

    def until_dreaming(self) -> tuple[float, float]:
        """Fly until the first ascended picture is shown.

        Return when the first picture and when that one was shown, in seconds since 1970. Raises
        LiveflightError where nothing is ascended within 120 seconds."""
        first = 0.0
        end = time.perf_counter() + _START_LIMIT_S

        def shown() -> None:
            nonlocal first
            first = first or time.time()
            self._wrap()

        self.output.after_show = shown
        frames = self.run(lambda: bool(self.ascents) or time.perf_counter() > end)
        self.output.after_show = self._wrap
        if not self.ascents:
            last = self.app.flight.reports.last
            limit = f"{_START_LIMIT_S:.0f} s"
            raise LiveflightError(f"nothing was ascended within {limit} {last}".strip())
        return first, time.time() - (time.perf_counter() - frames[-1].shown)

    def run(self, over: Callable[[], bool], fps: float = _UNPACED_FPS) -> list[FrameTimes]:
        """Return the frames that the program's loop shows until `over`, asked as each begins."""
        self.output.frames = []
        self.output.over = over
        self.app.running = True
        live_loop.run(self.app, fps)
        return [frame for frame in self.output.frames if frame.shown]

    def run_for(self, seconds: float, fps: float = _UNPACED_FPS) -> list[FrameTimes]:
        """Return the frames that the program's loop shows in this many seconds."""
        end = time.perf_counter() + seconds
        return self.run(lambda: time.perf_counter() >= end, fps)

    def replace_directions(self, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Replace the engine's `directions` by what `make` returns for it."""
        engine = self.app.flight.loader.engine
        assert engine is not None
        setattr(engine, "directions", make(engine.directions))  # noqa: B010

    def _wrap(self) -> None:
        engine = self.app.flight.loader.engine
        if engine is None or engine is self._wrapped:
            return
        self._wrapped = engine
        self.replace_directions(self._counted)

    def _counted(self, directions: Callable[..., Any]) -> Callable[..., Any]:
        def counted(views: Any, steps: Any, ascent: Any) -> Any:
            start = time.perf_counter()
            found = directions(views, steps, ascent)
            self.ascents.append(AscentTime(len(steps), time.perf_counter() - start))
            return found

        return counted


def _options(given: dict[str, Any], osc_port: int) -> Options:
    return Options(
        network=given["network"],
        layer=given["layer"],
        filter=str(given["filter"]),
        weights=Path(given["weights"]) if given["weights"] else None,
        settings=given["settings"],
        view=(given["view"][0], given["view"][1]),
        canvas=(given["canvas"][0], given["canvas"][1]) if given["canvas"] else None,
        device=given["device"],
        engine=given["engine"],
        seed=given["seed"],
        fps=given["fps"],
        osc_port=osc_port,
    )


def open_output(kind: str, size: Size) -> Output:
    """Open a `headless` output or a `window`."""
    if kind == "headless":
        from liveflight.outputs.offscreen import Offscreen

        return Offscreen(size)
    from liveflight.outputs.window import Window

    return Window(size)


def free_port() -> int:
    """Return a free UDP port of the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    return int(psutil.Process().memory_info().rss)
