"""A program's operations and maps in the memory that they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from torch import Tensor

from liveflight.engines.native.buffers import Map, Operation, Place
from liveflight.engines.native.kernels import FRAME, LEAVE, PARTS, STRIPS, Op


@dataclass(frozen=True)
class Strips:
    """Operations on strips of maps, all of a strip one after the other by one thread."""

    tasks: Sequence[Sequence[Operation]]
    """Each of as many operations."""
    target: Place
    maps: Sequence[Map]
    """That lie in the memory of all."""
    floats: int
    """Of a thread's own memory."""
    kind: int = STRIPS

    def read(self) -> Iterator[Map]:
        yield from self.maps

    def written(self) -> Iterator[Map]:
        yield self.target.map

    def made(self) -> Iterator[Map]:
        if self.target.map not in self.maps:
            yield self.target.map

    def ops(self) -> int:
        return 1 + len(self.tasks) * len(self.tasks[0])

    def scratch(self, threads: int) -> int:
        return self.floats

    def places(self) -> Iterator[Place]:
        yield self.target
        yield from map(Place, self.maps)


@dataclass(frozen=True)
class Parts:
    """Operations of which each makes what the next takes, some channels at a time."""

    operations: Sequence[Operation]
    count: int
    """Of parts."""
    kind: int = PARTS

    def read(self) -> Iterator[Map]:
        yield from chain.from_iterable(each.read() for each in self.operations)

    def written(self) -> Iterator[Map]:
        yield from chain.from_iterable(each.written() for each in self.operations)

    def made(self) -> Iterator[Map]:
        yield from ()

    def ops(self) -> int:
        return 1 + len(self.operations)

    def scratch(self, threads: int) -> int:
        return 0

    def places(self) -> Iterator[Place]:
        yield from chain.from_iterable(each.places() for each in self.operations)


Work = Operation | Strips | Parts


def framed(map: Map) -> Operation:
    """What makes a map's frame zeros."""
    return framed_strip(map, -map.above, map.height + map.below)


def framed_strip(strip: Map, first: int, last: int) -> Operation:
    """The same of these rows, of which some may lie outside of the map."""
    begin, end = max(first, 0), min(last, strip.height)
    source = Place(strip, first, -strip.before)
    kernel = (last - first, strip.row // strip.pixel)
    size = (end - begin, strip.width)
    return Operation(FRAME, *size, strip.pixel, source, Place(strip, begin), kernel=kernel)


class Layout:
    """A program's operations as kernels.c takes them."""

    def __init__(self, operations: Sequence[Work], threads: int) -> None:
        """Those that nothing needs are left out."""
        needed = _needed(operations)
        maps = dict.fromkeys(place.map for each in needed for place in each.places())
        self.floats = 0
        """Of the memory."""
        for each in maps:
            self.floats = each.laid(self.floats)
        frames = [framed(each) for each in maps if each.framed]
        self.framing = len(frames)
        """How many operations at the beginning are needed only where others used the memory."""
        whole = [*frames, *needed]
        self.ops = (Op * sum(each.ops() for each in whole))()
        self.scratch = max(each.scratch(threads) for each in whole)
        """Floats of each thread."""
        self._held = _fill(self.ops, whole, threads)


def _fill(ops: Iterable[Op], operations: Sequence[Work], threads: int) -> set[Tensor]:
    """Writes the operations; returns what they point to."""
    filled, held = iter(ops), set[Tensor]()
    for each in operations:
        if isinstance(each, Operation):
            each.fill(next(filled), threads)
            held.update(each.held())
            continue
        head = next(filled)
        head.kind, head.row_blocks, head.column_blocks = each.kind, 1, 1
        if isinstance(each, Strips):
            head.row_blocks, head.segments = len(each.tasks), len(each.tasks[0])
            inner = list(chain.from_iterable(each.tasks))
        else:
            inner = list(each.operations)
            head.column_blocks, head.segments = each.count, len(inner)
            head.channels = inner[0].channels
        for operation in inner:
            operation.fill(next(filled), 0)
            held.update(operation.held())
    return held


def _needed(operations: Sequence[Work]) -> list[Work]:
    kept: list[Work] = []
    wanted: set[Map] = set()
    for work in reversed(operations):
        if work.kind == LEAVE or not wanted.isdisjoint(work.written()):
            kept.append(work)
            wanted.difference_update(work.made())
            wanted.update(work.read())
    return kept[::-1]
