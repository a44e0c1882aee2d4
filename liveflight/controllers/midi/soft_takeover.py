"""What a turn of a bound knob means: which control goes where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from liveflight.controllers.midi.bindings import Binding, MidiMap, Source
from liveflight.controllers.midi.learn import steps
from liveflight.controllers.midi.ports import namesake
from liveflight.core.contracts import Value
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Message, Nudge, Set, Trigger

_STEP = 1 / 128
"""Fader way of one step of an encoder: its slow turn goes as finely as a knob of 7 bits."""
_NEAR = 0.02
"""Fader way within which a knob counts as standing where its control does."""
_LARGEST = {"cc": 127, "note": 127, "cc14": 16383, "pitch": 16383}


class SoftTakeover:
    def __init__(self, bindings: MidiMap) -> None:
        self.bindings = bindings
        self.waiting = ""
        """Which knob has yet to be brought to where its control stands, for the performer."""
        self._values: Mapping[str, Value] = {}
        self._stood: dict[Source, float] = {}
        self._holding: set[Source] = set()
        """Knobs that have their control: nobody else has moved it since they did."""
        self._high: dict[Source, int] = {}

    def value(self, key: str) -> Value:
        """Where a control stands, as far as that is known."""
        return self._values.get(key, CONTROLS[key].default)

    def bind(self, binding: Binding) -> None:
        """A knob that has just been bound has its control from here on."""
        self.bindings.bind(binding)
        self._holding.add(binding.source)

    def told(self, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Where every control stands after a frame, and what was said in it: a knob loses a control
        that another has moved."""
        own = {(m.key, m.origin) for m in heard if isinstance(m, Set | Nudge)}
        for binding in self.bindings:
            key, source = binding.control, binding.source
            moved = values.get(key) != self._values.get(key, values.get(key))
            if moved and (key, origin(source)) not in own:
                self._holding.discard(source)
        self._values = values

    def unplugged(self, port: str) -> None:
        """Its knobs may stand elsewhere when it is back: they have to pick up."""
        gone = (port, self.meant(port))
        self.waiting = ""
        self._holding = {source for source in self._holding if source.port not in gone}
        self._stood = {source: at for source, at in self._stood.items() if source.port not in gone}
        self._high = {source: at for source, at in self._high.items() if source.port not in gone}

    def turn(self, source: Source, value: int) -> Message | None:
        """The message for the mailbox; None where the knob is bound to nothing, waits to be picked
        up, or is a button let go."""
        source, value = self._joined(replace(source, port=self.meant(source.port)), value)
        binding = self.bindings.find(source)
        if binding is None:
            return None
        control = CONTROLS[binding.control]
        if control.kind in ("trigger", "text") or source.sort == "note":
            return self._pressed(binding, control, value)
        if binding.turn != "absolute":
            return _stepped(control, steps(binding.turn, value), origin(source))
        return self._moved(binding, control, value / _LARGEST[source.sort])

    def meant(self, port: str) -> str:
        """A box's twin, or one that was plugged in again while its old port was still there, stands
        in for it as long as nothing is bound to itself."""
        bound = any(binding.source.port == port for binding in self.bindings)
        return port if bound else namesake(port)

    def _joined(self, source: Source, value: int) -> tuple[Source, int]:
        """Both halves of a 14-bit controller as one; everything else as it is."""
        if source.sort != "cc" or source.number >= 64:
            return source, value
        whole = Source(source.port, "cc14", source.channel, source.number % 32)
        if self.bindings.find(whole) is None:
            return source, value
        if source.number < 32:
            self._high[whole] = value
            return whole, value << 7
        return whole, self._high.get(whole, 0) << 7 | value

    def _pressed(self, binding: Binding, control: Control, value: int) -> Message | None:
        """A key or pad, or a button that sends a controller: only going down counts, except that
        a number follows how hard the key was struck."""
        source = binding.source
        unit = value / _LARGEST[source.sort]
        before, self._stood[source] = self._stood.get(source, 0.0), unit
        if not value or (source.sort != "note" and not before < 0.5 <= unit):
            return None
        said = origin(source)
        match control.kind:
            case "trigger":
                return Trigger(control.key, said)
            case "text":
                return Set(control.key, binding.value, said)
            case "bool" | "enum":
                return Nudge(control.key, 1, said)
        return Set(control.key, control.from_unit(unit), said)

    def _moved(self, binding: Binding, control: Control, unit: float) -> Message | None:
        source = binding.source
        before, self._stood[source] = self._stood.get(source, unit), unit
        if binding.takeover == "pickup" and source not in self._holding:
            place = control.to_unit(self.value(control.key))
            if not min(before, unit) - _NEAR <= place <= max(before, unit) + _NEAR:
                way = "up" if place > unit else "down"
                self.waiting = f"{control.key} is at {place:.0%}, its knob at {unit:.0%}: {way}"
                return None
        self.waiting = ""
        self._holding.add(source)
        return Set(control.key, control.from_unit(unit), origin(source))


def origin(source: Source) -> str:
    """Who says what the source sends."""
    return f"midi:{source.port}"


def _stepped(control: Control, count: int, said: str) -> Message | None:
    if not count:
        return None
    return Nudge(control.key, count * _STEP if control.kind == "float" else count, said)
