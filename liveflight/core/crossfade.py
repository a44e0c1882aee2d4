"""Mix targets over time.

A crossfade ramps weights, so the picture grows from one target into the next instead of being cut.
Pure: time comes in as seconds of flight.
"""

from __future__ import annotations

from collections.abc import Mapping

from liveflight.core.contracts import Mix, Target
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

    def reweight(self, goal: Mapping[Target, float]) -> bool:
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
