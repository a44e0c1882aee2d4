"""Where the maps of a compiled program lie, and the operations on them, as kernels.c has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf

from torch import Tensor

from liveflight.engines.native import kernels
from liveflight.engines.native.kernels import (
    CONVOLVE,
    DEPTHWISE,
    FRAME,
    KEEP,
    MASK,
    OWN,
    UNPOOL,
    WINOGRAD,
    Op,
)

_ALIGNED = 16
"""Floats: a cache line."""

TILE, POINTS = 4, 36
"""Of WINOGRAD: pixels of a tile along a side, products per tile."""

_TASKS = 4
"""Of an operation per thread, so that one that comes late has less to do than the others."""

_FEWEST_PIXELS = 48
"""Of a task of a matrix product: filters are read once for them."""


@dataclass(eq=False)
class Map:
    """What a step makes; on the way back its gradient, in the same memory."""

    height: int
    width: int
    channels: int
    pixel: int
    """Floats from one pixel to the next."""
    top: float | None = None
    """Where the step before clamps it, at 0 and here: what is masked on the way back."""
    above: int = 0
    before: int = 0
    below: int = 0
    after: int = 0
    """The frame of zeros round it, in pixels."""
    first: int = -1
    """Where its first pixel lies."""

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def row(self) -> int:
        return (self.before + self.width + self.after) * self.pixel

    @property
    def rows(self) -> int:
        return self.above + self.height + self.below

    def reach(self, first: tuple[int, int], last: tuple[int, int]) -> None:
        """Makes the frame so large that these rows and columns are in it."""
        self.above, self.before = max(self.above, -first[0]), max(self.before, -first[1])
        self.below = max(self.below, last[0] + 1 - self.height)
        self.after = max(self.after, last[1] + 1 - self.width)

    def strip(self, first: int) -> Map:
        """A part of it, from this row on, in the scratch memory of a thread."""
        own = replace(self)
        own.first = OWN + self.before * self.pixel - first * self.row
        return own

    def laid(self, first: int) -> int:
        """Puts its frame's first pixel there; returns where it ends."""
        self.first = first + self.above * self.row + self.before * self.pixel
        return first + -(-self.rows * self.row // _ALIGNED) * _ALIGNED

    @property
    def framed(self) -> bool:
        return bool(self.above or self.before or self.below or self.after)


@dataclass(frozen=True)
class Place:
    """Every `by`th row and column of a map, from one that may lie in its frame."""

    map: Map
    row: int = 0
    column: int = 0
    by: int = 1

    def moved(self, rows: int, own: Mapping[Map, Map]) -> Place:
        """So many of its rows on, in a strip of a map where there is one."""
        return replace(self, map=own.get(self.map, self.map), row=self.row + rows * self.by)

    def fill(self, place: kernels.KernelArgument) -> None:
        place.first = self.map.first + self.row * self.map.row + self.column * self.map.pixel
        place.row, place.pixel = self.by * self.map.row, self.by * self.map.pixel


@dataclass(frozen=True)
class Operation:
    kind: int
    rows: int
    columns: int
    channels: int
    source: Place | None
    target: Place | None
    added: Place | None = None
    weight: Tensor | None = None
    bias: Tensor | None = None
    finish: int = KEEP
    ceiling: float = inf
    kernel: tuple[int, int] = (0, 0)
    depth: int = 0
    """Floats of a pixel of the source that count."""

    def places(self) -> Iterator[Place]:
        yield from (place for place in self._all_places if place)

    @property
    def _all_places(self) -> tuple[Place | None, Place | None, Place | None]:
        return self.source, self.target, self.added

    def read(self) -> Iterator[Map]:
        """The maps whose content it needs."""
        if self.source and self.kind != FRAME:
            yield self.source.map
        if self.added:
            yield self.added.map
        if self.target and (self.finish == MASK or self.kind == UNPOOL):
            yield self.target.map

    def written(self) -> Iterator[Map]:
        if self.target:
            yield self.target.map

    def made(self) -> Iterator[Map]:
        """The map that it writes the whole of, whatever was there."""
        if self.target and self.target.by == 1 and self.finish != MASK and self.kind != UNPOOL:
            yield self.target.map

    def fill(self, op: Op, threads: int) -> None:
        """On so many threads; as one task on none."""
        op.kind, op.channels = self.kind, self.channels
        op.rows, op.columns = self.rows, self.columns
        op.row_blocks, op.column_blocks = self._blocks(threads)
        for place, filled in zip(self._all_places, (op.source, op.target, op.added), strict=True):
            filled.first = -1
            if place is not None:
                place.fill(filled)
        op.weight = None if self.weight is None else self.weight.data_ptr()
        op.bias = None if self.bias is None else self.bias.data_ptr()
        op.finish, op.ceiling = self.finish, self.ceiling
        op.segments, op.taps = (1, 1) if self.kind == WINOGRAD else self.kernel
        op.depth = self.depth
        if self.source is not None:
            op.segment, op.tap = self.source.map.row, self.source.map.pixel

    def ops(self) -> int:
        """How many `Op`s it takes."""
        return 1

    def held(self) -> Iterator[Tensor]:
        """What an `Op` of it points to."""
        yield from (each for each in (self.weight, self.bias) if each is not None)

    def part(self, first: int, last: int, own: Mapping[Map, Map]) -> Operation:
        """That of some of the rows that it writes, of maps of which there are strips."""
        rows = max(0, last - first)
        source, target, added = (each and each.moved(first, own) for each in self._all_places)
        return replace(self, rows=rows, source=source, target=target, added=added)

    def between(self, first: int, last: int, own: Mapping[Map, Map]) -> Operation:
        """The same by the rows of the target's map."""
        assert self.target is not None
        row, by = self.target.row, self.target.by
        begin, end = (min(max(0, -((row - each) // by)), self.rows) for each in (first, last))
        return self.part(begin, end, own)

    def scratch(self, threads: int) -> int:
        """Floats that each thread needs."""
        if self.kind != WINOGRAD:
            return 0
        tiles = -(-self.tiles // self._blocks(threads)[0]) + 6
        return POINTS * tiles * (self.depth + self.channels)

    @property
    def tiles(self) -> int:
        return -(-self.rows // TILE) * -(-self.columns // TILE)

    def _blocks(self, threads: int) -> tuple[int, int]:
        """Into how many blocks of rows or pixels, and of channels, it falls."""
        if self.kind == FRAME or not threads:
            return 1, 1
        wanted = _TASKS * threads
        panels = -(-self.channels // (2 * kernels.kernels().lanes))
        if self.kind == WINOGRAD:
            return max(threads, -(-self.tiles // _tiles(self.channels, self.depth))), 1
        if self.kind == CONVOLVE:
            rows = min(wanted, max(1, self.rows * self.columns // _FEWEST_PIXELS))
            return rows, min(panels, -(-wanted // rows))
        if self.kind == DEPTHWISE:
            rows = min(wanted, max(1, self.rows // 8))
            return rows, min(panels, -(-wanted // rows))
        return min(wanted, max(1, self.rows // 2)), 1


def _tiles(channels: int, depth: int) -> int:
    """At a time: with many channels more, since their weights are read anew for each block; with
    few fewer, so that all stays in the cache."""
    most = max(channels, depth)
    return 12 if most <= 128 else 48
