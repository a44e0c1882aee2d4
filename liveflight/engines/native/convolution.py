"""Write a convolution, forward and backward, as operations of kernels.c."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import inf

import torch
from torch import Tensor

from liveflight.engines.convolution import HeightWidth, flipped
from liveflight.engines.native.buffers import TILE, Buffer, BufferView, Operation
from liveflight.engines.native.kernels import (
    CLAMP,
    CONVOLVE,
    DEPTHWISE,
    KEEP,
    MASK,
    WINOGRAD,
)
from liveflight.engines.native.packed_weights import PackedWeights
from liveflight.engines.network_steps import Conv

_MIN_WINOGRAD_CHANNELS = 17
"""Least channels for which WINOGRAD's fewer multiplications are worth its transforms."""


@dataclass(frozen=True)
class _AxisTaps:
    """Select the filter rows, or columns, that reach every `stride`th input from `begin` on.

    For the backward pass, where those inputs' gradient is a convolution by these taps alone."""

    begin: int
    """First of the taps, which are `stride` apart."""
    taps: int
    first: int
    """First output that they read, which may lie in the frame."""

    @classmethod
    def of(cls, begin: int, kernel: int, pad: int, stride: int) -> _AxisTaps:
        tap = (begin + pad) % stride
        taps = len(range(tap, kernel, stride))
        return cls(tap, taps, (begin + pad - tap) // stride - taps + 1)


class NativeConvolution:
    def __init__(
        self, weights: PackedWeights, step: Conv, x: Buffer, deviation: Tensor | None
    ) -> None:
        """Prepare the convolution of `x`.

        `deviation`: where x is a picture that has yet to be divided by it, else None."""
        module = step.module
        self._weights, self._key = weights, step.key
        self.top, self.groups, self.stride = step.top, module.groups, module.stride[0]
        self.weight = module.weight.detach().float()
        if deviation is not None:
            self.weight = self.weight / deviation.view(1, 3, 1, 1)
        self._bias = None if module.bias is None else module.bias.detach().float()
        self.filters = len(self.weight)
        self.kernel: HeightWidth = (self.weight.shape[2], self.weight.shape[3])
        top, left, bottom, right = step.pads(x.size)
        self._pads = (top, left)
        padded = (x.height + top + bottom, x.width + left + right)
        height, width = (
            (side - kernel) // self.stride + 1
            for side, kernel in zip(padded, self.kernel, strict=True)
        )
        self.output: HeightWidth = (height, width)
        even = (top, left, bottom, right) == (1, 1, 1, 1)
        enough = min(self.weight.shape[:2]) >= _MIN_WINOGRAD_CHANNELS
        self._winograd = even and enough and self.kernel == (3, 3) and self.stride == 1

    def forward(self, x: Buffer, y: Buffer, added: BufferView | None) -> Operation:
        """Return the operation that makes y of x."""
        top, left = self._pads
        source = BufferView(x, -top, -left, self.stride)
        bias = self._bias
        if bias is not None:
            bias = self._weights.once((self._key, "bias"), partial(self._weights.vector, bias))
        finish, ceiling = (KEEP, inf) if self.top is None else (CLAMP, self.top)
        weight, depth = self._packed(("forward",), self.kernel[1], x, lambda: self.weight)
        kind = self._kind
        _pad_for(source, y.size, self.kernel, kind)
        return Operation(
            *(kind, *y.size, y.pixel, source, BufferView(y), added, weight, bias, finish, ceiling),
            *(self.kernel, depth),
        )

    def backward(
        self, y: Buffer, x: Buffer, added: Buffer | None, weight: Tensor | None = None
    ) -> Iterator[Operation]:
        """Yield the operations that make x's gradient of y's.

        `weight`: what `blended` returned, in place of the convolution's own."""
        finish, ceiling = (KEEP, inf) if x.top is None else (MASK, x.top)
        kind = self._kind if weight is None else CONVOLVE
        for row in range(min(self.stride, x.height)):
            down = _AxisTaps.of(row, self.kernel[0], self._pads[0], self.stride)
            for column in range(min(self.stride, x.width)):
                across = _AxisTaps.of(column, self.kernel[1], self._pads[1], self.stride)
                kernel = (down.taps, across.taps)
                source = BufferView(y, down.first, across.first)
                if weight is None:
                    way = ("backward", down.begin, across.begin)
                    taps = partial(self._taps, down, across)
                    packed, depth = self._packed(way, across.taps, y, taps)
                else:
                    # In the order of `PackedWeights.for_convolve`.
                    packed = weight
                    depth = y.channels if across.taps == 1 else across.taps * y.pixel
                rows, columns = ((x.height - row - 1), (x.width - column - 1))
                size = (rows // self.stride + 1, columns // self.stride + 1)
                _pad_for(source, size, kernel, kind)
                target = BufferView(x, row, column, self.stride)
                view = BufferView(added, row, column, self.stride) if added else None
                yield Operation(
                    *(kind, *size, x.pixel, source, target, view),
                    *(packed, None, finish, ceiling, kernel, depth),
                )

    def backward_to_picture(self, y: Buffer, target: Buffer) -> Operation:
        """Return the operation that makes a picture's gradient of y's.

        A pixel of `target` holds `stride` by `stride` of the picture's: three channels alone would
        leave most of a vector empty."""
        sides = [
            [_AxisTaps.of(n, kernel, pad, self.stride) for n in range(self.stride)]
            for kernel, pad in zip(self.kernel, self._pads, strict=True)
        ]
        top, left = (min(each.first for each in side) for side in sides)
        kernel = (
            max(each.first + each.taps for each in sides[0]) - top,
            max(each.first + each.taps for each in sides[1]) - left,
        )

        def joined() -> Tensor:
            whole = self.weight.new_zeros(self.stride, self.stride, 3, self.filters, *kernel)
            for row, down in enumerate(sides[0]):
                for column, across in enumerate(sides[1]):
                    begin, start = down.first - top, across.first - left
                    part = whole[row, column, ..., begin : begin + down.taps, :]
                    part[..., start : start + across.taps] = self._taps(down, across)
            return whole.flatten(0, 2)

        way = ("to picture", *self._pads)
        weight, depth = self._packed(way, kernel[1], y, joined)
        source = BufferView(y, top, left)
        _pad_for(source, target.size, kernel, CONVOLVE)
        return Operation(
            *(CONVOLVE, *target.size, target.pixel, source, BufferView(target), None, weight),
            *(None, KEEP, inf, kernel, depth),
        )

    def _taps(self, down: _AxisTaps, across: _AxisTaps) -> Tensor:
        """Return the filters that convolve the gradient to that of the inputs these taps reach."""
        stride = self.stride
        return flipped(self.weight[:, :, down.begin :: stride, across.begin :: stride], self.groups)

    def blended(self, excited: Tensor) -> Tensor:
        """Return the packed backward weight of one filter: the sum of all, so excited each."""
        blend = torch.einsum("o,oikl->ikl", excited, self.weight)[None]
        return self._weights.for_convolve(flipped(blend, 1), self._weights.padded(1))

    @property
    def _kind(self) -> int:
        if self.groups != 1:
            return DEPTHWISE
        return WINOGRAD if self._winograd else CONVOLVE

    def _packed(
        self, way: tuple[object, ...], width: int, source: Buffer, make: Callable[[], Tensor]
    ) -> tuple[Tensor, int]:
        """Return a packed weight that is `width` taps wide, and the depth of a source pixel."""
        weights, depth = self._weights, source.pixel
        pack: Callable[[Tensor], Tensor]
        if self._kind == DEPTHWISE:
            pack = weights.for_depthwise
        elif self._kind == WINOGRAD:
            pack = weights.for_winograd
        else:
            pack = partial(weights.for_convolve, pixel=source.pixel)
            depth = source.channels if width == 1 else width * source.pixel
        return weights.once((self._key, *way), lambda: pack(make())), depth


def _pad_for(source: BufferView, size: HeightWidth, kernel: HeightWidth, kind: int) -> None:
    """Grow the source's frame to include all that is read for an output of this size."""
    if 0 in kernel:
        return
    if kind == WINOGRAD:
        size = (-(-size[0] // TILE) * TILE, -(-size[1] // TILE) * TILE)
    first = (source.row, source.column)
    rows, columns = (
        begin + (side - 1) * source.step + taps - 1
        for begin, side, taps in zip(first, size, kernel, strict=True)
    )
    source.buffer.pad_to(first, (rows, columns))


def check(step: Conv, first: bool) -> None:
    """Raise TypeError where kernels.c lacks this convolution; the `first` takes a picture."""
    module = step.module
    plain = tuple(module.dilation) == (1, 1) and module.padding_mode == "zeros"
    depthwise = module.groups == module.in_channels == module.out_channels and not first
    even = module.stride[0] == module.stride[1]
    if not (plain and even and (module.groups == 1 or depthwise)):
        raise TypeError(f"no compiled kernel does {module} ({step.key})")
