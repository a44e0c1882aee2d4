"""Learns which knob is meant: arm a control, move the knob, and what it sends says what it is."""

from __future__ import annotations

from collections import defaultdict

from liveflight.controllers.midi.bindings import Binding, Source, Turn
from liveflight.core.control import Control

_MOVED = 8
"""Steps of 127 that a controller has to go: a knob that only trembles is not meant."""
_PAIRED = 0.005
"""Seconds within which the two halves of a 14-bit value arrive."""
_ALIKE = 3
"""How often an encoder says the same before it is taken for one: a fader that moves does not."""

_TURNS: tuple[tuple[Turn, frozenset[int]], ...] = (
    # The slow turns, either way, of each encoding; which way comes first decides nothing.
    ("offset", frozenset((61, 62, 63, 65, 66, 67))),
    ("twos", frozenset((1, 2, 3, 125, 126, 127))),
    ("sign", frozenset((1, 2, 3, 65, 66, 67))),
)


class Learner:
    """`value` is what a text control is to be set to."""

    def __init__(self, control: Control, value: str = "") -> None:
        self.control = control
        self._value = value
        self._seen: dict[Source, list[tuple[float, int]]] = defaultdict(list)

    def hear(self, source: Source, value: int, at: float) -> Binding | None:
        """A controller, key or wheel said `value` at `at` seconds: the binding, once it is clear
        which is meant."""
        seen = self._seen[source]
        seen.append((at, value))
        del seen[:-64]
        if source.sort == "note":
            return self._bound(source) if value else None
        if self.control.kind in ("text", "trigger", "bool") and value >= 64:
            return self._bound(source)  # a button that sends a controller's value
        values = [each for _, each in seen]
        if source.sort == "cc" and _slow(values):
            turn = _encoder(values)
            return self._bound(source, turn) if turn else None
        most = 127 if source.sort == "cc" else 16383
        if max(values) - min(values) <= _MOVED * most / 127:
            return None
        return self._bound(self._paired(source))

    def _paired(self, source: Source) -> Source:
        """The 14-bit controller that a 7-bit one is half of, if it is."""
        high = Source(source.port, source.sort, source.channel, source.number % 32)
        low = Source(source.port, source.sort, source.channel, source.number % 32 + 32)
        if source.sort != "cc" or source.number >= 64:
            return source
        together = any(
            abs(one - other) < _PAIRED
            for one, _ in self._seen.get(high, [])
            for other, _ in self._seen.get(low, [])
        )
        return Source(source.port, "cc14", source.channel, high.number) if together else source

    def _bound(self, source: Source, turn: Turn = "absolute") -> Binding:
        return Binding(source, self.control.key, turn, value=self._value)


def _slow(values: list[int]) -> list[Turn]:
    """The kinds of encoder that could have sent all of these."""
    return [turn for turn, slow in _TURNS if slow.issuperset(values)]


def _encoder(values: list[int]) -> Turn | None:
    """How an endless encoder that sent these says its turns; None as long as that is open: 1 alone
    fits two kinds, and so does 65, until it is turned the other way as well."""
    alike = max(values.count(value) for value in set(values))
    fitting = _slow(values)
    return fitting[0] if alike >= _ALIKE and len(fitting) == 1 else None


def steps(turn: Turn, value: int) -> int:
    """How many steps up an encoder of that kind says by `value`, 0..127."""
    match turn:
        case "offset":
            return value - 64
        case "twos":
            return value - 128 if value >= 64 else value
        case _:
            return 64 - value if value >= 64 else value
