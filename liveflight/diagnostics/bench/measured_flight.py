"""A real flight under the clock: the program's own loop, on an output that notes when each frame
began and was shown, and an engine that notes each ascent."""

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
from liveflight.core.contracts import Event, LiveflightError, Output, Quit
from liveflight.show.options import Options

UNPACED = 1000.0
"""Frames per second at most, where none are to be held back."""
PATIENCE = 120.0
"""Seconds a flight may take until it dreams."""


@dataclass
class Shown:
    """One frame's moments, in seconds of time.perf_counter."""

    begun: float
    shown: float = 0.0


class Watched:
    """An output that shows what another shows, keeps the time of its frames, and ends the loop
    when `over` says so."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.frames: list[Shown] = []
        self.over: Callable[[], bool] = lambda: False
        self.before_show: Callable[[], None] = lambda: None
        self.after_show: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.output, name)

    def events(self) -> Sequence[Event]:
        self.frames.append(Shown(time.perf_counter()))
        events = self.output.events()
        return [*events, Quit()] if self.over() else events

    def show(self) -> None:
        self.before_show()
        self.output.show()
        self.frames[-1].shown = time.perf_counter()
        self.after_show()


@dataclass(frozen=True)
class Ascended:
    steps: int
    seconds: float
    ended: float


class Flown:
    """A flight that has been built and can be run for a while, again and again.

    `given`: network, layer, filter, canvas, size, output (`headless` or `window`), device, engine,
    seed, settings, weights (a file or None). Raises LiveflightError where it does not come to
    dream."""

    def __init__(self, given: dict[str, Any], osc_port: int = 0) -> None:
        threading.Thread(target=engines.preload, daemon=True).start()
        options = options_of(given, osc_port)
        self.watched = Watched(opened(given["output"], (given["size"][0], given["size"][1])))
        self.opened = time.time()
        self.app = app.build(options, cast(Output, self.watched), live=True)
        self.ascents: list[Ascended] = []
        self._wrapped: object = None
        self.watched.after_show = self._wrap

    def until_dreaming(self) -> tuple[float, float]:
        """Flies until the first ascended picture is shown: when the first picture was, and when
        that one, as seconds since 1970."""
        first = 0.0
        end = time.perf_counter() + PATIENCE

        def shown() -> None:
            nonlocal first
            first = first or time.time()
            self._wrap()

        self.watched.after_show = shown
        frames = self.run(lambda: bool(self.ascents) or time.perf_counter() > end)
        self.watched.after_show = self._wrap
        if not self.ascents:
            said = self.app.flight.reports.last
            raise LiveflightError(f"nothing was ascended within {PATIENCE:.0f} s {said}".strip())
        return first, time.time() - (time.perf_counter() - frames[-1].shown)

    def run(self, over: Callable[[], bool], fps: float = UNPACED) -> list[Shown]:
        """The frames shown by the program's loop until `over`, asked as each begins."""
        self.watched.frames = []
        self.watched.over = over
        self.app.running = True
        app.run(self.app, fps)
        return [frame for frame in self.watched.frames if frame.shown]

    def run_for(self, seconds: float, fps: float = UNPACED) -> list[Shown]:
        end = time.perf_counter() + seconds
        return self.run(lambda: time.perf_counter() >= end, fps)

    def replace_ascend(self, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """The engine's `ascend` becomes what `make` makes of it."""
        engine = self.app.flight.loader.engine
        assert engine is not None
        setattr(engine, "ascend", make(engine.ascend))  # noqa: B010

    def _wrap(self) -> None:
        engine = self.app.flight.loader.engine
        if engine is None or engine is self._wrapped:
            return
        self._wrapped = engine
        self.replace_ascend(self._counted)

    def _counted(self, ascend: Callable[..., Any]) -> Callable[..., Any]:
        def counted(canvas: Any, mix: Any, ascent: Any) -> Any:
            start = time.perf_counter()
            new = ascend(canvas, mix, ascent)
            ended = time.perf_counter()
            self.ascents.append(Ascended(ascent.steps, ended - start, ended))
            return new

        return counted


def options_of(given: dict[str, Any], osc_port: int = 0) -> Options:
    return Options(
        network=given["network"],
        layer=given["layer"],
        filter=str(given["filter"]),
        weights=Path(given["weights"]) if given["weights"] else None,
        settings=given["settings"],
        canvas=(given["canvas"][0], given["canvas"][1]),
        device=given["device"],
        engine=given["engine"],
        seed=given["seed"],
        fps=given["fps"],
        osc_port=osc_port,
    )


def opened(kind: str, size: tuple[int, int]) -> Output:
    if kind == "headless":
        from liveflight.outputs.offscreen import Offscreen

        return Offscreen(size)
    from liveflight.outputs.window import Window

    return Window(size)


def free_port() -> int:
    """A UDP port of the loopback that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def resident() -> int:
    """Bytes of this process in memory."""
    return int(psutil.Process().memory_info().rss)
