"""Lay a program's buffers out in shared memory and list its operations as kernels.c takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from torch import Tensor

from liveflight.engines.native.buffers import Buffer, BufferView, Operation
from liveflight.engines.native.kernels import FRAME, STORE_GRADIENT, STRIPS, Op


@dataclass(frozen=True)
class Fused:
    """Do several operations as one, of kind STRIPS or PARTS.

    STRIPS: each task does its operations one after the other on one thread, on a strip of rows.
    PARTS: there is one list of operations, each on the result of the one before it; all are done
    some channels at a time."""

    kind: int
    tasks: Sequence[Sequence[Operation]]
    """Of equally many operations."""
    parts: int = 1
    floats: int = 0
    """Floats of a thread's scratch memory."""

    @property
    def operations(self) -> Iterator[Operation]:
        return chain.from_iterable(self.tasks)

    def views(self) -> Iterator[BufferView]:
        """Yield the views of buffers that lie in the shared memory."""
        views = chain.from_iterable(each.views() for each in self.operations)
        yield from (view for view in views if not view.buffer.in_scratch)

    def read(self) -> Iterator[Buffer]:
        buffers = chain.from_iterable(each.read() for each in self.operations)
        yield from (buffer for buffer in buffers if not buffer.in_scratch)

    def written(self) -> Iterator[Buffer]:
        buffers = chain.from_iterable(each.written() for each in self.operations)
        yield from (buffer for buffer in buffers if not buffer.in_scratch)

    def overwritten(self) -> Iterator[Buffer]:
        if self.kind == STRIPS:
            yield from {*self.written()} - {*self.read()}

    def ops(self) -> int:
        return 1 + len(self.tasks) * len(self.tasks[0])

    def scratch(self, threads: int) -> int:
        return self.floats


Work = Operation | Fused


def zero_frame(buffer: Buffer, first: int, last: int) -> Operation:
    """Return the operation that makes a buffer's frame zeros, from one of these rows to the other.

    Some of the rows may lie outside of the buffer."""
    begin, end = max(first, 0), min(last, buffer.height)
    source = BufferView(buffer, first, -buffer.pad_left)
    kernel = (last - first, buffer.row // buffer.pixel)
    size = (end - begin, buffer.width)
    return Operation(FRAME, *size, buffer.pixel, source, BufferView(buffer, begin), kernel=kernel)


class MemoryPlan:
    """Place the buffers of a program's operations, and hold the operations for kernels.c."""

    def __init__(self, operations: Sequence[Work], threads: int) -> None:
        """Leave out operations whose results nothing needs."""
        needed = _needed(operations)
        buffers = dict.fromkeys(view.buffer for each in needed for view in each.views())
        self.floats = 0
        """Floats of the shared memory."""
        for each in buffers:
            self.floats = each.place(self.floats)
        frames = [
            zero_frame(each, -each.pad_top, each.height + each.pad_bottom)
            for each in buffers
            if each.framed
        ]
        self.frame_ops = len(frames)
        """How many operations at the beginning only make frames zeros; they can be left out where
        no other program has used the memory since."""
        all_work = [*frames, *needed]
        self.ops = (Op * sum(each.ops() for each in all_work))()
        self.scratch = max(each.scratch(threads) for each in all_work)
        """Floats of each thread's scratch memory."""
        self._held = _fill(self.ops, all_work, threads)


def _fill(ops: Iterable[Op], operations: Sequence[Work], threads: int) -> set[Tensor]:
    """Write the operations and return the tensors that they point to."""
    filled, held = iter(ops), set[Tensor]()
    for each in operations:
        if isinstance(each, Operation):
            each.fill(next(filled), threads)
            held.update(each.held())
            continue
        head, first = next(filled), each.tasks[0]
        head.kind, head.row_blocks, head.column_blocks = each.kind, len(each.tasks), each.parts
        head.segments, head.channels = len(first), first[0].channels
        for operation in each.operations:
            operation.fill(next(filled), 0)
            held.update(operation.held())
    return held


def _needed(operations: Sequence[Work]) -> list[Work]:
    """Return the operations that the last one, STORE_GRADIENT, depends on."""
    kept: list[Work] = []
    wanted: set[Buffer] = set()
    for work in reversed(operations):
        if work.kind == STORE_GRADIENT or not wanted.isdisjoint(work.written()):
            kept.append(work)
            wanted.difference_update(work.overwritten())
            wanted.update(work.read())
    return kept[::-1]
