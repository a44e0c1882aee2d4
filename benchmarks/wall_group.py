"""Measure what a wall's ranks send each other, and how long they take to go on after a loss.

Run `python benchmarks/wall_group.py 1 2 4` for walls of these numbers of ranks: processes of this
machine, on its loopback interface. Prints a table for each."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from wall_ranks import RankProcess, free_port, together

from liveflight.wall.membership import Generation
from liveflight.wall.store import quieten_torch

_ROUNDS = 60
_WARM_UP = 5
_STOPPED_S = 5.0
_MEASURING_S = 30.0
"""The limit while calls are measured: a busy machine may stop a rank for seconds."""

_VIEW = np.zeros((180, 320, 4), np.float16)
_MARGIN = np.zeros(4 << 20, np.uint8)


def measure(generation: Generation) -> dict[str, tuple[float, float]]:
    """Return the median and the 95th percentile of each call, in microseconds, on this rank."""
    group = generation.frames
    ring = len(group.members)
    after, before = (group.rank + 1) % ring, (group.rank - 1) % ring

    def exchange(array: np.ndarray) -> Callable[[], object]:
        if ring == 1:
            return lambda: group.exchange({}, {})
        return lambda: group.exchange({after: array}, {before: (array.shape, array.dtype)})

    command, numbers = bytes(4000), np.arange(8.0)
    calls: dict[str, Callable[[], object]] = {
        "broadcast of 4 KB": lambda: group.broadcast(command),
        "total of 8 numbers": lambda: group.total(numbers),
        "barrier": group.barrier,
        "exchange of 460 KB, a view of 320x180": exchange(_VIEW),
        "exchange of 4 MB": exchange(_MARGIN),
    }
    return {name: _timed(call, group.barrier) for name, call in calls.items()}


def _timed(call: Callable[[], object], start: Callable[[], object]) -> tuple[float, float]:
    took = []
    for _ in range(_WARM_UP + _ROUNDS):
        start()
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1e6)
    median, late = np.percentile(took[_WARM_UP:], (50, 95))
    return float(median), float(late)


class Trial:
    """Start a wall, break it in every way, and print what each took."""

    def __init__(self, world: int) -> None:
        self._world = world
        self._port = free_port()
        self._all = tuple(range(world))
        self._limit_s = _MEASURING_S
        self._ranks: list[RankProcess] = []

    def run(self) -> None:
        """Measure one wall's calls, and break another."""
        print(f"\n| {self._world} ranks | |\n|---|---|")
        try:
            self._begin()
            for name, (median, late) in together(self._ranks, measure)[0].items():
                print(f"| {name} | {median:.0f} µs, 95%: {late:.0f} µs |", flush=True)
            self._end()
            self._limit_s = 1.2
            if self._world > 1:
                self._begin()
                self._break()
        finally:
            self._end()

    def _begin(self) -> None:
        began = time.monotonic()
        self._ranks = [self._start(rank) for rank in self._all]
        self._row("first generation, from the start of the processes", began, self._all)

    def _end(self) -> None:
        for each in self._ranks:
            each.kill()

    def _break(self) -> None:
        ranks, last = self._ranks, self._world - 1
        rest = self._all[:last]
        self._row(f"the others go on after SIGKILL of rank {last}", ranks[last].kill(), rest)
        began = time.monotonic()
        ranks[last] = self._start(last)
        self._row("it flies with them, from the start of its process", began, self._all)
        self._row(f"the others go on after SIGSTOP of rank {last}", ranks[last].stop(), rest)
        time.sleep(_STOPPED_S)
        self._row(f"it flies with them after {_STOPPED_S:g} s", ranks[last].resume(), self._all)
        killed = ranks[0].kill()
        ranks[0] = self._start(0)
        self._row("all fly after SIGKILL and start of rank 0", killed, self._all)

    def _start(self, rank: int) -> RankProcess:
        return RankProcess(rank, self._world, self._port, limit_s=self._limit_s)

    def _row(self, what: str, since: float, members: tuple[int, ...]) -> None:
        took = max(self._ranks[rank].flying(*members).at_s for rank in members) - since
        print(f"| {what} | {took:.2f} s |", flush=True)


def main(worlds: list[str]) -> None:
    """Measure walls of these numbers of ranks."""
    quieten_torch()
    RankProcess(0, 1, free_port()).flying(0)  # loads torch, once for all processes
    for world in worlds:
        Trial(int(world)).run()


if __name__ == "__main__":
    main(sys.argv[1:] or ["1", "2", "4"])
