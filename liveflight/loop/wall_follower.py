"""Follow rank 0 of a wall: do on this tile what it says, and come back when it is lost."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import cast

import numpy as np

from liveflight import networks
from liveflight.core.ascent import Upkeep
from liveflight.core.contracts import (
    Ascent,
    CannotFlyError,
    Canvas,
    Engine,
    KeyPress,
    LiveflightError,
    Mix,
    Output,
    Quit,
    Value,
    ViewStep,
    Warp,
)
from liveflight.core.controls import Controls
from liveflight.core.fault_guard import FaultGuard
from liveflight.core.frame_counter import FrameCounter
from liveflight.core.views import View
from liveflight.loop.presenter import Presenter
from liveflight.loop.wall_loop import WallLoop
from liveflight.show.fault_reports import FaultReports
from liveflight.show.network_loader import NetworkLoader
from liveflight.system import gc_control
from liveflight.wall import commands, meeting
from liveflight.wall.group import Group, RankLostError
from liveflight.wall.membership import Generation, Membership, WallRefusedError

log = logging.getLogger(__name__)

_NOISE_S = 60.0
"""Seconds that a rank may take to make noise."""


class _EndedError(Exception):
    """End the wait for the others."""


class TileControls:
    """Hold what a presenter needs: controls, and who is told of faults."""

    def __init__(self, *, live: bool) -> None:
        self.controls = Controls()
        self.reports = FaultReports()
        self.guard = FaultGuard(self.reports.add, live=live)


class Follower:
    """One rank but the first: its window, its tile, its share of the ascent."""

    def __init__(
        self,
        output: Output,
        loop: WallLoop,
        loader: NetworkLoader,
        membership: Membership,
        *,
        live: bool,
        idle: bool = False,
    ) -> None:
        """Take the parts of a rank on this output.

        `idle`: leave the ascent to others. In the safe look only the processor does it, and all
        would wait for that."""
        self.output, self.loop, self.loader = output, loop, loader
        self.membership = membership
        self.shown = TileControls(live=live)
        self.frame_counter = FrameCounter(1 / 60)
        tile = loop.wall.tiles[loop.rank] if live else loop.wall.tiles[loop.rank].plain
        self.presenter = Presenter(output, self.shown, loop, self.frame_counter, tile)
        self.running = True
        self.displayed = 0
        """Number of frames that the output has shown."""
        self.watchers: list[Callable[[], None]] = []
        """Called after each displayed frame, and now and then while rank 0 is away."""
        self.away = False
        """Whether rank 0 is lost."""
        self._idle = idle
        self._frames: Group | None = None
        self._failed: set[str] = set()
        """Networks that cannot be loaded here."""
        self._waited = 0.0
        """Seconds for which rank 0 was waited for at most since the last frame."""
        self._wanted: list[Callable[[], bool]] = []
        """Loading and planning still to be done; each returns whether it is complete."""

    def run(self, patience: float, stopped: Callable[[], bool] = lambda: False) -> None:
        """Meet the other ranks, and do what rank 0 says until it ends or `stopped()`.

        Raises LiveflightError where they do not come within `patience` seconds."""

        self._meet(patience, stopped)
        while not self.away and self.running and not stopped():
            try:
                assert self._frames
                began = time.monotonic()
                message = self._frames.broadcast()
                self._waited = max(self._waited, time.monotonic() - began)
                self._obey(message)
            except RankLostError as error:
                if not self.shown.guard.live:
                    raise LiveflightError(f"{error}: rank 0 has ended the render") from error
                log.warning("%s: the picture stands still until rank 0 is back", error)
                self._return(stopped)
            except (CannotFlyError, WallRefusedError):
                raise
            except Exception as error:
                if not self.shown.guard.live:
                    raise
                log.exception("a command of rank 0 failed: %r; this rank joins anew", error)
                self._return(stopped)

    def close(self) -> None:
        """Release everything; may be called twice."""
        self.membership.close()
        self.loop.close()
        self.loader.close()
        self.presenter.release()
        self.output.close()

    def _obey(self, message: bytes) -> None:
        for name, given in commands.decode(message):
            act = getattr(self, f"_on_{name}", None)
            if act is None:
                raise CannotFlyError(
                    f"rank 0 says {name[:40]!r}, which this version does not know: "
                    "start all ranks with one version"
                )
            act(*given)

    def _use(self, generation: Generation) -> None:
        self._frames = generation.frames
        self.loop.connect(generation.frames, generation.ascent)
        self.away = False
        if self._idle:
            self.membership.note({"idle": self.loop.rank})

    def _return(self, stopped: Callable[[], bool]) -> None:
        """Leave a broken generation, and join the next, however long that takes."""
        self.membership.lost()
        self._meet(math.inf, stopped)
        if not self.away:
            log.info("the wall goes on")

    def _meet(self, patience: float, stopped: Callable[[], bool]) -> None:
        """Show the last picture until there is a generation to join, or the end is asked for."""

        def wait() -> None:
            self._take_events()
            self._after_show()
            if stopped() or not self.running:
                raise _EndedError

        self.away = True
        with suppress(_EndedError):
            self._use(meeting.first(self.membership, patience, wait))

    def _take_events(self) -> None:
        """Pass on keys and the wish to close: rank 0 has the keyboard."""
        for event in self.output.events():
            if isinstance(event, KeyPress):
                self.membership.note({"key": event.name, "repeat": event.repeat})
            elif isinstance(event, Quit):
                self.membership.note({"quit": True})
                if self.away:
                    log.info("a tile alone cannot be closed, and rank 0 is away")

    def _after_show(self) -> None:
        for watcher in self.watchers:
            watcher()

    # Commands of rank 0

    def _on_sync(self, members: Sequence[int], pending: Warp, seed: int, brightness: float) -> None:
        self.presenter.begin_at(brightness)
        self.loop.renderer.members = members
        self.loop.restart(pending, seed)

    def _on_adopt(self, number: int) -> None:
        self._use(self.membership.adopt(number))

    def _on_limit(self, seconds: float) -> None:
        self.membership.limit(seconds)

    def _on_load(self, names: Sequence[str]) -> None:
        self._wanted.append(partial(self.loader.ensure_loaded, names))
        self._load()

    def _on_plan(self, layers: Sequence[Sequence[str]], size: Sequence[int]) -> None:
        pairs = frozenset((network, layer) for network, layer in layers)
        width, height = size
        self._on_load(sorted({network for network, _ in pairs}))
        self._wanted.append(partial(self.loader.ensure_planned, [pairs], (width, height)))
        self._load()

    def _on_move(self, warp: Warp, dt: float) -> None:
        self.loop.move(warp, dt)

    def _on_begin(
        self,
        views: Sequence[tuple[View, Mix]],
        ascent: Ascent,
        amount: float,
        size: Sequence[int],
        reach: float,
        idle: Sequence[int],
    ) -> None:
        self.loop.reach.height, self.loop.idle = reach, idle
        width, height = size
        pairs = [(view, mix) for view, mix in views]
        names = sorted({target.network for _, mix in pairs for target in mix})
        if len(pairs) != self.loop.steps:
            self.loader.views_changed()
        self.loop.begin(self._engine(names), pairs, ascent, amount, (width, height))

    def _engine(self, names: Sequence[str]) -> Engine:
        """Return the engine if it can ascend these networks; else begin to load them."""
        if not (self._wanted or self._ready(names) or set(names) & self._failed):
            self._on_load(names)
        engine = self.loader.engine
        return engine if engine and self._ready(names) else cast(Engine, _Loading())

    def _ready(self, names: Sequence[str]) -> bool:
        engine = self.loader.engine
        return engine is not None and all(map(engine.ready, names))

    def _on_collect(self) -> None:
        self.loop.worker.wait(_NOISE_S)
        try:
            self.loop.collect_result(0.0)
        except (FloatingPointError, MemoryError, LiveflightError) as error:
            log.info("%s", error)  # rank 0 tells it

    def _on_advance(self, dt: float, upkeep: Upkeep) -> None:
        self.loop.advance(dt, upkeep)

    def _on_make_noise(self) -> None:
        self.loop.make_noise()

    def _on_take_noise(self) -> None:
        self.loop.take_noise(_NOISE_S)

    def _on_present(
        self, dt: float, controls: Mapping[str, Value], dimmer: float, frame: int
    ) -> None:
        self._set(controls)
        self.presenter.dimmer = dimmer
        self.frame_counter.frames = frame
        self.presenter.draw(self.output, dt)

    def _on_show(self, dt: float, controls: Mapping[str, Value]) -> None:
        self._set(controls)
        self.presenter.dim(self.output, dt)
        self._take_events()
        assert self._frames
        self._frames.barrier()
        self.output.show()
        self.displayed += 1
        self._load()
        self._after_show()
        if self.shown.guard.live:  # rank 0 lets this rank wait again, about as long
            gc_control.collect(self._waited, self.loader.tidy)
        self._waited = 0.0

    def _on_give_frame(self) -> None:
        self._give(self.presenter.frame(self.output))

    def _on_give_picture(self) -> None:
        self._give(self.presenter.tile_picture(self.loop.wall.tiles[self.loop.rank].shown))

    def _give(self, picture: np.ndarray) -> None:
        assert self._frames
        self._frames.exchange({0: picture}, {})

    def _on_quit(self) -> None:
        self.running = False

    def _set(self, controls: Mapping[str, Value]) -> None:
        for key, value in controls.items():
            self.shown.controls.set(key, value)

    def _load(self) -> None:
        while self._wanted:
            try:
                ready = self._wanted[0]()
            except LiveflightError as error:
                if not self.shown.guard.live:
                    raise
                log.error("%s: this rank does not ascend it", error)
                self._failed |= {name for name in networks.names() if name in str(error)}
                ready = True
            if not ready:
                return
            self._wanted.pop(0)


class _Loading:
    """Stand for an engine that has not loaded what a tick needs yet."""

    device, stream = "cpu", 0

    def directions(self, views: Canvas, steps: Sequence[ViewStep], ascent: Ascent) -> Canvas:
        raise LiveflightError("a network is still being loaded on this rank")

    def wait(self) -> None: ...
