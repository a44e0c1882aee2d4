"""Move controls from one look to another, all in the same time. Pure: time comes in as seconds."""

from __future__ import annotations

from collections.abc import Iterable

from liveflight.core.contracts import Value
from liveflight.core.control import Control

CURVES = ("smooth", "linear", "slow start", "slow end")


def eased(curve: str, done: float) -> float:
    """Return the share of the way covered, 0..1, at that share of the time; one of `CURVES`."""
    done = min(max(done, 0.0), 1.0)
    match curve:
        case "linear":
            return done
        case "slow start":
            return done * done
        case "slow end":
            return done * (2 - done)
        case _:
            return done * done * (3 - 2 * done)


class Morph:
    """Interpolate the controls of one change of look."""

    def __init__(
        self,
        moves: Iterable[tuple[Control, Value, Value]] = (),
        seconds: float = 0.0,
        curve: str = "smooth",
    ) -> None:
        """Begin with `moves`: each control, its value now, and its goal."""
        self._moves = {move[0].key: move for move in moves}
        self._seconds, self._curve = seconds, curve
        self._elapsed = 0.0

    @property
    def goals(self) -> dict[str, Value]:
        """Return the goals of the controls that still move, by key."""
        return {key: goal for key, (_, _, goal) in self._moves.items()}

    @property
    def progress(self) -> float:
        """Return the share of the time that has passed, 0..1."""
        return min(self._elapsed / self._seconds, 1.0) if self._seconds > 0 else 1.0

    def advance(self, dt: float) -> dict[str, Value]:
        """Advance by `dt` seconds; return the controls' values, by key, empty once all arrived."""
        self._elapsed += dt
        if not self._moves:
            return {}
        done = self.progress
        if done >= 1.0:
            arrived = self.goals
            self._moves.clear()
            return arrived
        return {key: self._between(*move, done) for key, move in self._moves.items()}

    def release(self, key: str) -> None:
        """Move that control no more."""
        self._moves.pop(key, None)

    def _between(self, control: Control, here: Value, goal: Value, done: float) -> Value:
        """Interpolate floats in fader space; counts, switches and choices change in the middle.

        Each value between two counts of wedges would be a picture of its own."""
        if here == goal or control.kind != "float":
            return here if done < 0.5 else goal
        start, end = control.to_position(here), control.to_position(goal)
        return control.from_position(start + (end - start) * eased(self._curve, done))
