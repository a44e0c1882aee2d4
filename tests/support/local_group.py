"""Ranks of a wall as threads of one process: their group without a network."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np


class LocalBoard:
    """What the ranks of one group have put down for each other."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.barrier = threading.Barrier(count, timeout=60)
        self.sums: list[np.ndarray] = [np.zeros(0)] * count
        self.arrays: dict[tuple[int, int], np.ndarray] = {}


class LocalGroup:
    """One rank's end of a board: the methods of `wall.group.Group`."""

    def __init__(self, board: LocalBoard, rank: int) -> None:
        self._board, self.rank = board, rank
        self.members = tuple(range(board.count))
        self.bytes_sent = 0

    def exchange(
        self, sent: Mapping[int, np.ndarray], expected: Mapping[int, Any]
    ) -> dict[int, np.ndarray]:
        for taker, array in sent.items():
            self._board.arrays[self.rank, taker] = array.copy()
            self.bytes_sent += array.nbytes
        self._board.barrier.wait()
        came = {giver: self._board.arrays[giver, self.rank] for giver in expected}
        for giver, (shape, dtype) in expected.items():
            assert (came[giver].shape, came[giver].dtype) == (shape, dtype)
        self._board.barrier.wait()
        return came

    def total(self, numbers: np.ndarray) -> np.ndarray:
        self._board.sums[self.rank] = np.asarray(numbers, np.float64)
        self._board.barrier.wait()
        found: np.ndarray = np.sum(self._board.sums, axis=0)
        self._board.barrier.wait()
        return found
