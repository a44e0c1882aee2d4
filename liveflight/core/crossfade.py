"""Which filters when. The mix crosses over in objective space: weights ramp, so the picture grows
from one target into the next instead of being cut. Pure: time comes in as seconds of flight.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np

from liveflight.core.contracts import LiveflightError, Mix, Target
from liveflight.core.morph import eased

_FAINT = 0.02
"""Weights below this change nothing that can be seen, but cost a layer's work. While a crossfade
lasts all stay: an engine has to be prepared for every set of layers it ascends together, and so
there are but two, the crossfade's, which is all of both sides, and the goal's."""

_HURRY = 0.3
"""Seconds of the shortest crossfade of one that interrupts another."""

_MOST = 6
"""Targets that a crossfade comes from, and as many that it goes to, the strongest first: a drummed
key must not slow the flight down."""

_MOST_STOPS = 99
"""As in a preset."""

_REMEMBERED = 12
"""Places that wandering does not come back to soon."""

_HANDFUL = 5
_NEIGHBOUR = 0.4
"""How alike a good neighbour is, as a correlation: neither the same once more nor a stranger."""


class Crossfade:
    """The mix of every instant."""

    def __init__(self) -> None:
        self.goal: Mix = {}
        """What the mix is, or is growing into; the strongest few of what was asked for."""
        self._before: Mix = {}
        """The mix as the crossfade began, with what is too weak to come along."""
        self._from: Mix = {}
        self._since = 0.0
        self._crossfade = 0.0
        self._curve = "smooth"

    def go(
        self, goal: Mapping[Target, float], now: float, crossfade: float, curve: str = "smooth"
    ) -> None:
        """Grows into `goal` (weights above 0, at least one) over `crossfade` seconds from what is
        now, along one of `morph.CURVES`."""
        if self.elapsed(now) < self._crossfade:  # who plays faster than the crossfade is in a hurry
            crossfade = min(crossfade, max(2 * self.elapsed(now), _HURRY))
        self._before, self._from = self.mix(now), self.start(now)
        self.goal = strongest(goal)
        self._since, self._crossfade = now, crossfade if self._from else 0.0
        self._curve = curve

    def weigh(self, goal: Mapping[Target, float]) -> bool:
        """Other weights for the targets of the goal, whatever they were, 0 too; whether `goal` are
        those. A crossfade that is under way goes on."""
        if goal.keys() != self.goal.keys():
            return False
        total = sum(goal.values())
        self.goal = {target: weight / total for target, weight in goal.items()}
        return True

    def start(self, now: float) -> Mix:
        """What a crossfade that begins now starts from."""
        return strongest(self.mix(now)) if self.goal else {}

    def mix(self, now: float) -> Mix:
        """The weights at `now`, together 1; empty before the first `go`."""
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
        """Seconds since the last `go`."""
        return now - self._since


def strongest(weights: Mapping[Target, float]) -> Mix:
    """Those that a goal of these targets comes down to, together 1."""
    ranked = dict(sorted(weights.items(), key=lambda pair: -pair[1])[:_MOST])
    least = _FAINT * sum(ranked.values())
    kept = {target: weight for target, weight in ranked.items() if weight > least}
    total = sum(kept.values())
    return {target: weight / total for target, weight in kept.items()}


class Autopilot:
    """Where the autopilot goes next: along a list of targets, round and round, or at random."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._stops: tuple[Target, ...] = ()
        self._next = 0
        self._seen: deque[Target] = deque(maxlen=_REMEMBERED)

    def follow(self, stops: Sequence[Target]) -> None:
        """A new list, from its start; an empty one means wandering."""
        self._stops, self._next = tuple(stops), 0

    def add(self, stop: Target) -> int:
        """Put a target at the end of the list; return of how many stops it is the last.

        Raises LiveflightError where there are as many as a preset may hold."""
        if len(self._stops) >= _MOST_STOPS:
            raise LiveflightError(f"the journey has {_MOST_STOPS} stops: a preset holds no more")
        self._stops = (*self._stops, stop)
        return len(self._stops)

    @property
    def stops(self) -> tuple[Target, ...]:
        return self._stops

    def onward(
        self, here: Target, active_filters: Sequence[int], likeness: Sequence[float] | None = None
    ) -> Target:
        """The next stop; without a list, where wandering leads."""
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
        """Another living filter of the same layer, none of the last ones as far as there are
        others, or `here` where there is none: of a random handful the best neighbour, by how alike
        (-1..1) each filter is to `here`; None takes the first."""
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
        handful = self._rng.permutation(fresh)[:_HANDFUL].tolist()
        if likeness is not None:
            handful.sort(key=lambda number: abs(likeness[number] - _NEIGHBOUR))
        return Target(here.network, here.layer, int(handful[0]))
