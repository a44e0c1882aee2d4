"""Describe the buffers of a program, views of them, and the operations on them for kernels.c."""

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
    SCRATCH,
    UNPOOL,
    WINOGRAD,
    Op,
)

_ALIGNMENT = 16
"""Floats of a cache line."""

TILE, POINTS = 4, 36
"""Of WINOGRAD: pixels of a tile along a side, products per tile."""

_TASKS_PER_THREAD = 4
"""Tasks of an operation for each thread: one that comes late has less to do than the others."""

_MIN_PIXELS = 48
"""Least pixels in a task of a matrix product, for which its filters are read once."""


@dataclass(eq=False)
class Buffer:
    """Hold a feature map; in the backward pass its gradient, in the same memory.

    float32, channels last, with a frame of zeros round it, in pixels."""

    height: int
    width: int
    channels: int
    pixel: int
    """Floats from one pixel to the next."""
    top: float | None = None
    """Its values are clamped to 0..`top`, and its gradient is masked by that; None: not clamped."""
    pad_top: int = 0
    pad_left: int = 0
    pad_bottom: int = 0
    pad_right: int = 0
    offset: int = -1
    """Floats from the beginning of the memory to its first pixel; -1 until it is placed."""

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def row(self) -> int:
        """Return the floats from one row to the next."""
        return (self.pad_left + self.width + self.pad_right) * self.pixel

    def pad_to(self, first: tuple[int, int], last: tuple[int, int]) -> None:
        """Grow the frame until these rows and columns are in it."""
        self.pad_top, self.pad_left = max(self.pad_top, -first[0]), max(self.pad_left, -first[1])
        self.pad_bottom = max(self.pad_bottom, last[0] + 1 - self.height)
        self.pad_right = max(self.pad_right, last[1] + 1 - self.width)

    def strip(self, first: int) -> Buffer:
        """Return a part of it, from this row on, in a thread's scratch memory."""
        strip = replace(self)
        strip.offset = SCRATCH + self.pad_left * self.pixel - first * self.row
        return strip

    def place(self, start: int) -> int:
        """Put the frame's first pixel at this offset and return the offset after the frame."""
        self.offset = start + self.pad_top * self.row + self.pad_left * self.pixel
        rows = self.pad_top + self.height + self.pad_bottom
        return start + -(-rows * self.row // _ALIGNMENT) * _ALIGNMENT

    @property
    def in_scratch(self) -> bool:
        return self.offset > SCRATCH // 2

    @property
    def framed(self) -> bool:
        return bool(self.pad_top or self.pad_left or self.pad_bottom or self.pad_right)


@dataclass(frozen=True)
class BufferView:
    """Select every `step`th row and column of a buffer, from one that may lie in its frame."""

    buffer: Buffer
    row: int = 0
    column: int = 0
    step: int = 1

    def moved(self, rows: int, strips: Mapping[Buffer, Buffer]) -> BufferView:
        """Return the view moved down by its own rows, in the buffer's strip where there is one."""
        buffer = strips.get(self.buffer, self.buffer)
        return replace(self, buffer=buffer, row=self.row + rows * self.step)

    def fill(self, view: kernels.View) -> None:
        buffer = self.buffer
        view.offset = buffer.offset + self.row * buffer.row + self.column * buffer.pixel
        view.row, view.pixel = self.step * buffer.row, self.step * buffer.pixel


@dataclass(frozen=True)
class Operation:
    """Describe one operation of kernels.c; its `rows`, `columns`, `channels` are of the target."""

    kind: int
    rows: int
    columns: int
    channels: int
    source: BufferView | None
    target: BufferView | None
    added: BufferView | None = None
    weight: Tensor | None = None
    bias: Tensor | None = None
    finish: int = KEEP
    ceiling: float = inf
    kernel: tuple[int, int] = (0, 0)
    depth: int = 0
    """Floats of a source pixel that count."""

    def views(self) -> Iterator[BufferView]:
        yield from (view for view in self._all_views if view)

    @property
    def _all_views(self) -> tuple[BufferView | None, BufferView | None, BufferView | None]:
        return self.source, self.target, self.added

    def read(self) -> Iterator[Buffer]:
        """Yield the buffers whose content it needs."""
        if self.source and self.kind != FRAME:
            yield self.source.buffer
        if self.added:
            yield self.added.buffer
        if self.target and (self.finish == MASK or self.kind == UNPOOL):
            yield self.target.buffer

    def written(self) -> Iterator[Buffer]:
        if self.target:
            yield self.target.buffer

    def overwritten(self) -> Iterator[Buffer]:
        """Yield the buffer that it writes the whole of without reading it."""
        if self.target and self.target.step == 1 and self.finish != MASK and self.kind != UNPOOL:
            yield self.target.buffer

    def fill(self, op: Op, threads: int) -> None:
        """Write it as an `Op` for this number of threads; for 0, as a single task."""
        op.kind, op.channels = self.kind, self.channels
        op.rows, op.columns = self.rows, self.columns
        op.row_blocks, op.column_blocks = self._blocks(threads)
        for view, filled in zip(self._all_views, (op.source, op.target, op.added), strict=True):
            filled.offset = -1
            if view is not None:
                view.fill(filled)
        op.weight = None if self.weight is None else self.weight.data_ptr()
        op.bias = None if self.bias is None else self.bias.data_ptr()
        op.finish, op.ceiling = self.finish, self.ceiling
        op.segments, op.taps = (1, 1) if self.kind == WINOGRAD else self.kernel
        op.depth = self.depth
        if self.source is not None:
            op.segment, op.tap = self.source.buffer.row, self.source.buffer.pixel

    def ops(self) -> int:
        """Return how many `Op`s it takes."""
        return 1

    def held(self) -> Iterator[Tensor]:
        """Yield the tensors that its `Op` points to."""
        yield from (each for each in (self.weight, self.bias) if each is not None)

    def part(self, first: int, last: int, strips: Mapping[Buffer, Buffer]) -> Operation:
        """Return the operation for these rows of the target view, on strips where there are any."""
        rows = max(0, last - first)
        source, target, added = (each and each.moved(first, strips) for each in self._all_views)
        return replace(self, rows=rows, source=source, target=target, added=added)

    def between(self, first: int, last: int, strips: Mapping[Buffer, Buffer]) -> Operation:
        """Return the operation for these rows of the target's buffer."""
        assert self.target is not None
        row, step = self.target.row, self.target.step
        begin, end = (min(max(0, -((row - each) // step)), self.rows) for each in (first, last))
        return self.part(begin, end, strips)

    def scratch(self, threads: int) -> int:
        """Return the floats of scratch memory that each thread needs."""
        if self.kind != WINOGRAD:
            return 0
        tiles = -(-self.tiles // self._blocks(threads)[0]) + 6
        return POINTS * tiles * (self.depth + self.channels)

    @property
    def tiles(self) -> int:
        return -(-self.rows // TILE) * -(-self.columns // TILE)

    def _blocks(self, threads: int) -> tuple[int, int]:
        """Return into how many blocks of rows or pixels, and of channels, to divide it."""
        if self.kind == FRAME or not threads:
            return 1, 1
        wanted = _TASKS_PER_THREAD * threads
        panels = -(-self.channels // (2 * kernels.kernels().lanes))
        if self.kind == WINOGRAD:
            return max(threads, -(-self.tiles // _tiles(self.channels, self.depth))), 1
        if self.kind == CONVOLVE:
            rows = min(wanted, max(1, self.rows * self.columns // _MIN_PIXELS))
            return rows, min(panels, -(-wanted // rows))
        if self.kind == DEPTHWISE:
            rows = min(wanted, max(1, self.rows // 8))
            return rows, min(panels, -(-wanted // rows))
        return min(wanted, max(1, self.rows // 2)), 1


def _tiles(channels: int, depth: int) -> int:
    """Return how many tiles to take at a time.

    More with many channels, since their weights are read anew for each block; fewer with few, so
    that all stays in the cache."""
    return 12 if max(channels, depth) <= 128 else 48
