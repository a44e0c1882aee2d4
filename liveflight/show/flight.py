"""The state of a flight: where every control stands, what is excited, what the autopilot does.
Messages in, mix out. Knows nothing of GL, windows or clocks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import ParamSpec, assert_never

from liveflight import networks
from liveflight.core.contracts import CannotFlyError, LiveflightError, Mix, Target, Value
from liveflight.core.controls import CONTROLS, Controls
from liveflight.core.crossfade import Autopilot
from liveflight.core.fault_guard import FaultGuard
from liveflight.core.mailbox import Ask, Beat, Message, Nudge, Set, Trigger
from liveflight.core.modulation import Modulation
from liveflight.core.pad import CORNERS
from liveflight.core.panic import Panic
from liveflight.core.tempo import Tempo
from liveflight.show import target_navigation
from liveflight.show.cue_player import CuePlayer
from liveflight.show.fault_reports import FaultReports
from liveflight.show.loader import Loader
from liveflight.show.preset_player import PresetPlayer
from liveflight.show.target_selector import TargetSelector
from liveflight.storage.presets import Preset

log = logging.getLogger("liveflight.show.flight")

P = ParamSpec("P")


class Flight:
    def __init__(self, loader: Loader, seed: int) -> None:
        self.controls = Controls()
        self.reports = FaultReports()
        self.guard = FaultGuard(self.reports.add, live=False)
        self.course = TargetSelector(loader, self.reports.add)
        self.journey = Autopilot(seed)
        self.tempo = Tempo(self.controls)
        self.modulation = Modulation(seed)
        self.looks = PresetPlayer(self.controls, self.course, self.journey, self.modulation, seed)
        self.looks.shelf.passed = self.reports.add
        self.cues = CuePlayer(self.controls, self.looks, self.reports.add)
        self.loader = loader
        self.speaker = ""
        """Origin of the message that is being applied."""
        self.remote_downloads = False
        """Whether the network may have weights downloaded."""
        self.last_message = ""
        self._elapsed = 0.0
        self._panic = Panic()
        self._piloted = 0.0
        """When the autopilot last chose; it waits a dwell even where nothing came of that."""
        course = self.course
        self._triggers: dict[str, Callable[[], None]] = {
            "mix.filter_next": lambda: self._turn(target_navigation.filter_beside(course.here, 1)),
            "mix.filter_previous": lambda: self._turn(
                target_navigation.filter_beside(course.here, -1)
            ),
            "mix.layer_deeper": lambda: self._turn(target_navigation.layer_beside(course.here, 1)),
            "mix.layer_shallower": lambda: self._turn(
                target_navigation.layer_beside(course.here, -1)
            ),
            "mix.network_next": lambda: self._turn(target_navigation.network_after(course)),
            "mix.random": lambda: self._turn(self._wander()),
            "mix.back": lambda: self.aim(course.history.step(-1)),
            "mix.forth": lambda: self.aim(course.history.step(1)),
            **self.looks.triggers(),
            **self.cues.triggers(),
            "tempo.tap": self.tempo.tap,
            "tempo.resync": self.tempo.resync,
            "show.panic": self._calm,
            "show.sync": lambda: None,  # surfaces answer it by themselves
        }
        self._orders: dict[str, Callable[[Target], None]] = {
            "mix.target_add": self._add,
            "mix.journey_add": self._extend,
        }
        """What is done with a target that a text control is told; the control keeps nothing."""

    def on(self, key: str, action: Callable[[], None]) -> None:
        """What the trigger `key` does, where it is another's business than the flight's."""
        self._triggers[key] = action

    def order(self, key: str, action: Callable[[Target], None]) -> None:
        """What is done with the target that the text control `key` is told."""
        self._orders[key] = action

    def note(self, text: str) -> None:
        """Something the performer should see on the HUD."""
        self.last_message = text
        log.info("%s", text)

    def mix(self) -> Mix:
        """What to ascend now; empty while the first network is still being loaded."""
        return self.course.mix()

    @property
    def awaited(self) -> str:
        """What the performer waits for, while something else is still flown."""
        return (self.looks.awaited or self.course.awaited) if self.mix() else ""

    @property
    def flying(self) -> bool:
        """Whether the picture moves and grows."""
        return bool(self.mix()) and not self.controls.flag("show.freeze")

    def apply(self, messages: Sequence[Message]) -> None:
        """Does what performers asked for, at once or when its beat comes. What cannot be done is
        reported; the flight goes on."""
        for message in messages:
            self._try(message, self._begin)

    def advance(self, dt: float) -> None:
        """Flies on for `dt` seconds: the beat and what waited for it, glides, modulation, arriving
        networks, autopilot."""
        run = self.guard.run
        for message in run("the beat", self.tempo.advance, dt) or ():
            self.guard.attempt("what waited for the beat", self._try, message, self._apply)
        self._elapsed += dt
        run("the controls' glide", self.controls.advance, dt)
        run("the morph", self.looks.advance, dt)
        run("the modulation", self.modulation.advance, dt, self.tempo.position, self.controls)
        if not self.controls.flag("show.freeze"):
            self.course.time += dt
        run("a look that was awaited", self._heed, self.looks.arrive)
        run("the next target", self._heed, self.course.arrive)
        run("the cue list", self._heed, self._play_on, dt)
        run("the autopilot", self._heed, self._pilot)
        run("what is prepared ahead", self.course.look_ahead)

    def _heed(self, act: Callable[P, None], *given: P.args, **named: P.kwargs) -> None:
        """Do what may turn out not to be possible; that is reported."""
        try:
            act(*given, **named)
        except LiveflightError as error:
            self._report(error)

    def _play_on(self, dt: float) -> None:
        if self.mix():  # no cue's time runs while the first network is still being loaded
            self.cues.advance(dt)

    def _try(self, message: Message, act: Callable[[Message], None]) -> None:
        self.speaker = "" if isinstance(message, Ask) else message.origin
        self.course.downloads = self.remote_downloads or not _asks_from_afar(message)
        try:
            self._heed(act, message)
        finally:
            self.speaker, self.course.downloads = "", True

    def _begin(self, message: Message) -> None:
        """Do it now, or hold it for its beat."""
        if isinstance(message, Ask | Beat) or not self.tempo.holds(message, self._check):
            self._apply(message)

    def _check(self, message: Message) -> None:
        """Raise LiveflightError for what cannot be done, as far as that is known at once."""
        match message:
            case Set("show.preset", name):
                self.course.check(self.looks.shelf.find(str(name)).named)
            case Set("mix.target" | "pad.a" | "pad.b" | "pad.c" | "pad.d", str() as name) if name:
                self.course.check([Target.parse(name)])

    def _calm(self) -> None:
        self.tempo.drop()
        self.cues.calm()
        self.looks.calm(self._panic.press(self._elapsed))

    def _report(self, error: LiveflightError) -> None:
        if not (self.course.goal or self.course.waiting):
            raise CannotFlyError(str(error)) from error  # the first network could not be loaded
        self.reports.add(error)

    def _pilot(self) -> None:
        course = self.course
        if not self.controls.flag("show.autopilot") or course.waiting or not course.goal:
            return
        if self.controls.flag("pad.on") or self.looks.awaited:  # the performer's choice stands
            return
        stayed = min(course.schedule.elapsed(course.time), course.time - self._piloted)
        if stayed >= self.controls.number("show.dwell") and self.tempo.due:
            self._piloted = course.time
            self._turn(self._onward())

    def aim(self, goal: Mapping[Target, float]) -> None:
        """Grows into these targets as soon as they are prepared, within the crossfade's time; the
        pad lets go.

        Raises LiveflightError for names that do not exist."""
        self.course.aim(goal, self.controls.number("mix.crossfade"))
        self.looks.lift_pad()

    def _onward(self) -> Target:
        """Where the autopilot goes."""
        course = self.course
        match self.controls.word("show.autopilot_mode"):
            case "journey":
                return self.journey.onward(course.here, course.living(), course.likeness())
            case "sight" if seen := self.controls.word("show.seen"):
                target = Target.parse(seen)
                if (target.network, target.layer) == (course.here.network, course.here.layer):
                    return target
        return self._wander()

    def _wander(self) -> Target:
        course = self.course
        return self.journey.wander(course.here, course.living(), course.likeness())

    def _turn(self, target: Target) -> None:
        self.aim({target: 1.0})

    def _wish(self, name: str) -> None:
        """Goes there, unless what is awaited does. No name is what a flight says that excites
        several: one that follows it has them from its preset or its pad."""
        if name and not self.looks.brings(target := Target.parse(name)):
            self._turn(target)

    def _add(self, target: Target) -> None:
        """Fly one more target, first of all: where there are too many, another has to go."""
        mix = {one: weight for one, weight in self.course.goal.items() if weight > 0}
        share = sum(mix.values()) / len(mix) if mix else 1.0
        self.aim({target: mix.pop(target, 0.0) + share, **mix})

    def _extend(self, target: Target) -> None:
        count = self.journey.add(target)
        self.course.foresee(self.journey.stops)
        self.note(f"{target} is stop {count} of the journey")

    def recall(self, preset: Preset) -> None:
        """Takes over a preset: see `PresetPlayer.recall`."""
        self.looks.recall(preset)

    def as_preset(self, name: str) -> Preset:
        """What is flown now, to be saved under this name."""
        return self.looks.current(name)

    def _apply(self, message: Message) -> None:
        match message:
            case Set("show.preset", name):
                self.recall(self.looks.shelf.find(str(name)))
            case Set("mix.target", name):
                self._wish(str(name))
            case Set(key, name) if key in self._orders:
                self.last_message = _described(message, self.controls)
                if name:  # none is what a surface says that has been told of none
                    self._orders[key](target_navigation.known(str(name)))
                return
            case Set(key, value):
                if key in CORNERS:
                    self._check(message)
                self.controls.set(key, value)
                if CONTROLS[key].kind in ("told", "meter"):
                    return  # sensed, not said
                self._touched(key)
            case Nudge(key, amount):
                self.controls.nudge(key, amount)
                self._touched(key)
            case Trigger(key):
                self.last_message = key
                if key in self._triggers:  # or it is for a control surface, which is told
                    self._triggers[key]()
                return  # what the trigger had to note stands
            case Ask(key, reply):
                reply(self.values()[key])
                return
            case Beat():
                self.tempo.follow(message)
                return
            case _:
                assert_never(message)
        self.last_message = _described(message, self.controls)

    def _touched(self, key: str) -> None:
        self.looks.touched(key)
        if key == "pad.on" or (key in CORNERS and self.controls.flag("pad.on")):
            self.looks.press_pad()

    def values(self) -> dict[str, Value]:
        """What every control that has a value is set to, by key."""
        values = self.controls.settings()
        values["mix.target"] = str(self.course.here) if len(self.course.goal) == 1 else ""
        values["show.preset"] = self.looks.preset
        return values


def _asks_from_afar(message: Message) -> bool:
    """Return whether the network chose what the message asks for. A cue list is the performer's
    own, whoever goes on in it."""
    if isinstance(message, Ask | Beat) or message.key.startswith("cue."):
        return False
    return message.origin.startswith("osc")


def _described(message: Set | Nudge, controls: Controls) -> str:
    value = message.value if isinstance(message, Set) else controls.setting(message.key)
    control = CONTROLS[message.key]
    if message.key == "mix.target":
        with suppress(LiveflightError):
            value = networks.described(Target.parse(str(value)))
    return f"{control.key} {control.shown(value)} {control.unit}".rstrip()
