"""A 1x1 convolution to many more channels and the depthwise one after it, part by part.

What stands between them is the largest map of a network of inverted residuals (Sandler et al.,
"MobileNetV2", 2018). Where it is larger than what the cache holds it is made by strips of rows, in
a thread's own memory, and made anew on the way back: never to go through the main memory saves more
than that takes. Elsewhere it is kept, and both convolutions are done a few channels at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from liveflight.engines.native.buffers import Map, Operation, Place
from liveflight.engines.native.convolution import CompiledConvolution
from liveflight.engines.native.memory_plan import Parts, Strips, Work, framed_strip

_LARGE = 1 << 18
"""Floats of a map that is not kept."""

_STRIP = 3 << 15
"""Floats of a strip of rows."""

_PART = 1 << 15
"""Floats of the channels of a map that are done at a time, about."""

_FEWEST_PARTS = 8
"""For threads to share."""


@dataclass(frozen=True)
class Expanded:
    inner: Map
    """What stands between."""
    expand: CompiledConvolution
    depthwise: CompiledConvolution
    panel: int
    """Channels that go together."""

    @property
    def large(self) -> bool:
        return self._floats >= _LARGE

    @property
    def output(self) -> tuple[int, int]:
        return self.depthwise.output

    @property
    def filters(self) -> int:
        return self.depthwise.filters

    def there(self, x: Map, y: Map) -> Work:
        return self._rows_there(x, y) if self.large else self._channels_there(x, y)

    def back(
        self, y: Map, x: Map, home: Map, added: Map | None, made: Operation | None
    ) -> list[Work]:
        """From y's gradient, or from what makes it, to that of x, at `home`, to which another is
        added."""
        if self.large:
            return [*([made] if made else []), self._rows_back(y, x, home, added)]
        by_channels = [*([made] if made else []), *self.depthwise.back(y, self.inner, None)]
        return [self._by_channels(by_channels), *self.expand.back(self.inner, home, added)]

    def _channels_there(self, x: Map, y: Map) -> Parts:
        first = self.expand.there(x, self.inner, None)
        second = self.depthwise.there(self.inner, y, None)
        return self._by_channels([first, second])

    def _by_channels(self, operations: Sequence[Operation]) -> Parts:
        panels = -(-self.inner.pixel // self.panel)
        count = min(panels, max(_FEWEST_PARTS, self._floats // _PART))
        return Parts(operations, count)

    @property
    def _floats(self) -> int:
        return self.inner.height * self.inner.width * self.inner.pixel

    def _rows_there(self, x: Map, y: Map) -> Strips:
        inner, stride = self.inner, self.depthwise.stride
        expand, second = self.expand.there(x, inner, None), self.depthwise.there(inner, y, None)
        assert second.source is not None
        overlap = self.depthwise.kernel[0] - stride
        rows = max(1, (_STRIP // inner.row - overlap) // stride)
        tasks = []
        for begin in range(0, y.height, rows):
            end = min(begin + rows, y.height)
            first = second.source.row + begin * stride
            last = first + (end - begin) * stride + overlap
            strip = inner.strip(first)
            own = {inner: strip}
            made = expand.part(max(first, 0), min(last, inner.height), own)
            tasks.append((framed_strip(strip, first, last), made, second.part(begin, end, own)))
        floats = (rows * stride + overlap) * inner.row
        return Strips(tasks, Place(y), [x], floats)

    def _rows_back(self, y: Map, x: Map, home: Map, added: Map | None) -> Strips:
        inner, stride = self.inner, self.depthwise.stride
        again = self.expand.there(x, inner, None)
        first_back = list(self.depthwise.back(y, inner, None))
        second_back = list(self.expand.back(inner, home, added))
        rows = max(stride, _STRIP // inner.row // stride * stride)
        tasks = []
        for begin in range(0, inner.height, rows):
            end = min(begin + rows, inner.height)
            own = {inner: inner.strip(begin)}
            parts: list[Operation] = [again.part(begin, end, own)]
            parts += [each.between(begin, end, own) for each in (*first_back, *second_back)]
            tasks.append(parts)
        maps = [x, y, *([added] if added else []), *([home] if home.top is not None else [])]
        return Strips(tasks, Place(home), maps, rows * inner.row)
