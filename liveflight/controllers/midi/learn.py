"""Learn a knob: arm a control, move the knob, and deduce its kind from what it sends."""

from __future__ import annotations

from collections import defaultdict

from liveflight.controllers.midi.bindings import Binding, Source, Turn
from liveflight.core.control import Control

_MIN_TRAVEL = 8
"""Steps of 127 that a controller has to travel, so that a jittering one is not learned."""
_PAIR_WINDOW_S = 0.005
"""Seconds within which the two halves of a 14-bit value arrive."""
_MIN_REPEATS = 3
"""How often a value has to repeat before the knob counts as an encoder: no moving fader repeats."""

_TURNS: tuple[tuple[Turn, frozenset[int]], ...] = (
    # The values that slow turns send in each encoding, in both directions.
    ("offset", frozenset((61, 62, 63, 65, 66, 67))),
    ("twos", frozenset((1, 2, 3, 125, 126, 127))),
    ("sign", frozenset((1, 2, 3, 65, 66, 67))),
)


class Learner:
    """Find the knob that a performer moves, and bind it to the armed control."""

    def __init__(self, control: Control, value: str = "") -> None:
        """Arm `control`. `value`: the text that a text control is to be set to."""
        self.control = control
        self._value = value
        self._seen: dict[Source, list[tuple[float, int]]] = defaultdict(list)

    def hear(self, source: Source, value: int, at: float) -> Binding | None:
        """Take a `value` sent at `at` seconds. Return the binding once the knob is identified."""
        seen = self._seen[source]
        seen.append((at, value))
        del seen[:-64]
        if source.sort == "note":
            return self._bound(source) if value else None
        if self.control.kind in ("text", "trigger", "bool") and value >= 64:
            return self._bound(source)  # a button that sends control changes
        values = [each for _, each in seen]
        if source.sort == "cc" and _possible_turns(values):
            turn = _encoder_turn(values)
            return self._bound(source, turn) if turn else None
        most = 127 if source.sort == "cc" else 16383
        if max(values) - min(values) <= _MIN_TRAVEL * most / 127:
            return None
        return self._bound(self._paired(source))

    def _paired(self, source: Source) -> Source:
        """Return the 14-bit controller that a 7-bit one is half of, else the source itself."""
        high = Source(source.port, source.sort, source.channel, source.number % 32)
        low = Source(source.port, source.sort, source.channel, source.number % 32 + 32)
        if source.sort != "cc" or source.number >= 64:
            return source
        together = any(
            abs(one - other) < _PAIR_WINDOW_S
            for one, _ in self._seen.get(high, [])
            for other, _ in self._seen.get(low, [])
        )
        return Source(source.port, "cc14", source.channel, high.number) if together else source

    def _bound(self, source: Source, turn: Turn = "absolute") -> Binding:
        return Binding(source, self.control.key, turn, value=self._value)


def _possible_turns(values: list[int]) -> list[Turn]:
    """Return the kinds of encoder that could have sent all of these."""
    return [turn for turn, slow in _TURNS if slow.issuperset(values)]


def _encoder_turn(values: list[int]) -> Turn | None:
    """Return the kind of an endless encoder that sent these values; None while ambiguous.

    1 alone fits two kinds, and so does 65, until it is turned the other way, too."""
    repeats = max(values.count(value) for value in set(values))
    fitting = _possible_turns(values)
    return fitting[0] if repeats >= _MIN_REPEATS and len(fitting) == 1 else None


def steps(turn: Turn, value: int) -> int:
    """Return how many steps up `value` (0..127) means for an encoder of that kind."""
    match turn:
        case "offset":
            return value - 64
        case "twos":
            return value - 128 if value >= 64 else value
        case _:
            return 64 - value if value >= 64 else value
