"""Choose the autopilot's next target: along a journey, or by wandering through a layer.

Pure: chance comes from a seed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from liveflight.core.contracts import LiveflightError, Target
from liveflight.core.random_state import RandomState, set_state, state_of

_MAX_STOPS = 99
"""Stops of a journey, as in a preset."""

_REMEMBERED = 12
"""Number of last targets that wandering avoids."""

_CANDIDATES = 5
_GOOD_LIKENESS = 0.4
"""Correlation with a good next filter: neither a copy nor a stranger."""


@dataclass(frozen=True, slots=True)
class AutopilotPlace:
    """Hold how far an autopilot has come."""

    following: int = 0
    """Index of the next stop of the journey."""
    paused: bool = False
    seen: tuple[Target, ...] = ()
    """Last targets of wandering, the oldest first."""
    random: RandomState | None = None
    """None leaves chance as it is."""
    stayed: float = 0.0
    """Seconds since its last choice."""


class Autopilot:
    """Choose the next target: along a list of stops, round and round, or at random."""

    def __init__(self, seed: int) -> None:
        self.paused = False
        """Whether the performer chose a target: it waits until it is asked for again."""
        self._rng = np.random.default_rng(seed)
        self._stops: tuple[Target, ...] = ()
        self._next = 0
        self._seen: deque[Target] = deque(maxlen=_REMEMBERED)

    def follow(self, stops: Sequence[Target]) -> None:
        """Follow a new list from its start, paused no more; an empty one means wandering."""
        self._stops, self._next, self.paused = tuple(stops), 0, False

    def add(self, stop: Target) -> int:
        """Add a target to the end of the list; return how many stops there are now.

        Raises LiveflightError where there are as many as a preset may hold."""
        if len(self._stops) >= _MAX_STOPS:
            raise LiveflightError(f"the journey has {_MAX_STOPS} stops: a preset holds no more")
        self._stops = (*self._stops, stop)
        return len(self._stops)

    @property
    def stops(self) -> tuple[Target, ...]:
        return self._stops

    def place(self, stayed: float) -> AutopilotPlace:
        """Return how far it has come; `stayed`: seconds since its last choice."""
        seen, random = tuple(self._seen), state_of(self._rng)
        return AutopilotPlace(self._next, self.paused, seen, random, stayed)

    def resume(self, place: AutopilotPlace) -> None:
        """Continue at that place of the same journey; call `follow` before."""
        self._next = place.following % len(self._stops) if self._stops else 0
        self.paused = place.paused
        self._seen = deque(place.seen, maxlen=_REMEMBERED)
        if place.random:
            set_state(self._rng, place.random)

    def onward(
        self, here: Target, active_filters: Sequence[int], likeness: Sequence[float] | None = None
    ) -> Target:
        """Return the next stop; without a list, a target found by wandering."""
        if not self._stops:
            return self.wander(here, active_filters, likeness)
        for _ in self._stops:
            stop, self._next = self._stops[self._next], (self._next + 1) % len(self._stops)
            if stop != here:
                return stop
        return here

    def wander(
        self, here: Target, active_filters: Sequence[int], likeness: Sequence[float] | None = None
    ) -> Target:
        """Return another active filter of the same layer, or `here` where there is none.

        Avoids the last ones as far as there are others. Of a few random candidates it takes the one
        whose `likeness` (correlation of each filter with `here`, -1..1) is nearest to a good one;
        where that is None, the first."""
        self._seen.append(here)
        others = [number for number in active_filters if number != here.filter]
        if not others:
            return here
        place = here.network, here.layer
        seen = {one.filter for one in self._seen if (one.network, one.layer) == place}
        fresh = [number for number in others if number not in seen]
        if not fresh:  # a new round, rather than to and fro between two neighbours
            self._seen.clear()
            self._seen.append(here)
            fresh = others
        candidates = self._rng.permutation(fresh)[:_CANDIDATES].tolist()
        if likeness is not None:
            candidates.sort(key=lambda number: abs(likeness[number] - _GOOD_LIKENESS))
        return Target(here.network, here.layer, int(candidates[0]))
