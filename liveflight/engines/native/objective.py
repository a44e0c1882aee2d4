"""What is excited in a map, where kernels.c reads it."""

from __future__ import annotations

import torch
from torch import Tensor

from liveflight.engines.backend import Objective
from liveflight.engines.native.packed_weights import Weights


class Seeds:
    """What is excited in a map, in memory that the operations read."""

    def __init__(self, weights: Weights, channels: int) -> None:
        self._head = 2 * weights.lanes
        self.values = torch.zeros(self._head + weights.padded(channels))
        self._followers: list[tuple[Seeds, Tensor]] = []

    def load(self, whole: float, centre: bool, weights: Tensor) -> None:
        self.values[0], self.values[1] = whole, float(centre)
        self.values[self._head : self._head + len(weights)] = weights
        for follower, matrix in self._followers:
            follower.load(0.0, centre, weights @ matrix)

    def lead(self, follower: Seeds, matrix: Tensor) -> None:
        """Has another be loaded with these weights times a matrix (channels, its channels)."""
        self._followers.append((follower, matrix))


def same(one: Objective | None, other: Objective | None) -> bool:
    if one is None or other is None:
        return one is other
    plain = (one.whole, one.centre) == (other.whole, other.centre)
    return plain and torch.equal(one.weights, other.weights)
