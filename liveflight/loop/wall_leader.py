"""Lead the other ranks of a wall: have them do what rank 0's loop does, and follow their number."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from liveflight import networks
from liveflight.core.ascent import Upkeep
from liveflight.core.camera import same_folds
from liveflight.core.contracts import (
    Ascent,
    Canvas,
    Engine,
    Event,
    KeyPress,
    LiveflightError,
    Mix,
    Output,
    Quit,
    Size,
    Value,
    ViewStep,
    Warp,
)
from liveflight.core.views import View
from liveflight.loop.presenter import Presenter
from liveflight.loop.wall_loop import WallLoop
from liveflight.show import flash_switch
from liveflight.wall import meeting
from liveflight.wall.link import Commands, Link
from liveflight.wall.membership import Generation, Membership
from liveflight.wall.whole_picture import WholePicture

log = logging.getLogger("liveflight.wall")

SHOWN = ("show.master", "show.blackout", flash_switch.KEY)
"""Controls that say how a finished picture is shown."""

_START_S = 20.0
"""Seconds of a show in which networks are loaded and processes are slow."""

_LOADING_LIMIT_S, _LIMIT_S = 15.0, 1.2
"""Seconds that a rank may be late in them, and afterwards, before the others go on."""

_PICTURE_LIMIT_S = 15.0
"""The same for a screenshot."""

_RENDER_LIMIT_S = 600.0
"""The same for a render."""

_PATIENCE_S = 5.0
"""Seconds for which a running tick is waited for before other ranks join."""


class Lead:
    """The other ranks, as rank 0 sees them."""

    def __init__(self, membership: Membership, *, live: bool = True) -> None:
        """Begin alone, until `begin`. In a render, not `live`, ranks take the time they need."""
        self.membership, self._live = membership, live
        self.frames, self.ascents = Link(missing=0.5), Link(missing=0.0)
        self.commands = Commands(self.frames)
        self.loop: LeadingLoop
        """Rank 0's loop, which sets this."""
        self.brightness: Callable[[], float] = lambda: 1.0
        """Returns how bright the last picture was shown; the presenter sets this."""
        self.idle: set[int] = set()
        """Ranks that ascend nothing: their GPUs have failed."""
        self._seeking = False
        self._begun: float | None = None
        self._limit_s = _LOADING_LIMIT_S if live else _RENDER_LIMIT_S

    def begin(self, patience: float, wait: Callable[[], None] = lambda: None) -> None:
        """Wait until all ranks are there, or after a restart those that can be; begin with them.

        `wait` is called meanwhile. Raises LiveflightError where one does not come in time."""
        self._use(meeting.first(self.membership, patience, wait))
        self.loop.regroup()

    def follow(self, report: Callable[[str], None], now: float) -> None:
        """Go on with the ranks that are there now. Called between two frames; never waits long."""
        self._set_limit(now)
        if (self.frames.lost or self.ascents.lost) and not self._seeking:
            if not self._live:
                raise LiveflightError("a rank of the wall was lost: start all of them again")
            self.frames.lost = self.ascents.lost = self._seeking = True
            self.membership.lost()
            self.loop.use_members()
            report("ranks of the wall were lost: rank 0 goes on, and looks for them")
        generation = self.membership.waiting()
        if generation is None:
            return
        if not self._seeking:
            self.loop.finish()
            self.commands.say("adopt", generation.number)
            self.commands.send()
        self._use(self.membership.adopt(generation.number))
        self.loop.regroup()
        there = ", ".join(map(str, generation.members))
        log.info("the wall goes on with ranks %s of %d", there, len(self.loop.wall.tiles))

    def events(self) -> list[Event]:
        """Return what was pressed in the other ranks' windows."""
        found: list[Event] = []
        for note in self.membership.notes():
            match note:
                case {"key": str(name), "repeat": bool(repeat)}:
                    found.append(KeyPress(name, repeat))
                case {"quit": True}:
                    found.append(Quit())
                case {"idle": int(rank)}:
                    self.idle.add(rank)
        return found

    def announce(self, what: object) -> None:
        """Have the others load or plan what is being loaded or planned here."""
        if isinstance(what, str) and what in networks.names():
            self.commands.say("load", [what])
        elif isinstance(what, tuple):
            layers, size = what
            self.commands.say("plan", sorted(layers), size)

    def end(self) -> None:
        """Have the others end, too."""
        self.commands.say("quit")
        self.commands.send()
        self.frames.lost = self.ascents.lost = self._seeking = True

    def close(self) -> None:
        """End the others and leave the wall; may be called twice."""
        if not self.frames.lost:
            self.end()
        self.membership.close()

    def _set_limit(self, now: float) -> None:
        """Let ranks be late while the show begins, and no more afterwards."""
        self._begun = now if self._begun is None else self._begun
        if self._live and self._limit_s > _LIMIT_S and now - self._begun > _START_S:
            self._limit_s = _LIMIT_S
            self.say_limit()

    def say_limit(self, seconds: float = 0.0) -> None:
        """Have all ranks be as late as they may be now, or by these seconds."""
        seconds = seconds or self._limit_s
        self.commands.say("limit", seconds)
        self.commands.send()
        self.membership.limit(seconds)

    def _use(self, generation: Generation) -> None:
        self.idle.clear()  # they say it anew
        self.frames.use(generation.frames)
        self.ascents.use(generation.ascent)
        self._seeking = False


class LeadingLoop(WallLoop):
    """Rank 0's loop: what it does, the others do."""

    def __init__(self, ctx: Any, lead: Lead, *given: Any, **named: Any) -> None:
        """`given`, `named`: as of WallLoop, from the wall on."""
        self.lead, lead.loop = lead, self
        self.replays = False
        """Whether `ranks` is that of a recording, so that it keeps its number of views."""
        self._say, self._send = lead.commands.say, lead.commands.send
        self._begun: tuple[Any, ...] = ()
        """Arguments of the last `begin`, but for the engine."""
        super().__init__(ctx, *given, **named)
        self.connect(lead.frames, lead.ascents)
        self.use_members()

    def use_members(self) -> None:
        """Work with the ranks that are there."""
        self.renderer.members = self.lead.frames.members
        if not self.replays:
            self.ranks = len(self.renderer.members)

    def regroup(self) -> None:
        """Begin together with the ranks that are there now."""
        self.use_members()
        renewing = self._noise.busy
        self.lead.say_limit()
        self._say("sync", self.renderer.members, self.shown, self._seed, self.lead.brightness())
        self._send()
        self.restart(self.shown, self._seed)
        if renewing:
            self.reseed()

    def finish(self) -> None:
        """Wait for the running tick."""
        while self.ticking:
            with suppress(Exception):  # its directions are not needed
                if not self.collect_result(_PATIENCE_S):
                    return

    def move(self, warp: Warp, dt: float) -> None:
        self._say("move", warp, dt)
        if not same_folds(self.shown, warp):
            self._send()
        super().move(warp, dt)

    def begin(
        self,
        engine: Engine,
        views: Sequence[tuple[View, Mix]],
        ascent: Ascent,
        amount: float,
        size: Size,
    ) -> None:
        self._begun = views, ascent, amount, size
        super().begin(engine, views, ascent, amount, size)

    def _ascent(
        self, engine: Engine, views: Canvas, steps: Sequence[ViewStep], ascent: Ascent
    ) -> Callable[[], tuple[Canvas, float]]:
        self.idle = sorted(self.lead.idle)
        # Now that nothing can fail before the tick.
        self._say("begin", *self._begun, self.reach.height, self.idle)
        self._send()
        return super()._ascent(engine, views, steps, ascent)

    def collect_result(self, patience: float) -> bool:
        if not self.worker.wait(patience):
            self._end_part("ascent")
            return False
        self._say("collect")  # only what is taken here is taken there
        return super().collect_result(0.0)

    def advance(self, dt: float, upkeep: Upkeep) -> bool:
        self._say("advance", dt, upkeep)
        self._send()
        return super().advance(dt, upkeep)

    def reseed(self) -> None:
        if not self._noise.busy:
            self._say("make_noise")
            self.make_noise()

    def _take_noise(self) -> None:
        if self._noise.busy and self._noise.wait():
            self._say("take_noise")
            self.take_noise(0.0)


class LeadingPresenter(Presenter):
    """Rank 0's picture: the others draw theirs alike, and all show them together."""

    def __init__(self, lead: Lead, *given: Any, **named: Any) -> None:
        """`given`, `named`: as of Presenter."""
        self.lead = lead
        lead.brightness = lambda: self._master
        super().__init__(*given, **named)

    def draw(self, output: Output, dt: float) -> bool:
        self._feedback_loop.texture()  # new noise is shown by all ranks at once
        frame = self._frame_counter.frames
        self.lead.commands.say("present", dt, self._shown(), self.dimmer, frame)
        self.lead.commands.send()
        return super().draw(output, dt)

    def dim(self, output: Output, dt: float) -> None:
        super().dim(output, dt)
        self.lead.commands.say("show", dt, self._shown())
        self.lead.commands.send()
        self.lead.frames.barrier()

    def picture(self, size: Size) -> np.ndarray:
        """Return the picture of the whole wall, whatever the size of this tile's output is."""
        lead, wall = self.lead, self.lead.loop.wall
        whole = WholePicture(wall, lead.frames, lead.commands)
        lead.say_limit(_PICTURE_LIMIT_S)  # pictures are large, and networks slow
        found = whole.gather("give_picture", lambda: self.tile_picture(wall.tiles[0].shown))
        lead.say_limit()
        return found

    def _shown(self) -> dict[str, Value]:
        return {key: self._flight.controls.setting(key) for key in SHOWN}
