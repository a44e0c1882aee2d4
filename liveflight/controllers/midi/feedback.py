"""Show the values of controls on what is bound to them: motor faders, rings, lights of pads.

Each goes back to the port, channel and number it was learned from, whenever it changes for another
reason than that fader's own move.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

from liveflight.controllers.midi.bindings import LARGEST, Binding, Source, origin
from liveflight.controllers.midi.ports import PortMessage
from liveflight.core.contracts import Value
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Message, Set, Trigger

INTERVAL_S = 1 / 30
"""Least seconds between two values for one knob."""
MAX_PER_FRAME = 16
"""Values sent at most per frame: at 60 frames a second as many as an old MIDI cable carries."""
_ECHO_S, _PRESS_ECHO_S = 0.5, 0.05
"""Seconds within which a sent value that comes back is an echo, of a fader and of any other."""
_KEPT = 32
"""Sent values that are remembered for each knob."""

Knob = tuple[str, Source]
"""The port that is open, and the source in its bindings: two equal devices may share those."""


class MidiFeedback:
    """Know what each knob shows, and find what it should be sent. Times in seconds."""

    def __init__(self) -> None:
        self._bindings: dict[Knob, Binding] = {}
        self._wanted: dict[Knob, int] = {}
        """The value that each knob should show."""
        self._shown: dict[Knob, int] = {}
        """The value that it shows, as far as that is known."""
        self._sent_at: dict[Knob, float] = {}
        self._sent: defaultdict[Knob, deque[tuple[float, int]]] = defaultdict(
            lambda: deque(maxlen=_KEPT)
        )
        self._moved: set[Knob] = set()
        """Faders whose own message has not come back among a frame's messages yet."""

    def forget(self, port: str) -> None:
        """Send everything to a port that was opened or closed."""
        for knob in [knob for knob in self._shown if knob[0] == port]:
            del self._shown[knob]

    def moved(self, port: str, binding: Binding, value: int, *, acted: bool) -> None:
        """Note that a knob sent a value, and whether that `acted` on its control."""
        knob = port, binding.source
        if _shows_itself(binding):
            if acted:
                self._moved.add(knob)
        elif not value:  # many buttons put out their own light as they are released
            self._shown.pop(knob, None)

    def is_echo(self, port: str, binding: Binding, value: int, now: float) -> bool:
        """Return whether a device or a loop sent a value back that was sent to it."""
        sent = self._sent[port, binding.source]
        if _shows_itself(binding):
            recent = [level for at, level in sent if now - at <= _ECHO_S]
            return any(_near(binding.source, value, level) for level in recent)
        for at, level in sent:
            if level == value and now - at <= _PRESS_ECHO_S:
                sent.remove((at, level))  # only once: the next may be a finger's
                return True
        return False

    def update(
        self,
        bindings: Iterable[tuple[str, Binding]],
        values: Mapping[str, Value],
        heard: Sequence[Message],
    ) -> None:
        """Take the values after a frame, and its messages.

        `bindings`: those of each open port, with the port."""
        if any(isinstance(each, Trigger) and each.key == "show.sync" for each in heard):
            self._shown.clear()
        own = {(each.key, each.origin) for each in heard if isinstance(each, Set)}
        self._bindings, self._wanted = {}, {}
        for port, binding in bindings:
            level = _level(binding, values)
            if level is None:
                continue
            knob = port, binding.source
            self._bindings[knob], self._wanted[knob] = binding, level
            if knob in self._moved and (binding.control, origin(binding.source)) in own:
                self._moved.discard(knob)
                self._shown[knob] = level

    def take(self, now: float) -> list[tuple[Binding, PortMessage]]:
        """Return what is to be sent now, and count it as shown; longest waiting first."""
        due = [
            knob
            for knob, level in self._wanted.items()
            if self._shown.get(knob) != level
            if now - self._sent_at.get(knob, -math.inf) >= INTERVAL_S
        ]
        due.sort(key=lambda knob: self._sent_at.get(knob, -math.inf))
        messages: list[tuple[Binding, PortMessage]] = []
        for knob in due[:MAX_PER_FRAME]:
            level = self._wanted[knob]
            self._shown[knob], self._sent_at[knob] = level, now
            self._sent[knob].append((now, level))
            each = self._bindings[knob]
            messages += [(each, (knob[0], data)) for data in _messages(each.source, level)]
        return messages


def _shows_itself(binding: Binding) -> bool:
    """Return whether it stands where it was moved to: a fader, not a button or endless knob."""
    number = CONTROLS[binding.control].kind in ("float", "int", "enum")
    return number and binding.turn == "absolute" and binding.source.sort != "note"


def _level(binding: Binding, values: Mapping[str, Value]) -> int | None:
    """Return what a knob should show, 0 to its largest value; None where it shows nothing."""
    control, value = CONTROLS[binding.control], values.get(binding.control)
    if not binding.feedback or value is None or control.kind == "trigger":
        return None
    lit = value == binding.value if control.kind == "text" else control.to_position(value)
    return round(lit * LARGEST[binding.source.sort])


def _near(source: Source, value: int, level: int) -> bool:
    """Return whether a fader at that level may report that value."""
    if source.sort == "cc14":  # its halves come one by one
        return value in (level >> 7, level & 127)
    return abs(value - level) <= LARGEST[source.sort] // 127


def _messages(source: Source, level: int) -> list[list[int]]:
    """Return the bytes of the messages that show a level."""
    channel = source.channel - 1
    match source.sort:
        case "note":
            return [[0x90 | channel, source.number, level]]
        case "pitch":
            return [[0xE0 | channel, level & 127, level >> 7]]
        case "cc14":
            high = [0xB0 | channel, source.number, level >> 7]
            return [high, [0xB0 | channel, source.number + 32, level & 127]]
    return [[0xB0 | channel, source.number, level]]
