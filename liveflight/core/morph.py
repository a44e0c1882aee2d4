"""From one look into another: every fader moves from where it is to where it is wanted, all in the
same time. Pure: time comes in as seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

from liveflight.core.contracts import Value
from liveflight.core.control import Control

CURVES = ("smooth", "linear", "slow start", "slow end")


def eased(curve: str, done: float) -> float:
    """How much of the way is gone, 0..1, when that part of the time is; one of `CURVES`."""
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
    """One such way, for as long as it lasts."""

    def __init__(
        self,
        ways: Iterable[tuple[Control, Value, Value]] = (),
        seconds: float = 0.0,
        curve: str = "smooth",
    ) -> None:
        """`ways`: each control, where it is now, and where it goes."""
        self._ways = {way[0].key: way for way in ways}
        self._seconds, self._curve = seconds, curve
        self._elapsed = 0.0

    @property
    def goals(self) -> dict[str, Value]:
        """Where those controls go that have not arrived, by key."""
        return {key: goal for key, (_, _, goal) in self._ways.items()}

    def advance(self, dt: float) -> dict[str, Value]:
        """`dt` seconds on: where the controls are by then, by key; empty once all have arrived."""
        if not self._ways:
            return {}
        self._elapsed += dt
        done = self._elapsed / self._seconds if self._seconds > 0 else 1.0
        if done >= 1.0:
            arrived = self.goals
            self._ways.clear()
            return arrived
        return {key: self._between(*way, done) for key, way in self._ways.items()}

    def release(self, key: str) -> None:
        """That control is somebody else's from now on."""
        self._ways.pop(key, None)

    def _between(self, control: Control, here: Value, goal: Value, done: float) -> Value:
        """Floats in fader space. Counts, switches and choices change once, in the middle: each
        value between two counts of wedges would be a picture of its own."""
        if here == goal or control.kind != "float":
            return here if done < 0.5 else goal
        start, end = control.to_unit(here), control.to_unit(goal)
        return control.from_unit(start + (end - start) * eased(self._curve, done))
