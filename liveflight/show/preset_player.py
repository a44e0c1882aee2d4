"""Recall presets, morph into them, step through them, undo; play the XY pad."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from liveflight import networks
from liveflight.core.autopilot import Autopilot
from liveflight.core.contracts import LiveflightError, Mix, Target, Value
from liveflight.core.controls import CONTROLS, ROWS, Controls
from liveflight.core.modulation import Modulation
from liveflight.core.morph import Morph, eased
from liveflight.core.panic import SAFE
from liveflight.core.xy_pad import CORNERS, blend
from liveflight.show.preset_navigation import PresetNavigator
from liveflight.show.target_selector import TargetSelector
from liveflight.storage.presets import Preset

_DEFAULTS = {row.key: row.default for row in ROWS if row.saved}
"""Defaults of the controls that a preset holds."""


class PresetPlayer:
    """Change the look of a flight: controls, targets, modulation and journey together."""

    def __init__(
        self,
        controls: Controls,
        target_selector: TargetSelector,
        journey: Autopilot,
        modulation: Modulation,
        seed: int,
    ) -> None:
        self.navigator = PresetNavigator()
        self.preset = ""
        """Name of the preset recalled last."""
        self.awaited = ""
        """Preset, or the pad, that waits until the layers of its networks are known."""
        self._controls, self._target_selector, self._journey = controls, target_selector, journey
        self._modulation = modulation
        self.rng = np.random.default_rng((seed, 99))  # not the journey's numbers
        self._morph = Morph()
        self._corners: list[Target] = []
        """Targets of the pad that were flown last, by their canonical names."""
        self._before: Preset | None = None
        """Look that undo brings back."""
        self._blacked_out = False
        """Whether a panic has made it black, and nobody has changed that since."""
        self._panicked = False
        """Whether a panic has changed the look, and nothing was recalled since."""
        self._retry: Callable[[], None] = lambda: None
        """Action that does what is awaited."""
        self._downloads = True
        """Whether weights may be downloaded for it."""
        self.awaited_preset: Preset | None = None
        """Preset that is awaited; None where it is the pad."""
        self._place = ""
        """Name from which to step on: a preset that cannot be flown does not stop the stepping."""

    @property
    def morph_progress(self) -> float:
        """Return how far the last recall's morph is, 0..1."""
        return self._morph.progress

    def triggers(self) -> dict[str, Callable[[], None]]:
        """Return the actions of the preset triggers, by key."""
        return {
            "show.preset_next": lambda: self._step(1),
            "show.preset_previous": lambda: self._step(-1),
            "show.preset_random": self._random,
            "show.undo": self.undo,
        }

    def recall(
        self, preset: Preset, seconds: float | None = None, curve: str | None = None
    ) -> None:
        """Take over a preset: controls and targets, within the time of a morph.

        The time is `seconds`, or what the morph's controls say; targets follow once their network
        is loaded. In flight, a preset of networks whose layers are not known yet waits for `poll`.

        Raises LiveflightError, having changed nothing, where it names what does not exist."""
        before, self.awaited = self.awaited, ""
        try:
            retry = partial(self.recall, preset, seconds, curve)
            if self._target_selector.goal and self._waits(preset.name, preset.all_targets, retry):
                self.awaited_preset = preset
                return
            self._target_selector.check(preset.all_targets)
            journey = [networks.resolve(stop) for stop in preset.journey]
            corners = [networks.resolve(corner) for corner in preset.corners]
            goal = {networks.resolve(target): each for target, each in preset.targets.items()}
        except LiveflightError as error:
            self.awaited = before
            raise LiveflightError(f"preset {preset.name}: {error}") from error
        wanted = {**_DEFAULTS, **preset.settings}
        goal = dict.fromkeys(corners, 1.0) or goal or dict.fromkeys(journey[:1], 1.0)
        self._target_selector.loader.ensure_loaded(sorted({target.network for target in goal}))
        self._before = self.flown() if self._target_selector.goal else None
        self._panicked = False
        self.preset = self._place = preset.name
        seconds = self._seconds() if seconds is None else seconds
        curve = curve or self._controls.word("morph.curve")
        self._move_controls(wanted, seconds, curve)
        self._modulation.follow(preset.modulation)
        self._journey.follow(journey)
        self._controls.set("pad.on", bool(corners))
        for key, corner in zip(CORNERS, corners, strict=False):
            self._controls.set(key, str(corner))
        self._corners = corners
        if goal:  # of a pad all four targets; `advance` sets their weights
            crossfade = seconds or self._controls.number("mix.crossfade")
            self._target_selector.aim(goal, crossfade, curve if seconds else "smooth")
        self._target_selector.prefetch(journey)

    def current(self, name: str) -> Preset:
        """Return the current look as a preset of that name."""
        settings = {key: self._controls.setting(key) for key in _DEFAULTS}
        corners = tuple(self._named()) if self._controls.flag("pad.on") else ()
        rows = self._modulation.rows
        targets = {
            target: weight for target, weight in self._target_selector.goal.items() if weight > 0
        }
        return Preset(name, targets, settings, self._journey.stops, rows, corners)

    def saved_as(self, name: str) -> None:
        """Note that what is flown is saved under that name."""
        self.preset = self._place = name

    def panic(self, safe: Mapping[str, Value]) -> None:
        """Set the controls to a panic's values at once; end modulation, morph and waiting.

        Undo brings back what this changes of the look."""
        look = self.flown()
        changed = any(SAFE.get(key, value) != value for key, value in look.settings.items())
        if changed or look.modulation or look.corners:  # else it is a second panic
            self._before, self._panicked = look, True
        self._blacked_out = safe["show.blackout"] is True
        self._morph, self.awaited = Morph(), ""
        self._modulation.follow(())
        for key, value in safe.items():
            self._controls.set(key, value)
        self._controls.jump()

    def undo(self) -> None:
        """Bring back the look before the last recall or panic; a second time, redo.

        Where something is awaited, cancel that instead. After a second panic that made the safe
        look black, end the black. Raises LiveflightError where there is nothing to undo."""
        if self.awaited:
            self._cancel()
            return
        if self._blacked_out:
            self._blacked_out = False
            self._controls.set("show.blackout", False)
            if not self._panicked:
                return
        if self._before is None:
            raise LiveflightError("nothing to undo: no preset was recalled yet")
        self.recall(self._before)

    def will_fly(self, target: Target) -> bool:
        """Return whether a preset is awaited that has this target alone."""
        if not self.awaited or self.awaited_preset is None:
            return False
        preset = self.awaited_preset
        return [target] == (list(preset.targets) or list(preset.journey[:1]))

    def touched(self, key: str) -> None:
        """Note that a performer moved this control: no morph moves it any more."""
        self._morph.release(key)
        self._blacked_out = self._blacked_out and key != "show.blackout"

    def poll(self) -> None:
        """Do what is awaited, if that is possible by now.

        Raises LiveflightError, once, where it names what does not exist."""
        if self.awaited:
            self.awaited = ""
            self._target_selector.downloads = self._downloads
            try:
                self._retry()
            finally:
                self._target_selector.downloads = True

    def advance(self, dt: float) -> None:
        """Advance the morph by `dt` seconds, and set the weights of the pad's mix."""
        for key, value in self._morph.advance(dt).items():
            self._controls.set_immediately(key, value)
        if self._controls.flag("pad.on") and self._corners:
            self._target_selector.reweight(self._blend())

    def mix_at(self, x: float, y: float) -> Mix:
        """Return the mix at a place of the picture: 0..1 to the right and up.

        Places differ where `pad.spread` gives each corner of the picture its own target: 0 is the
        pad's own position everywhere, 1 the place itself."""
        controls, mix = self._controls, self._target_selector.mix()
        spread = controls.number("pad.spread") if controls.flag("pad.on") else 0.0
        if not spread or mix.keys() != set(self._corners):  # or they are still crossfaded to
            return mix
        own = controls.number("pad.x"), controls.number("pad.y")
        at = [
            mine + (eased("smooth", there) - mine) * spread
            for mine, there in zip(own, (x, y), strict=True)
        ]
        return blend(self._corners, at[0], at[1])

    def start_pad(self) -> None:
        """Fly the pad's four targets, once they are prepared together, if the pad is on.

        When it is switched off later, its last mix stays. Raises LiveflightError where a corner has
        no target, or one that does not exist."""
        if not self._controls.flag("pad.on"):
            return
        self.awaited = ""
        try:
            named = self._named()
            if len(named) < 4:
                raise LiveflightError("the pad needs four targets: set pad.a, .b, .c and .d")
            if self._waits("the pad", named, self.start_pad):
                self.awaited_preset = None
                return
            self._target_selector.check(named)
            corners = [networks.resolve(corner) for corner in named]
        except LiveflightError:
            self.stop_pad()
            raise
        self._corners = corners
        self._target_selector.aim(
            dict.fromkeys(corners, 1.0), self._controls.number("mix.crossfade")
        )
        self._target_selector.reweight(self._blend())

    def stop_pad(self) -> None:
        """Switch the pad off and cancel what is awaited: something else is flown from now on."""
        self.awaited = ""
        self._controls.set("pad.on", False)

    def flown(self) -> Preset:
        """Return the look as undo brings it back: with the goals of a morph under way."""
        look = self.current(self.preset)
        return replace(look, settings={**look.settings, **self._morph.goals})

    def _cancel(self) -> None:
        """Await nothing any more; what is flown stays, and stepping continues from there."""
        self.awaited, self._place = "", self.preset
        if self.awaited_preset is None:
            self.stop_pad()

    def _random(self) -> None:
        """Recall a random other preset; where it cannot be flown, the next that can."""
        if not self._tried(self.navigator.another(self.preset, float(self.rng.random()))):
            self._step(1)

    def _step(self, step: int) -> None:
        """Recall the next preset that can be flown.

        Raises LiveflightError where none can, once each has been tried."""
        failed: set[str] = set()
        while (preset := self.navigator.beside(self._place, step)).name not in failed:
            if self._tried(preset):
                return
            failed.add(preset.name)
        raise LiveflightError("no preset here can be flown; `liveflight presets` lists them")

    def _tried(self, preset: Preset) -> bool:
        """Recall a preset and return whether that worked; a failure is reported."""
        self._place = preset.name
        try:
            self.recall(preset)
        except LiveflightError as error:
            self.navigator.on_fault(error)
            return False
        return True

    def _move_controls(self, wanted: Mapping[str, Value], seconds: float, curve: str) -> None:
        moves = []
        for key, goal in wanted.items():
            if seconds > 0 and (now := self._controls.current(key)) != goal:
                moves.append((CONTROLS[key], now, goal))
            else:
                self._controls.set(key, goal)
        self._morph = Morph(moves, seconds, curve)

    def _seconds(self) -> float:
        beats = self._controls.number("morph.beats")
        if beats:
            return beats * 60 / self._controls.number("tempo.bpm")
        return self._controls.number("morph.time")

    def _waits(self, what: str, named: Iterable[Target], retry: Callable[[], None]) -> bool:
        """Return whether the layers of these targets' networks are not known yet.

        Finding them takes a second or two each, on another thread. `poll` then calls `retry` until
        nothing is missing."""
        if self._target_selector.loader.ensure_layers_known(
            sorted({target.network for target in named})
        ):
            return False
        self.awaited, self._retry = what or "the look before", retry
        self._downloads = self._target_selector.downloads
        return True

    def _named(self) -> list[Target]:
        """Return the targets of the pad's corners that have one."""
        names = [str(self._controls.setting(key)) for key in CORNERS]
        return [Target.parse(name) for name in names if name]

    def _blend(self) -> dict[Target, float]:
        x, y = self._controls.number("pad.x"), self._controls.number("pad.y")
        return dict(blend(self._corners, x, y))
