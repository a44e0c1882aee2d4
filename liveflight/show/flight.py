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
        self.target_selector = TargetSelector(loader, self.reports.add)
        self.journey = Autopilot(seed)
        self.tempo = Tempo(self.controls)
        self.modulation = Modulation(seed)
        self.preset_player = PresetPlayer(
            self.controls, self.target_selector, self.journey, self.modulation, seed
        )
        self.preset_player.preset_bank.passed = self.reports.add
        self.cues = CuePlayer(self.controls, self.preset_player, self.reports.add)
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
        target_selector = self.target_selector
        self._triggers: dict[str, Callable[[], None]] = {
            "mix.filter_next": lambda: self._turn(
                target_navigation.filter_beside(target_selector.here, 1)
            ),
            "mix.filter_previous": lambda: self._turn(
                target_navigation.filter_beside(target_selector.here, -1)
            ),
            "mix.layer_deeper": lambda: self._turn(
                target_navigation.layer_beside(target_selector.here, 1)
            ),
            "mix.layer_shallower": lambda: self._turn(
                target_navigation.layer_beside(target_selector.here, -1)
            ),
            "mix.network_next": lambda: self._turn(
                target_navigation.network_after(target_selector)
            ),
            "mix.random": lambda: self._turn(self._wander()),
            "mix.back": lambda: self.aim(target_selector.history.step(-1)),
            "mix.forth": lambda: self.aim(target_selector.history.step(1)),
            **self.preset_player.triggers(),
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
        return self.target_selector.mix()

    @property
    def awaited(self) -> str:
        """What the performer waits for, while something else is still flown."""
        return (self.preset_player.awaited or self.target_selector.awaited) if self.mix() else ""

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
        run("the morph", self.preset_player.advance, dt)
        run("the modulation", self.modulation.advance, dt, self.tempo.position, self.controls)
        if not self.controls.flag("show.freeze"):
            self.target_selector.time += dt
        run("a look that was awaited", self._heed, self.preset_player.arrive)
        run("the next target", self._heed, self.target_selector.arrive)
        run("the cue list", self._heed, self._play_on, dt)
        run("the autopilot", self._heed, self._pilot)
        run("what is prepared ahead", self.target_selector.prefetch_next)

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
        self.target_selector.downloads = self.remote_downloads or not _asks_from_afar(message)
        try:
            self._heed(act, message)
        finally:
            self.speaker, self.target_selector.downloads = "", True

    def _begin(self, message: Message) -> None:
        """Do it now, or hold it for its beat."""
        if isinstance(message, Ask | Beat) or not self.tempo.holds(message, self._check):
            self._apply(message)

    def _check(self, message: Message) -> None:
        """Raise LiveflightError for what cannot be done, as far as that is known at once."""
        match message:
            case Set("show.preset", name):
                self.target_selector.check(self.preset_player.preset_bank.find(str(name)).named)
            case Set("mix.target" | "pad.a" | "pad.b" | "pad.c" | "pad.d", str() as name) if name:
                self.target_selector.check([Target.parse(name)])

    def _calm(self) -> None:
        self.tempo.drop()
        self.cues.calm()
        self.preset_player.calm(self._panic.press(self._elapsed))

    def _report(self, error: LiveflightError) -> None:
        if not (self.target_selector.goal or self.target_selector.waiting):
            raise CannotFlyError(str(error)) from error  # the first network could not be loaded
        self.reports.add(error)

    def _pilot(self) -> None:
        target_selector = self.target_selector
        if (
            not self.controls.flag("show.autopilot")
            or target_selector.waiting
            or not target_selector.goal
        ):
            return
        if (
            self.controls.flag("pad.on") or self.preset_player.awaited
        ):  # the performer's choice stands
            return
        stayed = min(
            target_selector.schedule.elapsed(target_selector.time),
            target_selector.time - self._piloted,
        )
        if stayed >= self.controls.number("show.dwell") and self.tempo.due:
            self._piloted = target_selector.time
            self._turn(self._onward())

    def aim(self, goal: Mapping[Target, float]) -> None:
        """Grows into these targets as soon as they are prepared, within the crossfade's time; the
        pad lets go.

        Raises LiveflightError for names that do not exist."""
        self.target_selector.aim(goal, self.controls.number("mix.crossfade"))
        self.preset_player.lift_pad()

    def _onward(self) -> Target:
        """Where the autopilot goes."""
        target_selector = self.target_selector
        match self.controls.word("show.autopilot_mode"):
            case "journey":
                return self.journey.onward(
                    target_selector.here,
                    target_selector.active_filters(),
                    target_selector.likeness(),
                )
            case "sight" if seen := self.controls.word("show.seen"):
                target = Target.parse(seen)
                if (target.network, target.layer) == (
                    target_selector.here.network,
                    target_selector.here.layer,
                ):
                    return target
        return self._wander()

    def _wander(self) -> Target:
        target_selector = self.target_selector
        return self.journey.wander(
            target_selector.here, target_selector.active_filters(), target_selector.likeness()
        )

    def _turn(self, target: Target) -> None:
        self.aim({target: 1.0})

    def _wish(self, name: str) -> None:
        """Goes there, unless what is awaited does. No name is what a flight says that excites
        several: one that follows it has them from its preset or its pad."""
        if name and not self.preset_player.brings(target := Target.parse(name)):
            self._turn(target)

    def _add(self, target: Target) -> None:
        """Fly one more target, first of all: where there are too many, another has to go."""
        mix = {one: weight for one, weight in self.target_selector.goal.items() if weight > 0}
        share = sum(mix.values()) / len(mix) if mix else 1.0
        self.aim({target: mix.pop(target, 0.0) + share, **mix})

    def _extend(self, target: Target) -> None:
        count = self.journey.add(target)
        self.target_selector.prefetch(self.journey.stops)
        self.note(f"{target} is stop {count} of the journey")

    def recall(self, preset: Preset) -> None:
        """Takes over a preset: see `PresetPlayer.recall`."""
        self.preset_player.recall(preset)

    def as_preset(self, name: str) -> Preset:
        """What is flown now, to be saved under this name."""
        return self.preset_player.current(name)

    def _apply(self, message: Message) -> None:
        match message:
            case Set("show.preset", name):
                self.recall(self.preset_player.preset_bank.find(str(name)))
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
        self.preset_player.touched(key)
        if key == "pad.on" or (key in CORNERS and self.controls.flag("pad.on")):
            self.preset_player.press_pad()

    def values(self) -> dict[str, Value]:
        """What every control that has a value is set to, by key."""
        values = self.controls.settings()
        values["mix.target"] = (
            str(self.target_selector.here) if len(self.target_selector.goal) == 1 else ""
        )
        values["show.preset"] = self.preset_player.preset
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
