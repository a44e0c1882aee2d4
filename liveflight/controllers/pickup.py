"""Decide whether a knob or channel has reached the value of its control (soft takeover)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from liveflight.controllers.binding_file import Takeover
from liveflight.core.contracts import Value
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Message, Nudge, Set

TOLERANCE = 0.02
"""Fader travel within which a knob counts as having reached its control."""

Source = TypeVar("Source", bound=Hashable)


class Pickup(Generic[Source]):
    """Remember where the knobs are, and which of them hold their control."""

    def __init__(self) -> None:
        self.waiting = ""
        """For the performer: which knob has to be moved to its control's value, or empty."""
        self._values: Mapping[str, Value] = {}
        self._positions: dict[Source, float] = {}
        self._taken: set[Source] = set()
        """Knobs that have picked up their control, which no one else has moved since."""

    def value(self, key: str) -> Value:
        """Return a control's last known value, or its default."""
        return self._values.get(key, CONTROLS[key].default)

    def take(self, source: Source) -> None:
        """Let the knob hold its control from now on."""
        self._taken.add(source)

    def drop(self, gone: Callable[[Source], bool]) -> None:
        """Forget the knobs for which `gone` returns true: they have to pick up again."""
        self.waiting = ""
        self._taken = {source for source in self._taken if not gone(source)}
        self._positions = {source: at for source, at in self._positions.items() if not gone(source)}

    def update(
        self,
        values: Mapping[str, Value],
        heard: Sequence[Message],
        bound: Iterable[tuple[Source, str, str]],
    ) -> None:
        """Take the values after a frame, and its messages.

        `bound`: the knobs, each with its control and the origin of its messages. A knob loses a
        control that someone else has moved."""
        own = {(m.key, m.origin) for m in heard if isinstance(m, Set | Nudge)}
        for source, key, origin in bound:
            moved = values.get(key) != self._values.get(key, values.get(key))
            if moved and (key, origin) not in own:
                self._taken.discard(source)
        self._values = values

    def moved(self, source: Source, position: float, default: float) -> float:
        """Keep a knob's position, 0..1; return the one before, or `default` for the first."""
        before = self._positions.get(source, default)
        self._positions[source] = position
        return before

    def reaches(self, source: Source, control: Control, before: float, takeover: Takeover) -> bool:
        """Return whether a knob that came from `before` holds its control now."""
        position = self._positions[source]
        if takeover == "pickup" and source not in self._taken:
            place = control.to_position(self.value(control.key))
            low, high = min(before, position) - TOLERANCE, max(before, position) + TOLERANCE
            if not low <= place <= high:
                way = "up" if place > position else "down"
                self.waiting = f"{control.key} is at {place:.0%}, its knob at {position:.0%}: {way}"
                return False
        self.waiting = ""
        self._taken.add(source)
        return True
