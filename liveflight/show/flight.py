"""Keep the state of a flight: controls, targets, presets, cues, autopilot. Messages in, mix out.

Knows nothing of GL, windows or clocks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import ParamSpec, assert_never

from liveflight.core.autopilot import Autopilot
from liveflight.core.contracts import CannotFlyError, LiveflightError, Mix, Target, Value
from liveflight.core.controls import CONTROLS, Controls
from liveflight.core.fault_guard import FaultGuard
from liveflight.core.mailbox import Beat, Message, Nudge, Query, Set, Trigger
from liveflight.core.modulation import Modulation
from liveflight.core.panic import Panic
from liveflight.core.sound_reaction import SoundReaction
from liveflight.core.tempo import Tempo
from liveflight.core.xy_pad import CORNERS
from liveflight.show.autopilot_player import AutopilotPlayer
from liveflight.show.cue_player import CuePlayer
from liveflight.show.fault_reports import FaultReports
from liveflight.show.messages import chosen_by_network, described
from liveflight.show.network_loader import NetworkLoader
from liveflight.show.preset_player import PresetPlayer
from liveflight.show.target_navigation import (
    filter_beside,
    known,
    layer_beside,
    network_after,
)
from liveflight.show.target_selector import TargetSelector
from liveflight.storage.presets import Preset

log = logging.getLogger("liveflight.show.flight")

P = ParamSpec("P")

_ADVICE_S = 4.0
"""Seconds for which advice answers a key."""


class Flight:
    """Apply messages to the parts of a show, and advance them once per frame."""

    def __init__(self, loader: NetworkLoader, seed: int) -> None:
        self.controls = Controls()
        self.reports = FaultReports()
        self.guard = FaultGuard(self.reports.add, live=False)
        self.target_selector = selector = TargetSelector(loader, self.reports.add)
        self.autopilot = Autopilot(seed)
        self.tempo = Tempo(self.controls)
        self.modulation = Modulation(seed)
        self.sound_reaction = SoundReaction()
        self.preset_player = PresetPlayer(
            self.controls, selector, self.autopilot, self.modulation, seed
        )
        self.preset_player.navigator.on_fault = self.reports.add
        self.cues = CuePlayer(self.controls, self.preset_player, selector, self.reports.add)
        self.loader = loader
        self.origin = ""
        """Origin of the message that is being applied."""
        self.remote_downloads = False
        """Whether a message from the network may cause a download of weights."""
        self.checks: dict[str, Callable[[Value], None]] = {}
        """By control, what raises LiveflightError where it may not be set to a value."""
        self.last_message = ""
        self.prompt: Callable[[str, float], None] = lambda text, seconds: None
        """Shows a text over the picture for some seconds, without the HUD too."""
        self.elapsed = 0.0
        """Seconds of all frames until now."""
        self.asleep = False
        """Whether the show is closed: nothing moves, and no cue's time passes."""
        self._panic = Panic()
        self.autopilot_player = AutopilotPlayer(
            self.controls, selector, self.tempo, self.autopilot, self._fly_to
        )
        self._triggers: dict[str, Callable[[], None]] = {
            "mix.filter_next": lambda: self._pick({filter_beside(selector.here, 1): 1.0}),
            "mix.filter_previous": lambda: self._pick({filter_beside(selector.here, -1): 1.0}),
            "mix.layer_deeper": lambda: self._pick({layer_beside(selector.here, 1): 1.0}),
            "mix.layer_shallower": lambda: self._pick({layer_beside(selector.here, -1): 1.0}),
            "mix.network_next": lambda: self._pick({network_after(selector): 1.0}),
            "mix.random": lambda: self._pick({self.autopilot_player.wander(): 1.0}),
            "mix.back": lambda: self._pick(selector.history.step(-1)),
            "mix.forth": lambda: self._pick(selector.history.step(1)),
            **self.preset_player.triggers(),
            **self.cues.triggers(),
            "tempo.tap": self.tempo.tap,
            "tempo.resync": self.tempo.resync,
            "show.panic": self._on_panic,
            "show.sync": lambda: None,  # controllers answer it by themselves
        }
        self._text_actions: dict[str, Callable[[str], None]] = {"cue.list": self.cues.start_named}
        """Actions of text controls that keep no value."""
        self.on_target("mix.target_add", self._add_target)
        self.on_target("mix.journey_add", self._add_stop)

    def on(self, key: str, action: Callable[[], None]) -> None:
        """Set the action of the trigger `key`, for those that belong to another part."""
        self._triggers[key] = action

    def on_text(self, key: str, action: Callable[[str], None]) -> None:
        """Set the action of the text control `key`, which keeps no value from now on."""
        self._text_actions[key] = action

    def on_target(self, key: str, action: Callable[[Target], None]) -> None:
        """Do as `on_text` for a text that names a target."""
        self.on_text(key, lambda name: action(known(name)))

    def note(self, text: str, prompt_s: float = 0.0) -> None:
        """Show the performer a message on the HUD.

        `prompt_s`: seconds for which it answers a key over the picture, without the HUD too."""
        self.last_message = text
        if prompt_s and not self.origin:
            self.prompt(text, prompt_s)
        log.info("%s", text)

    def mix(self) -> Mix:
        """Return the mix to ascend now; empty while the first network is still being loaded."""
        return self.target_selector.mix()

    @property
    def awaited(self) -> str:
        """Return what the performer waits for, while something else is still flown."""
        return (self.preset_player.awaited or self.target_selector.awaited) if self.mix() else ""

    @property
    def flying(self) -> bool:
        """Return whether the picture moves and grows."""
        return bool(self.mix()) and not (self.controls.flag("show.freeze") or self.asleep)

    def apply(self, messages: Sequence[Message]) -> None:
        """Do what performers asked for, at once or on its beat.

        Reports messages that cannot be applied, and continues."""
        for message in messages:
            self._try(message, self._apply_or_hold)

    def advance(self, dt: float) -> None:
        """Advance by `dt` seconds: beat, held messages, glides, modulation, loading, autopilot."""
        run = self.guard.run
        for message in run("the beat", self.tempo.advance, dt) or ():
            self.guard.run_always("what waited for the beat", self._try, message, self._apply)
        self.elapsed += dt
        run("the controls' glide", self.controls.advance, dt)
        run("the morph", self.preset_player.advance, dt)
        run("the modulation", self.modulation.advance, dt, self.tempo.position, self.controls)
        own = self.modulation.offsets
        run("the sound reaction", self.sound_reaction.advance, dt, own, self.controls)
        if not (self.controls.flag("show.freeze") or self.asleep):
            self.target_selector.time += dt
        run("a look that was awaited", self._report_errors, self.preset_player.poll)
        run("the next target", self._report_errors, self.target_selector.poll)
        run("the cue list", self._report_errors, self._advance_cues, dt)
        run("the autopilot", self._report_errors, self._advance_autopilot)
        run("what is prepared ahead", self.target_selector.prefetch_next)

    def aim(self, goal: Mapping[Target, float]) -> None:
        """Crossfade to these targets as soon as they are prepared, and switch the pad off.

        Raises LiveflightError for names that do not exist."""
        self.target_selector.aim(goal, self.controls.number("mix.crossfade"))
        self.preset_player.stop_pad()

    def recall(self, preset: Preset) -> None:
        """Take over a preset: see `PresetPlayer.recall`."""
        self.preset_player.recall(preset)

    def as_preset(self, name: str) -> Preset:
        """Return the current look as a preset of that name."""
        return self.preset_player.current(name)

    def values(self) -> dict[str, Value]:
        """Return the setting of every control that has a value, by key."""
        goal = self.target_selector.goal
        target = str(self.target_selector.here) if len(goal) == 1 else ""
        preset = self.preset_player.preset
        return {**self.controls.settings(), "mix.target": target, "show.preset": preset}

    # Messages

    def _try(self, message: Message, act: Callable[[Message], None]) -> None:
        self.origin = "" if isinstance(message, Query) else message.origin
        self.target_selector.downloads = self.remote_downloads or not chosen_by_network(message)
        try:
            self._report_errors(act, message)
        finally:
            self.origin, self.target_selector.downloads = "", True

    def _report_errors(self, act: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Do what may turn out to be impossible; that is reported."""
        try:
            act(*args, **kwargs)
        except LiveflightError as error:
            if not (self.target_selector.goal or self.target_selector.waiting):
                raise CannotFlyError(str(error)) from error  # the first network cannot be loaded
            self.reports.add(error)

    def _apply_or_hold(self, message: Message) -> None:
        if isinstance(message, Query | Beat) or not self.tempo.try_hold(message, self._check):
            self._apply(message)

    def _check(self, message: Message) -> None:
        """Raise LiveflightError for what is impossible, as far as that is known at once."""
        match message:
            case Set("show.preset", name):
                self.target_selector.check(self.preset_player.navigator.find(str(name)).all_targets)
            case Set("mix.target" | "pad.a" | "pad.b" | "pad.c" | "pad.d", str() as name) if name:
                self.target_selector.check([Target.parse(name)])

    def _apply(self, message: Message) -> None:
        match message:
            case Set("show.preset", name):
                self.recall(self.preset_player.navigator.find(str(name)))
            case Set("mix.target", name):
                self._set_target(str(name))
            case Set(key, text) if key in self._text_actions:
                self.last_message = described(message, self.controls)
                if text:  # surfaces send an empty one back
                    self._text_actions[key](str(text))
                return
            case Set("show.autopilot", wanted):
                self._switch_autopilot(bool(wanted))
            case Nudge("show.autopilot", amount):
                if round(amount) % 2:
                    self._switch_autopilot(None)
            case Set(key, value):
                if key in CORNERS:
                    self._check(message)
                self._set(key, value)
                if CONTROLS[key].kind in ("told", "meter"):
                    return  # measured, not set by a performer
                self._touched(key)
            case Nudge(key, amount):
                self._set(key, self.controls.nudged(key, amount))
                self._touched(key)
            case Trigger(key):
                self.last_message = key
                if key in self._triggers:  # the others are handled by a controller
                    self._triggers[key]()
                return  # a message from the trigger stays
            case Query(key, reply):
                reply(self.values()[key])
                return
            case Beat():
                self.tempo.follow(message)
                return
            case _:
                assert_never(message)
        self.last_message = described(message, self.controls)
        if message.key == "sound.react" and (advice := self.sound_reaction.advice(self.controls)):
            self.note(advice, _ADVICE_S)

    def _set(self, key: str, value: Value) -> None:
        if check := self.checks.get(key):
            check(value)
        self.controls.set(key, value)

    def _touched(self, key: str) -> None:
        self.preset_player.touched(key)
        if key == "pad.on" or (key in CORNERS and self.controls.flag("pad.on")):
            self.preset_player.start_pad()

    def _on_panic(self) -> None:
        self.tempo.drop()
        self.cues.panic()
        self.preset_player.panic(self._panic.press(self.elapsed))

    # Targets

    def _fly_to(self, target: Target) -> None:
        self.aim({target: 1.0})

    def _pick(self, goal: Mapping[Target, float]) -> None:
        """Fly what the performer chose; the autopilot waits until it is asked for again."""
        self.aim(goal)
        self.autopilot.paused = True

    def _set_target(self, name: str) -> None:
        """Fly to a target, unless an awaited preset flies there anyway.

        An empty name is what a flight reports while it flies several targets. One that follows it
        gets them from its preset or its pad."""
        if name and not self.preset_player.will_fly(target := Target.parse(name)):
            self._pick({target: 1.0})

    def _add_target(self, target: Target) -> None:
        """Fly one more target; it comes first, so that where there are too many another goes."""
        mix = {one: weight for one, weight in self.target_selector.goal.items() if weight > 0}
        share = sum(mix.values()) / len(mix) if mix else 1.0
        self._pick({target: mix.pop(target, 0.0) + share, **mix})

    def _add_stop(self, target: Target) -> None:
        count = self.autopilot.add(target)
        self.target_selector.prefetch(self.autopilot.stops)
        self.note(f"{target} is stop {count} of the journey")

    # Cues and autopilot

    def _advance_cues(self, dt: float) -> None:
        # No cue's time runs while the first network is still being loaded.
        if self.mix() and not self.asleep:
            self.cues.advance(dt)

    def _advance_autopilot(self) -> None:
        # The performer's choice stands while the pad is on or a preset is awaited.
        busy = self.controls.flag("pad.on") or bool(self.preset_player.awaited)
        self.autopilot_player.advance(busy=busy or self.asleep)

    def _switch_autopilot(self, wanted: bool | None) -> None:
        self.autopilot_player.switch(wanted)
        self._touched("show.autopilot")
