"""A convolution there and back as operations of kernels.c."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import inf

import torch
from torch import Tensor

from liveflight.engines.convolution import HeightWidth, flipped
from liveflight.engines.native.buffers import TILE, Map, Operation, Place
from liveflight.engines.native.kernels import (
    CLAMP,
    CONVOLVE,
    DEPTHWISE,
    KEEP,
    MASK,
    WINOGRAD,
)
from liveflight.engines.native.packed_weights import Weights
from liveflight.engines.network_steps import Conv

_FEWEST_CHANNELS = 17
"""From which on WINOGRAD's fewer multiplications are worth what it takes besides."""


@dataclass(frozen=True)
class _Side:
    """Of rows or of columns: the taps that reach every `stride`th input, from one of the first on,
    on the way back, and where their first output is."""

    begin: int
    taps: int
    first: int

    @classmethod
    def of(cls, begin: int, kernel: int, pad: int, stride: int) -> _Side:
        tap = (begin + pad) % stride
        taps = len(range(tap, kernel, stride))
        return cls(tap, taps, (begin + pad - tap) // stride - taps + 1)


class CompiledConvolution:
    def __init__(self, weights: Weights, step: Conv, x: Map, deviation: Tensor | None) -> None:
        """`deviation`: of a picture, x, that was not divided by it."""
        module = step.module
        self._weights, self._key = weights, step.key
        self.top, self.groups, self.stride = step.top, module.groups, module.stride[0]
        self.weight = module.weight.detach().float()
        if deviation is not None:
            self.weight = self.weight / deviation.view(1, 3, 1, 1)
        self._bias = None if module.bias is None else module.bias.detach().float()
        self.filters = len(self.weight)
        self.kernel: HeightWidth = (self.weight.shape[2], self.weight.shape[3])
        above, before, below, after = step.pads(x.size)
        self._pads = (above, before)
        reach = (x.height + above + below, x.width + before + after)
        height, width = (
            (side - kernel) // self.stride + 1
            for side, kernel in zip(reach, self.kernel, strict=True)
        )
        self.output: HeightWidth = (height, width)
        padded = (above, before, below, after) == (1, 1, 1, 1)
        enough = min(self.weight.shape[:2]) >= _FEWEST_CHANNELS
        self._filtered = padded and enough and self.kernel == (3, 3) and self.stride == 1

    def there(self, x: Map, y: Map, added: Place | None) -> Operation:
        """What makes y of x."""
        above, before = self._pads
        source = Place(x, -above, -before, self.stride)
        bias = self._bias
        if bias is not None:
            bias = self._weights.once((self._key, "bias"), partial(self._weights.vector, bias))
        finish, top = (KEEP, inf) if self.top is None else (CLAMP, self.top)
        weight, depth = self._ordered(("there",), self.kernel[1], x, lambda: self.weight)
        kind = self._kind
        _reach(source, y.size, self.kernel, kind)
        return Operation(
            *(kind, *y.size, y.pixel, source, Place(y), added, weight, bias, finish, top),
            *(self.kernel, depth),
        )

    def back(
        self, y: Map, x: Map, added: Map | None, weight: Tensor | None = None
    ) -> Iterator[Operation]:
        """What makes x's gradient of y's; with another weight than its own, `blended`."""
        finish, top = (KEEP, inf) if x.top is None else (MASK, x.top)
        kind = self._kind if weight is None else CONVOLVE
        for row in range(min(self.stride, x.height)):
            down = _Side.of(row, self.kernel[0], self._pads[0], self.stride)
            for column in range(min(self.stride, x.width)):
                across = _Side.of(column, self.kernel[1], self._pads[1], self.stride)
                kernel = (down.taps, across.taps)
                source = Place(y, down.first, across.first)
                if weight is None:
                    way = ("back", down.begin, across.begin)
                    taps = partial(self._taps, down, across)
                    ordered, depth = self._ordered(way, across.taps, y, taps)
                else:
                    # As `Weights.panels` orders them.
                    ordered = weight
                    depth = y.channels if across.taps == 1 else across.taps * y.pixel
                rows, columns = ((x.height - row - 1), (x.width - column - 1))
                size = (rows // self.stride + 1, columns // self.stride + 1)
                _reach(source, size, kernel, kind)
                target = Place(x, row, column, self.stride)
                place = Place(added, row, column, self.stride) if added else None
                yield Operation(
                    *(kind, *size, x.pixel, source, target, place),
                    *(ordered, None, finish, top, kernel, depth),
                )

    def back_to_picture(self, y: Map, home: Map) -> Operation:
        """The same for a picture, to a map whose pixels hold `stride` by `stride` of the picture's:
        three channels alone would leave most of a vector empty."""
        sides = [
            [_Side.of(n, kernel, pad, self.stride) for n in range(self.stride)]
            for kernel, pad in zip(self.kernel, self._pads, strict=True)
        ]
        above, before = (min(each.first for each in side) for side in sides)
        kernel = (
            max(each.first + each.taps for each in sides[0]) - above,
            max(each.first + each.taps for each in sides[1]) - before,
        )

        def joined() -> Tensor:
            whole = self.weight.new_zeros(self.stride, self.stride, 3, self.filters, *kernel)
            for row, down in enumerate(sides[0]):
                for column, across in enumerate(sides[1]):
                    top, left = down.first - above, across.first - before
                    part = whole[row, column, ..., top : top + down.taps, :]
                    part[..., left : left + across.taps] = self._taps(down, across)
            return whole.flatten(0, 2)

        way = ("to picture", *self._pads)
        weight, depth = self._ordered(way, kernel[1], y, joined)
        source = Place(y, above, before)
        _reach(source, home.size, kernel, CONVOLVE)
        return Operation(
            *(CONVOLVE, *home.size, home.pixel, source, Place(home), None, weight),
            *(None, KEEP, inf, kernel, depth),
        )

    def _taps(self, down: _Side, across: _Side) -> Tensor:
        """The filters whose convolution with the gradient gives that of the inputs these reach."""
        stride = self.stride
        return flipped(self.weight[:, :, down.begin :: stride, across.begin :: stride], self.groups)

    def blended(self, excited: Tensor) -> Tensor:
        """The weight of the way back from one filter that is the sum of all, so excited each."""
        blend = torch.einsum("o,oikl->ikl", excited, self.weight)[None]
        return self._weights.panels(flipped(blend, 1), self._weights.padded(1))

    @property
    def _kind(self) -> int:
        if self.groups != 1:
            return DEPTHWISE
        return WINOGRAD if self._filtered else CONVOLVE

    def _ordered(
        self, way: tuple[object, ...], width: int, source: Map, make: Callable[[], Tensor]
    ) -> tuple[Tensor, int]:
        """A weight, so many taps wide, as the kernel reads it, and the depth of a pixel."""
        weights, depth = self._weights, source.pixel
        order: Callable[[Tensor], Tensor]
        if self._kind == DEPTHWISE:
            order = weights.spots
        elif self._kind == WINOGRAD:
            order = weights.filtered
        else:
            order = partial(weights.panels, pixel=source.pixel)
            depth = source.channels if width == 1 else width * source.pixel
        return weights.once((self._key, *way), lambda: order(make())), depth


def _reach(source: Place, size: HeightWidth, kernel: HeightWidth, kind: int) -> None:
    """Has the frame of a source include all that is read for so large an output."""
    if 0 in kernel:
        return
    if kind == WINOGRAD:
        size = (-(-size[0] // TILE) * TILE, -(-size[1] // TILE) * TILE)
    first = (source.row, source.column)
    rows, columns = (
        begin + (side - 1) * source.by + taps - 1
        for begin, side, taps in zip(first, size, kernel, strict=True)
    )
    source.map.reach(first, (rows, columns))


def check(step: Conv, outside: bool) -> None:
    """Raises TypeError where kernels.c has no way for a step. `outside`: the first."""
    module = step.module
    plain = tuple(module.dilation) == (1, 1) and module.padding_mode == "zeros"
    alone = module.groups == module.in_channels == module.out_channels and not outside
    even = module.stride[0] == module.stride[1]
    if not (plain and even and (module.groups == 1 or alone)):
        raise TypeError(f"no compiled way is known through {module} ({step.key})")
