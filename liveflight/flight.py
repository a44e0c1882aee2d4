"""The state of a flight: where every control stands, what is excited, which networks are loaded.
Messages in, mix out. Knows nothing of GL, windows or clocks.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import assert_never

from liveflight import networks
from liveflight.core import presets
from liveflight.core.contracts import LiveflightError, Mix, Target
from liveflight.core.controls import CONTROLS, ROWS, Controls
from liveflight.core.mailbox import Ask, Message, Nudge, Set, Trigger
from liveflight.core.presets import Preset
from liveflight.core.schedule import Journey, Schedule
from liveflight.loader import Layers, Loader, Size

log = logging.getLogger("liveflight.flight")

_MOST_REPORTS = 200


class Reports:
    """The show goes on: a trouble is logged in full the first time, then counted."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.last = ""

    def add(self, trouble: object) -> None:
        text = str(trouble) or type(trouble).__name__
        self.last = text.splitlines()[0]
        if text not in self.counts and len(self.counts) >= _MOST_REPORTS:
            text = "further troubles"
        self.counts[text] += 1
        if self.counts[text] == 1:
            log.warning("%s", text)


class Flight:
    def __init__(self, loader: Loader, seed: int) -> None:
        self.controls = Controls()
        self.schedule = Schedule()
        self.journey = Journey(seed)
        self.loader = loader
        self.reports = Reports()
        self.preset = ""
        self.last_message = ""
        self.time = 0.0
        """Seconds flown; stands still while frozen."""
        self.size: Size | None = None
        """The canvas's width and height, for which switches are planned; None: not yet known."""
        self._awaited: Mapping[Target, float] | None = None
        self._first: Mapping[Target, float] | None = None
        """What was awaited first: all there is to fall back on until it has arrived."""
        self._piloted = 0.0
        """When the autopilot last chose; it waits a dwell even where nothing came of that."""
        self._triggers: dict[str, Callable[[], None]] = {
            "mix.filter_next": lambda: self._step_filter(1),
            "mix.filter_previous": lambda: self._step_filter(-1),
            "mix.layer_deeper": lambda: self._step_layer(1),
            "mix.layer_shallower": lambda: self._step_layer(-1),
            "mix.network_next": self._next_network,
            "mix.random": self._wander,
        }

    def on(self, key: str, action: Callable[[], None]) -> None:
        """What the trigger `key` does, where it is another's business than the flight's."""
        self._triggers[key] = action

    def note(self, text: str) -> None:
        """Something the performer should see on the HUD."""
        self.last_message = text
        log.info("%s", text)

    @property
    def here(self) -> Target:
        """The strongest target of what the flight is at or growing into."""
        goal = self._awaited or self.schedule.goal
        return max(goal, key=lambda target: goal[target])

    def mix(self) -> Mix:
        """What to ascend now; empty while the first network is still being loaded."""
        return self.schedule.mix(self.time)

    @property
    def flying(self) -> bool:
        """Whether the picture moves and grows."""
        return bool(self.mix()) and not self.controls.flag("show.freeze")

    def ready_at(self, size: Size) -> bool:
        """Whether the canvas may take that size without a stall; if not, it is being prepared,
        after what the performer waits for."""
        mixes = [_layers(self.mix()), _layers(self.schedule.goal)]
        if self._awaited is not None:
            engine = self.loader.engine
            return bool(engine and mixes[0] and all(engine.planned(mix, size) for mix in mixes))
        try:
            return self.loader.planned(mixes, size)
        except LiveflightError as error:
            self.reports.add(error)
            return False

    def apply(self, messages: Sequence[Message]) -> None:
        """Does what performers asked for. What cannot be done is reported; the flight goes on."""
        for message in messages:
            try:
                self._apply(message)
            except LiveflightError as error:
                self._report(error)

    def advance(self, dt: float) -> None:
        """Flies on for `dt` seconds: glides, arriving networks, autopilot."""
        self.controls.advance(dt)
        if not self.controls.flag("show.freeze"):
            self.time += dt
        try:
            self._arrive()
            self._pilot()
        except LiveflightError as error:
            self._report(error)
        if self.size and self._awaited is None:
            self.loader.look_ahead(self.size)

    def _report(self, error: LiveflightError) -> None:
        if not (self.schedule.goal or self._awaited):
            raise error  # the first network: without it there is nothing to fly
        self.reports.add(error)

    def _pilot(self) -> None:
        if not self.controls.flag("show.autopilot") or self._awaited or not self.schedule.goal:
            return
        stayed = min(self.schedule.elapsed(self.time), self.time - self._piloted)
        if stayed >= self.controls.number("show.dwell"):
            self._piloted = self.time
            self.aim({self.journey.onward(self.here, self._living()): 1.0})

    def aim(self, goal: Mapping[Target, float]) -> None:
        """Grows into these targets as soon as their networks are loaded and the ascent of both the
        crossfade and what comes after it is planned; until then the flight goes on as it is.

        Raises LiveflightError for names that do not exist."""
        self._awaited = {networks.resolve(target): weight for target, weight in goal.items()}
        self._first = self._first or self._awaited
        self._arrive()

    def recall(self, preset: Preset) -> None:
        """Takes over a preset: the controls at once, the targets once their network is loaded.

        Raises LiveflightError, having changed nothing, where it names what does not exist."""
        try:
            journey = [networks.resolve(stop) for stop in preset.journey]
            goal = {networks.resolve(target): each for target, each in preset.targets.items()}
        except LiveflightError as error:
            raise LiveflightError(f"preset {preset.name}: {error}") from error
        goal = goal or dict.fromkeys(journey[:1], 1.0)
        self.loader.ready(sorted({target.network for target in goal}))
        for control in ROWS:
            if control.saved:
                self.controls.set(control.key, preset.settings.get(control.key, control.default))
        self.preset = preset.name
        self.journey.follow(journey)
        if goal:
            self.aim(goal)
        self.loader.foresee(self._foreseen(journey))

    def as_preset(self, name: str) -> Preset:
        """What is flown now, to be saved under this name."""
        settings = {row.key: self.controls.setting(row.key) for row in ROWS if row.saved}
        targets = self._awaited or self.schedule.goal
        return Preset(name, targets, settings, self.journey.stops)

    def _apply(self, message: Message) -> None:
        match message:
            case Set("show.preset", name):
                self.recall(presets.find(str(name)))
            case Set("mix.target", name):
                self.aim({Target.parse(str(name)): 1.0})
            case Set(key, value):
                self.controls.set(key, value)
            case Nudge(key, amount):
                self.controls.nudge(key, amount)
            case Trigger(key):
                self.last_message = key
                self._triggers[key]()
                return  # what the trigger had to note stands
            case Ask(key, reply):
                reply(self._answer(key))
                return
            case _:
                assert_never(message)
        self.last_message = _described(message, self.controls)

    def _answer(self, key: str) -> float | int | bool | str:
        if key == "mix.target":
            return str(self.here) if self._awaited or self.schedule.goal else ""
        return self.preset if key == "show.preset" else self.controls.setting(key)

    def _arrive(self) -> None:
        if self._awaited is None:
            return
        awaited, self._awaited = self._awaited, None
        try:
            arrived = self.loader.ready(sorted({target.network for target in awaited}))
        except LiveflightError:
            if not self.schedule.goal and awaited is not self._first:
                self._awaited = self._first
            raise
        if arrived and self._planned(awaited):
            self.schedule.go(awaited, self.time, self.controls.number("mix.crossfade"))
        else:
            self._awaited = awaited

    def _planned(self, goal: Mapping[Target, float]) -> bool:
        """Whether the crossfade from what is flown now to the goal can begin without a stall."""
        if self.size is None:
            return True
        here, there = _layers(self.schedule.start(self.time)), _layers(goal)
        try:
            return self.loader.planned([here | there, there], self.size)
        except LiveflightError as error:
            self.reports.add(error)
            return False

    def _foreseen(self, journey: Sequence[Target]) -> list[Layers]:
        """What the autopilot will ascend: each crossfade from stop to stop, and each stop. A
        network that would have to be downloaded is not foreseen."""
        here = {target.network for target in self._awaited or self.schedule.goal}
        reach = [stop for stop in journey if stop.network in here or self._at_hand(stop.network)]
        stops = [_layers([stop]) for stop in reach]
        onward = zip(stops, stops[1:] + stops[:1], strict=True)
        return [mix for one, other in onward for mix in (one | other, other)]

    def _at_hand(self, name: str) -> bool:
        engine = self.loader.engine
        return bool((engine and engine.ready(name)) or networks.network(name).find_weights())

    def _living(self) -> Sequence[int]:
        engine = self.loader.engine
        if engine is None or not engine.ready(self.here.network):
            return ()
        return engine.living(self.here.network, self.here.layer)

    def _wander(self) -> None:
        self.aim({self.journey.wander(self.here, self._living()): 1.0})

    def _step_filter(self, step: int) -> None:
        here = self.here
        channels = networks.network(here.network).layer(here.layer).channels
        number = step - 1 if here.filter is None and step > 0 else (here.filter or 0) + step
        self.aim({Target(here.network, here.layer, number % channels): 1.0})

    def _step_layer(self, step: int) -> None:
        here = self.here
        layers = networks.network(here.network).layers
        names = [layer.name for layer in layers]
        layer = layers[min(max(names.index(here.layer) + step, 0), len(layers) - 1)]
        number = None if here.filter is None else min(here.filter, layer.channels - 1)
        self.aim({Target(here.network, layer.name, number): 1.0})

    def _next_network(self) -> None:
        """The next network whose weights are at hand, at a layer of like depth: a show downloads
        nothing."""
        names = networks.names()
        after = names.index(self.here.network) + 1
        for name in (*names[after:], *names[: after - 1]):
            network = networks.network(name)
            if self._at_hand(name):
                layer = network.layers[len(network.layers) * 3 // 4]
                number = min(self.here.filter or 0, layer.channels - 1)
                self.aim({Target(name, layer.name, number): 1.0})
                return
        raise LiveflightError(
            f"no network but {self.here.network} has its weights here; "
            "`liveflight networks` says where to put the others'"
        )


def _layers(targets: Iterable[Target]) -> Layers:
    return frozenset((target.network, target.layer) for target in targets)


def _described(message: Set | Nudge, controls: Controls) -> str:
    value = message.value if isinstance(message, Set) else controls.setting(message.key)
    shown = f"{value:.3g}" if isinstance(value, float) else str(value)
    return f"{message.key} {shown} {CONTROLS[message.key].unit}".rstrip()
