"""Mix targets over time: crossfades between them, and the autopilot's way along them.

A crossfade ramps weights, so the picture grows from one target into the next instead of being cut.
Pure: time comes in as seconds of flight.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np

from liveflight.core.contracts import LiveflightError, Mix, Target
from liveflight.core.morph import eased

_FAINT = 0.02
"""Share below which a weight changes nothing visible, but costs the work of a layer.

While a crossfade lasts all weights stay. An engine has to be prepared for every set of layers that
it ascends together. So there are only two sets: all layers of both sides, and the goal's."""

_SHORTEST_S = 0.3
"""Seconds of the shortest crossfade that interrupts another."""

_MAX_TARGETS = 6
"""Targets that a crossfade starts from, and as many that it ends in, the strongest first.

Keys pressed in quick succession must not slow the flight down."""

_MAX_STOPS = 99
"""Stops of a journey, as in a preset."""

_REMEMBERED = 12
"""Number of last targets that wandering avoids."""

_CANDIDATES = 5
_GOOD_LIKENESS = 0.4
"""Correlation with a good next filter: neither a copy nor a stranger."""


class Crossfade:
    """Return the mix of every instant."""

    def __init__(self) -> None:
        self.goal: Mix = {}
        """The mix, or what it is growing into; the strongest few of what was asked for."""
        self._before: Mix = {}
        """The mix as the crossfade began, with targets that are too weak to be part of it."""
        self._from: Mix = {}
        self._since = 0.0
        self._crossfade = 0.0
        self._curve = "smooth"

    def go(
        self, goal: Mapping[Target, float], now: float, crossfade: float, curve: str = "smooth"
    ) -> None:
        """Crossfade from the mix of `now` to `goal` (weights above 0, at least one).

        It takes `crossfade` seconds, along one of `morph.CURVES`; less where it interrupts another
        one."""
        if self.elapsed(now) < self._crossfade:  # who plays that fast wants shorter ones
            crossfade = min(crossfade, max(2 * self.elapsed(now), _SHORTEST_S))
        self._before, self._from = self.mix(now), self.start(now)
        self.goal = strongest(goal)
        self._since, self._crossfade = now, crossfade if self._from else 0.0
        self._curve = curve

    def weigh(self, goal: Mapping[Target, float]) -> bool:
        """Give the goal's targets other weights, 0 too; return whether `goal` has the same targets.

        A crossfade that is under way continues."""
        if goal.keys() != self.goal.keys():
            return False
        total = sum(goal.values())
        self.goal = {target: weight / total for target, weight in goal.items()}
        return True

    def start(self, now: float) -> Mix:
        """Return the mix that a crossfade beginning now starts from."""
        return strongest(self.mix(now)) if self.goal else {}

    def mix(self, now: float) -> Mix:
        """Return the weights at `now`, together 1; empty before the first `go`."""
        done = (now - self._since) / self._crossfade if self._crossfade > 0 else 1.0
        if done >= 1.0:
            return self.goal
        if done <= 0.0:
            return self._before
        grown = eased(self._curve, done)
        mixed = {target: weight * (1 - grown) for target, weight in self._from.items()}
        for target, weight in self.goal.items():
            mixed[target] = mixed.get(target, 0.0) + weight * grown
        return mixed

    def elapsed(self, now: float) -> float:
        """Return the seconds since the last `go`."""
        return now - self._since


def strongest(weights: Mapping[Target, float]) -> Mix:
    """Return the strongest few of these targets, their weights together 1."""
    ranked = dict(sorted(weights.items(), key=lambda pair: -pair[1])[:_MAX_TARGETS])
    least = _FAINT * sum(ranked.values())
    kept = {target: weight for target, weight in ranked.items() if weight > least}
    total = sum(kept.values())
    return {target: weight / total for target, weight in kept.items()}


class Autopilot:
    """Choose the next target: along a list of stops, round and round, or at random."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._stops: tuple[Target, ...] = ()
        self._next = 0
        self._seen: deque[Target] = deque(maxlen=_REMEMBERED)

    def follow(self, stops: Sequence[Target]) -> None:
        """Follow a new list from its start; an empty one means wandering."""
        self._stops, self._next = tuple(stops), 0

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
