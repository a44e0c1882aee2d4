"""Hold an objective in memory that the operations of a program read."""

from __future__ import annotations

import torch
from torch import Tensor

from liveflight.engines.backend import Objective
from liveflight.engines.native.packed_weights import PackedWeights


class ObjectiveBuffer:
    """Hold the objective of one feature map, as SUM of kernels.c reads it."""

    def __init__(self, weights: PackedWeights, channels: int) -> None:
        self._head = 2 * weights.lanes
        self.values = torch.zeros(self._head + weights.padded(channels))
        self._linked: list[tuple[ObjectiveBuffer, Tensor]] = []

    def load(self, whole: float, centre: bool, weights: Tensor) -> None:
        self.values[0], self.values[1] = whole, float(centre)
        self.values[self._head : self._head + len(weights)] = weights
        for linked, matrix in self._linked:
            linked.load(0.0, centre, weights @ matrix)

    def link(self, other: ObjectiveBuffer, matrix: Tensor) -> None:
        """Load another too from now on, with the weights times (channels, its channels)."""
        self._linked.append((other, matrix))


def same(one: Objective | None, other: Objective | None) -> bool:
    if one is None or other is None:
        return one is other
    plain = (one.whole, one.centre) == (other.whole, other.centre)
    return plain and torch.equal(one.weights, other.weights)
