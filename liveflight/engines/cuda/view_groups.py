"""Find the views of a call that can run as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from liveflight.core.contracts import Mix, ViewStep
from liveflight.engines.cuda.prepared_size import Layers


@dataclass
class ViewGroup:
    """Hold the views of a call that have the same mix, wherever they lie."""

    mix: Mix
    views: list[tuple[int, ViewStep]] = field(default_factory=list)
    """Each view's number and step."""

    @property
    def layers(self) -> Layers:
        return frozenset((target.network, target.layer) for target in self.mix)


def by_mix(steps: Sequence[ViewStep]) -> list[ViewGroup]:
    """Group the views by their mixes; those without one have no direction, and are left out."""
    groups: dict[frozenset[tuple[object, float]], ViewGroup] = {}
    for number, step in enumerate(steps):
        if step.mix:
            group = groups.setdefault(frozenset(step.mix.items()), ViewGroup(step.mix))
            group.views.append((number, step))
    return list(groups.values())
