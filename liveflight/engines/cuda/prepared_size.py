"""Hold the steps that are prepared for one view size."""

from __future__ import annotations

from dataclasses import dataclass, field

from liveflight.engines.cuda.graphs import Run
from liveflight.engines.cuda.step import MAX_BATCH, StepBuffers

Layers = frozenset[tuple[str, str]]
Step = tuple[Layers, bool, int]
"""Layers, `StaticStep.narrow`, `StaticStep.count`."""


@dataclass
class PreparedSize:
    """Hold the buffers and the prepared steps of one view size."""

    buffers: StepBuffers
    steps: dict[Step, Run] = field(default_factory=dict)
    sets: dict[Layers, None] = field(default_factory=dict)
    """The sets of layers in `steps`, the least recently used first."""
    batches: bool = True
    """Whether several views fit into the memory together, as far as is known."""

    def use(self, layers: Layers) -> None:
        """Mark the layers as the most recently used."""
        self.sets.pop(layers, None)
        self.sets[layers] = None

    def missing(self, layers: Layers, count: int) -> list[Step]:
        """Return the steps still to be prepared for so many views together."""
        if count > 1 and not self.batches:
            return []
        wanted = [(layers, narrow, count) for narrow in (True, False)]
        return [step for step in wanted if step not in self.steps]

    def largest(self, layers: Layers, narrow: bool, most: int) -> Step:
        """Return the prepared step of most views, but of no more than `most`."""
        counts = range(min(most, MAX_BATCH), 1, -1)
        steps = [(layers, narrow, count) for count in counts]
        return next((step for step in steps if step in self.steps), (layers, narrow, 1))

    def forget(self, layers: Layers) -> list[Run]:
        """Drop the layers, and return the steps they had."""
        self.sets.pop(layers)
        return [self.steps.pop(step) for step in list(self.steps) if step[0] == layers]
