"""Turn the moves of bound knobs into messages, with soft takeover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from liveflight.controllers.midi.bindings import LARGEST, Binding, MidiMap, Source, origin
from liveflight.controllers.midi.learn import steps
from liveflight.controllers.midi.ports import first_of_equals
from liveflight.core.contracts import Value
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Message, Nudge, Set, Trigger

_ENCODER_STEP = 1 / 128
"""Fader travel of one step of an encoder: as fine as a knob of 7 bits."""
_PICKUP_TOLERANCE = 0.02
"""Fader travel within which a knob counts as having reached its control."""
_MOTOR_TRAVEL = 0.25
"""Fader travel that no hand covers between two messages: a motor has moved it."""


class SoftTakeover:
    """Let a knob move its control only once it has passed the control's value."""

    def __init__(self, bindings: MidiMap) -> None:
        """Take the bindings, which `bind` changes in place."""
        self.bindings = bindings
        self.waiting = ""
        """For the performer: which knob has to be moved to its control's value, or empty."""
        self._values: Mapping[str, Value] = {}
        self._positions: dict[Source, float] = {}
        self._picked_up: set[Source] = set()
        """Knobs that have picked up their control, which no one else has moved since."""
        self._high_bytes: dict[Source, int] = {}
        self._sent: dict[Source, float] = {}
        """Positions that were sent to knobs last."""
        self._motorised: set[Source] = set()
        """Faders that went where they were sent: they always stand at their control's value."""

    def value(self, key: str) -> Value:
        """Return a control's last known value, or its default."""
        return self._values.get(key, CONTROLS[key].default)

    def bind(self, binding: Binding) -> None:
        """Add a binding; its knob counts as picked up."""
        self.bindings.bind(binding)
        self._picked_up.add(binding.source)

    def update(self, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Take the values after a frame, and its messages.

        A knob loses a control that someone else has moved."""
        own = {(m.key, m.origin) for m in heard if isinstance(m, Set | Nudge)}
        for binding in self.bindings:
            key, source = binding.control, binding.source
            moved = values.get(key) != self._values.get(key, values.get(key))
            if moved and (key, origin(source)) not in own:
                self._picked_up.discard(source)
        self._values = values

    def unplugged(self, port: str) -> None:
        """Make the port's knobs pick up again: they may have been moved in between."""
        gone = (port, self.bound_port(port))
        self.waiting = ""
        self._picked_up = {source for source in self._picked_up if source.port not in gone}
        self._positions = {
            source: at for source, at in self._positions.items() if source.port not in gone
        }
        self._high_bytes = {
            source: at for source, at in self._high_bytes.items() if source.port not in gone
        }

    def move(self, source: Source, value: int) -> Message | None:
        """Return the message for the mailbox.

        None if the knob is not bound, has to pick up first, or is a released button."""
        source, value = self._joined(replace(source, port=self.bound_port(source.port)), value)
        binding = self.bindings.find(source)
        if binding is None:
            return None
        control = CONTROLS[binding.control]
        if control.kind in ("trigger", "text") or source.sort == "note":
            return self._pressed(binding, control, value)
        if binding.turn != "absolute":
            return _stepped(control, steps(binding.turn, value), origin(source))
        return self._moved(binding, control, value / LARGEST[source.sort])

    def binding(self, source: Source) -> Binding | None:
        """Return the binding that applies to a message of that source."""
        return self.bindings.find(self._whole(replace(source, port=self.bound_port(source.port))))

    def bindings_of(self, port: str) -> list[Binding]:
        """Return the bindings that apply to an open port."""
        bound = self.bound_port(port)
        return [binding for binding in self.bindings if binding.source.port == bound]

    def sent(self, binding: Binding) -> None:
        """Note that its control's value was sent to a knob."""
        control = CONTROLS[binding.control]
        self._sent[binding.source] = control.to_position(self.value(control.key))

    def bound_port(self, port: str) -> str:
        """Return the port whose bindings apply to `port`.

        A second device of the same name, or one plugged in again while its old port still existed,
        uses the first one's bindings as long as it has none of its own."""
        bound = any(binding.source.port == port for binding in self.bindings)
        return port if bound else first_of_equals(port)

    def _joined(self, source: Source, value: int) -> tuple[Source, int]:
        """Return both halves of a bound 14-bit controller as one; everything else unchanged."""
        whole = self._whole(source)
        if whole == source:
            return source, value
        if source.number < 32:
            self._high_bytes[whole] = value
            return whole, value << 7
        return whole, self._high_bytes.get(whole, 0) << 7 | value

    def _whole(self, source: Source) -> Source:
        """Return the bound 14-bit controller that a source is half of, else the source itself."""
        if source.sort != "cc" or source.number >= 64:
            return source
        whole = Source(source.port, "cc14", source.channel, source.number % 32)
        return source if self.bindings.find(whole) is None else whole

    def _pressed(self, binding: Binding, control: Control, value: int) -> Message | None:
        """Return the message of a key, pad or button going down; None for its release.

        A number follows how hard the key was struck."""
        source = binding.source
        unit = value / LARGEST[source.sort]
        before, self._positions[source] = self._positions.get(source, 0.0), unit
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
        return Set(control.key, control.from_position(unit), said)

    def _moved(self, binding: Binding, control: Control, unit: float) -> Message | None:
        source = binding.source
        before, self._positions[source] = self._positions.get(source, unit), unit
        self._detect_motor(source, before, unit)
        known = self._picked_up | self._motorised
        if binding.takeover == "pickup" and source not in known:
            place = control.to_position(self.value(control.key))
            low, high = min(before, unit) - _PICKUP_TOLERANCE, max(before, unit) + _PICKUP_TOLERANCE
            if not low <= place <= high:
                way = "up" if place > unit else "down"
                self.waiting = f"{control.key} is at {place:.0%}, its knob at {unit:.0%}: {way}"
                return None
        self.waiting = ""
        self._picked_up.add(source)
        return Set(control.key, control.from_position(unit), origin(source))

    def _detect_motor(self, source: Source, before: float, unit: float) -> None:
        """Recognise a fader that has leapt to where it was sent."""
        sent = self._sent.get(source, before)
        near = abs(unit - sent) <= _PICKUP_TOLERANCE
        if near and abs(before - sent) > _MOTOR_TRAVEL:
            self._motorised.add(source)


def _stepped(control: Control, count: int, said: str) -> Message | None:
    if not count:
        return None
    return Nudge(control.key, count * _ENCODER_STEP if control.kind == "float" else count, said)
