"""Fuse a 1x1 convolution to many more channels with the depthwise one after it.

Their intermediate buffer is the largest of a network of inverted residuals (Sandler et al.,
"MobileNetV2", 2018). Where it is larger than the cache, it is made by strips of rows in a thread's
scratch memory, and made again in the backward pass: never to pass through main memory saves more
time than that takes. Elsewhere it is kept, and both convolutions run a few channels at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from liveflight.engines.native.buffers import Buffer, Operation
from liveflight.engines.native.convolution import NativeConvolution
from liveflight.engines.native.kernels import PARTS, STRIPS
from liveflight.engines.native.memory_plan import Fused, Work, zero_frame

_LARGE_FLOATS = 1 << 18
"""Least size of an intermediate buffer that is not kept."""

_STRIP_FLOATS = 3 << 15
"""Size of a strip of rows."""

_PART_FLOATS = 1 << 15
"""Approximate size of the channels that are done at a time."""

_MIN_PARTS = 8
"""For threads to share."""


@dataclass(frozen=True)
class ExpandedDepthwise:
    inner: Buffer
    """The intermediate buffer."""
    expand: NativeConvolution
    depthwise: NativeConvolution
    panel: int
    """Channels that go together."""

    @property
    def output(self) -> tuple[int, int]:
        return self.depthwise.output

    @property
    def filters(self) -> int:
        return self.depthwise.filters

    def forward(self, x: Buffer, y: Buffer) -> Work:
        if self._large:
            return self._forward_strips(x, y)
        first = self.expand.forward(x, self.inner, None)
        return self._parts([first, self.depthwise.forward(self.inner, y, None)])

    def backward(
        self, y: Buffer, x: Buffer, target: Buffer, added: Buffer | None, made: Operation | None
    ) -> list[Work]:
        """Return the work that makes x's gradient, in `target`, of y's.

        `added`: another gradient to add to it. `made`: the operation that makes y's gradient, to be
        done together with this."""
        before = [made] if made else []
        if self._large:
            return [*before, self._backward_strips(y, x, target, added)]
        parts = self._parts([*before, *self.depthwise.backward(y, self.inner, None)])
        return [parts, *self.expand.backward(self.inner, target, added)]

    def _parts(self, operations: Sequence[Operation]) -> Fused:
        panels = -(-self.inner.pixel // self.panel)
        parts = min(panels, max(_MIN_PARTS, self._floats // _PART_FLOATS))
        return Fused(PARTS, [operations], parts)

    @property
    def _large(self) -> bool:
        return self._floats >= _LARGE_FLOATS

    @property
    def _floats(self) -> int:
        return self.inner.height * self.inner.width * self.inner.pixel

    def _forward_strips(self, x: Buffer, y: Buffer) -> Fused:
        inner, stride = self.inner, self.depthwise.stride
        expand = self.expand.forward(x, inner, None)
        depthwise = self.depthwise.forward(inner, y, None)
        assert depthwise.source is not None
        overlap = self.depthwise.kernel[0] - stride
        rows = max(1, (_STRIP_FLOATS // inner.row - overlap) // stride)
        tasks = []
        for begin in range(0, y.height, rows):
            end = min(begin + rows, y.height)
            first = depthwise.source.row + begin * stride
            last = first + (end - begin) * stride + overlap
            strip = inner.strip(first)
            strips = {inner: strip}
            made = expand.part(max(first, 0), min(last, inner.height), strips)
            tasks.append((zero_frame(strip, first, last), made, depthwise.part(begin, end, strips)))
        return Fused(STRIPS, tasks, floats=(rows * stride + overlap) * inner.row)

    def _backward_strips(self, y: Buffer, x: Buffer, target: Buffer, added: Buffer | None) -> Fused:
        inner, stride = self.inner, self.depthwise.stride
        again = self.expand.forward(x, inner, None)
        backward = [
            *self.depthwise.backward(y, inner, None),
            *self.expand.backward(inner, target, added),
        ]
        rows = max(stride, _STRIP_FLOATS // inner.row // stride * stride)
        tasks = []
        for begin in range(0, inner.height, rows):
            end = min(begin + rows, inner.height)
            strips = {inner: inner.strip(begin)}
            made = again.part(begin, end, strips)
            tasks.append([made, *(each.between(begin, end, strips) for each in backward)])
        return Fused(STRIPS, tasks, floats=rows * inner.row)
