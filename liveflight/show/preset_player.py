"""The looks of a flight: presets recalled, morphed into, walked along and undone; the XY pad."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target, Value
from liveflight.core.controls import CONTROLS, ROWS, Controls
from liveflight.core.crossfade import Autopilot
from liveflight.core.modulation import Modulation
from liveflight.core.morph import Morph
from liveflight.core.pad import CORNERS, blend
from liveflight.core.panic import SAFE
from liveflight.show.preset_bank import PresetBank
from liveflight.show.target_selector import TargetSelector
from liveflight.storage.presets import Preset

_DEFAULTS = {row.key: row.default for row in ROWS if row.saved}
"""Of what a preset holds."""


class PresetPlayer:
    def __init__(
        self,
        controls: Controls,
        target_selector: TargetSelector,
        journey: Autopilot,
        modulation: Modulation,
        seed: int,
    ) -> None:
        self.preset_bank = PresetBank()
        self.preset = ""
        """The name of the one recalled last."""
        self.awaited = ""
        """What cannot be flown before it is known which layers its networks have."""
        self._controls, self._target_selector, self._journey = controls, target_selector, journey
        self._modulation = modulation
        self._rng = np.random.default_rng((seed, 99))  # not the journey's numbers
        self._morph = Morph()
        self._corners: list[Target] = []
        """The pad's targets that were flown last, by their canonical names."""
        self._before: Preset | None = None
        """What undo brings back."""
        self._darkened = False
        """Whether a panic has made it black, and nobody has turned that over since."""
        self._calmed = False
        """Whether a panic has changed the look, and nothing was recalled since."""
        self._again: Callable[[], None] = lambda: None
        """Does what is awaited."""
        self._downloads = True
        """Whether weights may be downloaded for it."""
        self._look: Preset | None = None
        """The preset that is awaited; None: it is the pad."""
        self._place = ""
        """Where the walk along the shelf is: a look that cannot be flown does not end it."""

    def triggers(self) -> dict[str, Callable[[], None]]:
        """What the triggers of looks do."""
        return {
            "show.preset_next": lambda: self._walk(1),
            "show.preset_previous": lambda: self._walk(-1),
            "show.preset_random": self._wander,
            "show.undo": self.undo,
        }

    def recall(
        self, preset: Preset, seconds: float | None = None, curve: str | None = None
    ) -> None:
        """Takes over a preset: the controls in the morph's time (`seconds`, or what the controls
        of the morph say), the targets in the same, once their network is loaded. In mid-flight one
        of networks whose layers are not known yet waits for `arrive`.

        Raises LiveflightError, having changed nothing, where it names what does not exist."""
        before, self.awaited = self.awaited, ""
        try:
            again = partial(self.recall, preset, seconds, curve)
            if self._target_selector.goal and self._waits(preset.name, preset.named, again):
                self._look = preset
                return
            self._target_selector.check(preset.named)
            journey = [networks.resolve(stop) for stop in preset.journey]
            corners = [networks.resolve(corner) for corner in preset.corners]
            goal = {networks.resolve(target): each for target, each in preset.targets.items()}
        except LiveflightError as error:
            self.awaited = before
            raise LiveflightError(f"preset {preset.name}: {error}") from error
        wanted = {**_DEFAULTS, **preset.settings}
        goal = dict.fromkeys(corners, 1.0) or goal or dict.fromkeys(journey[:1], 1.0)
        self._target_selector.loader.ready(sorted({target.network for target in goal}))
        self._before = self._flown() if self._target_selector.goal else None
        self._calmed = False
        self.preset = self._place = preset.name
        seconds = self._seconds() if seconds is None else seconds
        curve = curve or self._controls.word("morph.curve")
        self._turn_controls(wanted, seconds, curve)
        self._modulation.follow(preset.modulation)
        self._journey.follow(journey)
        self._controls.set("pad.on", bool(corners))
        for key, corner in zip(CORNERS, corners, strict=False):
            self._controls.set(key, str(corner))
        self._corners = corners
        if goal:  # the pad's weights are `advance`'s: what is aimed at is all four
            crossfade = seconds or self._controls.number("mix.crossfade")
            self._target_selector.aim(goal, crossfade, curve if seconds else "smooth")
        self._target_selector.prefetch(journey)

    def current(self, name: str) -> Preset:
        """What is flown now, to be saved under this name."""
        settings = {key: self._controls.setting(key) for key in _DEFAULTS}
        corners = tuple(self._named()) if self._controls.flag("pad.on") else ()
        rows = self._modulation.rows
        targets = {
            target: weight for target, weight in self._target_selector.goal.items() if weight > 0
        }
        return Preset(name, targets, settings, self._journey.stops, rows, corners)

    def calm(self, safe: Mapping[str, Value]) -> None:
        """Set the controls to a panic's values at once, end modulation and morph and await nothing
        any more. Undo brings back what this changes of the look."""
        look = self._flown()
        changed = any(SAFE.get(key, value) != value for key, value in look.settings.items())
        if changed or look.modulation or look.corners:  # else it is a second panic
            self._before, self._calmed = look, True
        self._darkened = safe["show.blackout"] is True
        self._morph, self.awaited = Morph(), ""
        self._modulation.follow(())
        for key, value in safe.items():
            self._controls.set(key, value)
        self._controls.jump()

    def undo(self) -> None:
        """Back to the look before the last recall or panic; a second time, forth again. What is
        awaited is taken back instead, and of a panic that has made a safe look black, the black.

        Raises LiveflightError where there has been neither."""
        if self.awaited:
            self._take_back()
            return
        if self._darkened:
            self._darkened = False
            self._controls.set("show.blackout", False)
            if not self._calmed:
                return
        if self._before is None:
            raise LiveflightError("nothing to undo: no preset was recalled yet")
        self.recall(self._before)

    def brings(self, target: Target) -> bool:
        """Whether a preset is awaited that excites this target alone."""
        if not self.awaited or self._look is None:
            return False
        return [target] == (list(self._look.targets) or list(self._look.journey[:1]))

    def touched(self, key: str) -> None:
        """A performer moved this control: no morph moves it any more."""
        self._morph.release(key)
        self._darkened = self._darkened and key != "show.blackout"

    def arrive(self) -> None:
        """Does what is awaited, if it can be done by now.

        Raises LiveflightError, once, where it names what does not exist."""
        if self.awaited:
            self.awaited = ""
            self._target_selector.downloads = self._downloads
            try:
                self._again()
            finally:
                self._target_selector.downloads = True

    def advance(self, dt: float) -> None:
        """Morphs on for `dt` seconds; the pad's mix follows its finger."""
        for key, value in self._morph.advance(dt).items():
            self._controls.place(key, value)
        if self._controls.flag("pad.on") and self._corners:
            self._target_selector.weigh(self._blend())

    def press_pad(self) -> None:
        """The pad takes over, as soon as its four targets are prepared together; once it is
        switched off, its last mix stays.

        Raises LiveflightError where a corner has no target, or one that does not exist."""
        if not self._controls.flag("pad.on"):
            return
        self.awaited = ""
        try:
            named = self._named()
            if len(named) < 4:
                raise LiveflightError("the pad has not four targets: set pad.a, .b, .c and .d")
            if self._waits("the pad", named, self.press_pad):
                self._look = None
                return
            self._target_selector.check(named)
            corners = [networks.resolve(corner) for corner in named]
        except LiveflightError:
            self.lift_pad()
            raise
        self._corners = corners
        self._target_selector.aim(
            dict.fromkeys(corners, 1.0), self._controls.number("mix.crossfade")
        )
        self._target_selector.weigh(self._blend())

    def lift_pad(self) -> None:
        """Something else is flown from now on, and nothing awaited any more."""
        self.awaited = ""
        self._controls.set("pad.on", False)

    def _flown(self) -> Preset:
        """The look as undo brings it back: of a morph that is under way, where it goes."""
        look = self.current(self.preset)
        return replace(look, settings={**look.settings, **self._morph.goals})

    def _take_back(self) -> None:
        """Nothing is awaited any more; what is flown stays, and the walk goes on from there."""
        self.awaited, self._place = "", self.preset
        if self._look is None:
            self.lift_pad()

    def _wander(self) -> None:
        """Recall any other preset; from one that cannot be flown on to the next that can."""
        if not self._tried(self.preset_bank.another(self.preset, float(self._rng.random()))):
            self._walk(1)

    def _walk(self, step: int) -> None:
        """Recall the next preset that can be flown.

        Raises LiveflightError where none can, once each has been tried."""
        failed: set[str] = set()
        while (preset := self.preset_bank.beside(self._place, step)).name not in failed:
            if self._tried(preset):
                return
            failed.add(preset.name)
        raise LiveflightError("no preset here can be flown; `liveflight presets` lists them")

    def _tried(self, preset: Preset) -> bool:
        """Recall a preset; whether that worked: where not, it is reported and passed over."""
        self._place = preset.name
        try:
            self.recall(preset)
        except LiveflightError as error:
            self.preset_bank.passed(error)
            return False
        return True

    def _turn_controls(self, wanted: Mapping[str, Value], seconds: float, curve: str) -> None:
        ways = []
        for key, goal in wanted.items():
            if seconds > 0 and (here := self._controls.now(key)) != goal:
                ways.append((CONTROLS[key], here, goal))
            else:
                self._controls.set(key, goal)
        self._morph = Morph(ways, seconds, curve)

    def _seconds(self) -> float:
        beats = self._controls.number("morph.beats")
        if beats:
            return beats * 60 / self._controls.number("tempo.bpm")
        return self._controls.number("morph.time")

    def _waits(self, what: str, named: Iterable[Target], again: Callable[[], None]) -> bool:
        """Whether something has yet to be found out about these targets' networks: a second or two
        each, beside the show. `again` is then called until it does not wait."""
        if self._target_selector.loader.layers_known(sorted({target.network for target in named})):
            return False
        self.awaited, self._again = what or "the look before", again
        self._downloads = self._target_selector.downloads
        return True

    def _named(self) -> list[Target]:
        """The pad's corners, as far as they have a target."""
        names = [str(self._controls.setting(key)) for key in CORNERS]
        return [Target.parse(name) for name in names if name]

    def _blend(self) -> dict[Target, float]:
        x, y = self._controls.number("pad.x"), self._controls.number("pad.y")
        return dict(blend(self._corners, x, y))
