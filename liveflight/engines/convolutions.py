"""Ways to convolve, forward and back to the input's gradient, all alike from outside.

The input gradient of a convolution of stride 1 is again a convolution, with the filters flipped and
inputs and outputs exchanged. Prepared once, it costs what the forward pass does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from liveflight.engines import measured
from liveflight.engines.rectifier import IDENTITY, Rectifier
from liveflight.engines.winograd import Winograd
from liveflight.networks.layered import SameConv2d, same_padding

Size = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    stride: Size
    padding: Size
    """On both sides."""
    groups: int


class Convolution:
    """By torch's own operators: on any device, in any format."""

    def __init__(self, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> None:
        """`weight`: (filters, channels per group, height, width)."""
        self.weight = weight.contiguous(memory_format=torch.channels_last)
        self.bias = bias
        self.geometry = geometry
        self._kernel: Size = (weight.shape[2], weight.shape[3])
        height, width = (k - 1 - p for k, p in zip(self._kernel, geometry.padding, strict=True))
        turns = geometry.stride == (1, 1) and min(height, width) >= 0
        self._way_back = Geometry((1, 1), (height, width), geometry.groups) if turns else None
        self._prepare()

    def at(self, size: Size) -> Convolution:
        """That for an input of this height and width: one for all, but see `Same`."""
        return self

    def forward(self, x: Tensor, rectifier: Rectifier = IDENTITY) -> Tensor:
        """The rectified convolution of x (1, channels, H, W), channels-last."""
        y = _convolved(x, self.weight, self.bias, self.geometry)
        return rectifier.forward(y, out=y)

    def backward(
        self, gradient: Tensor, size: Size, rectifier: Rectifier, activation: Tensor | None
    ) -> Tensor:
        """The gradient with respect to the input, of this height and width, of what `forward` made:
        `activation`, which may be overwritten, or None where the gradient has been through the
        rectifier already."""
        if activation is not None and not rectifier.identity:
            gradient = rectifier.backward(gradient, activation, out=activation)
        return self._back(gradient.contiguous(memory_format=torch.channels_last), size)

    def output(self, size: Size) -> Size:
        """Height and width of the output for an input of this height and width."""
        stride, padding = self.geometry.stride, self.geometry.padding
        height, width = ((size[i] + 2 * padding[i] - self._kernel[i]) // stride[i] for i in (0, 1))
        return height + 1, width + 1

    def narrowed(self, weight: Tensor, bias: Tensor | None) -> Convolution:
        """The same with other, fewer filters, to be used once."""
        return Convolution(weight, bias, self.geometry)

    def _prepare(self) -> None:
        self._turned = _turned(self.weight, self.geometry.groups) if self._way_back else None

    def _back(self, gradient: Tensor, size: Size) -> Tensor:
        if self._turned is not None and self._way_back is not None:
            return _convolved(gradient, self._turned, None, self._way_back)
        stride, padding, groups = (
            self.geometry.stride,
            self.geometry.padding,
            self.geometry.groups,
        )
        shape = (gradient.shape[0], self.weight.shape[1] * groups, *size)
        like = torch.empty(  # of which only the shape is used
            shape, dtype=gradient.dtype, device=gradient.device, memory_format=torch.channels_last
        )
        backward = torch.ops.aten.convolution_backward
        given = (gradient, like, self.weight, None, stride, padding, (1, 1), False, (0, 0), groups)
        return backward(*given, (True, False, False))[0]


class Joined(Convolution):
    """By cuDNN's operator that adds the bias and rectifies in the same pass, where torch's takes
    three. On CUDA, in half."""

    def forward(self, x: Tensor, rectifier: Rectifier = IDENTITY) -> Tensor:
        if rectifier.identity:
            return super().forward(x, rectifier)
        stride, padding = self.geometry.stride, self.geometry.padding
        y: Tensor = torch.cudnn_convolution_relu(
            x, self.weight, self.bias, stride, padding, (1, 1), self.geometry.groups
        )
        return y if rectifier.ceiling is None else y.clamp_(max=rectifier.ceiling)


class Fused(Convolution):
    """By the oneDNN operators that torch's compiler uses: weights reordered once, the rectifier in
    the same pass. For few channels per group, on the CPU, in float32."""

    def forward(self, x: Tensor, rectifier: Rectifier = IDENTITY) -> Tensor:
        return _fused(x, self._ordered, self.bias, self.geometry, rectifier)

    def _prepare(self) -> None:
        self._ordered = _reordered(self.weight, self.geometry)
        self._turned = None
        if self._way_back is not None:
            turned = _turned(self.weight, self.geometry.groups)
            self._turned = _reordered(turned, self._way_back)

    def _back(self, gradient: Tensor, size: Size) -> Tensor:
        if self._turned is None or self._way_back is None:
            return super()._back(gradient, size)
        return _fused(gradient, self._turned, None, self._way_back, IDENTITY)


class Pointwise(Convolution):
    """1x1 of stride 1 as a matrix product of pixels by channels. On the CPU, in float32."""

    def forward(self, x: Tensor, rectifier: Rectifier = IDENTITY) -> Tensor:
        pixels = x.permute(0, 2, 3, 1)
        y = pixels.new_empty(*pixels.shape[:3], self._matrix.shape[1])
        flat = pixels.flatten(0, 2)
        if self.bias is None:
            torch.mm(flat, self._matrix, out=y.view(-1, y.shape[3]))
        else:
            torch.addmm(self.bias, flat, self._matrix, out=y.view(-1, y.shape[3]))
        return rectifier.forward(y, out=y).permute(0, 3, 1, 2)

    def _prepare(self) -> None:
        self._matrix = self.weight.flatten(1).t().contiguous()  # (channels, filters)

    def _back(self, gradient: Tensor, size: Size) -> Tensor:
        return (gradient.permute(0, 2, 3, 1) @ self.weight.flatten(1)).permute(0, 3, 1, 2)


class Filtered(Convolution):
    """3x3 of stride and padding 1 by Winograd's minimal filtering. On the CPU, in float32."""

    def forward(self, x: Tensor, rectifier: Rectifier = IDENTITY) -> Tensor:
        return self._there(x, rectifier)

    def backward(
        self, gradient: Tensor, size: Size, rectifier: Rectifier, activation: Tensor | None
    ) -> Tensor:
        masked = None if activation is None or rectifier.identity else (rectifier, activation)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        return self._home(gradient, masked=masked)

    def _prepare(self) -> None:
        self._there = Winograd(self.weight, self.bias)
        self._home = Winograd(_turned(self.weight, 1), None)


class Same:
    """Padded as TensorFlow's SAME, by a convolution for each way in which that can come out.

    Where one side needs a pixel more than the other, both get it, and the filters a row or column
    of zeros that looks at it: faster than to copy the map into a frame, and back out of it."""

    def __init__(self, weight: Tensor, bias: Tensor | None, stride: Size, groups: int) -> None:
        self.weight, self.bias = weight, bias
        self._stride, self._groups = stride, groups
        self._kernel: Size = (weight.shape[2], weight.shape[3])
        self._made: dict[tuple[Size, Size], Convolution] = {}

    def at(self, size: Size) -> Convolution:
        """That for an input of this height and width."""
        down, across = (
            same_padding(*each) for each in zip(size, self._kernel, self._stride, strict=True)
        )
        if (down, across) not in self._made:
            more = (down[1], across[1])
            padding = (down[0] + more[0], across[0] + more[1])
            weight = F.pad(self.weight, (more[1], 0, more[0], 0))
            geometry = Geometry(self._stride, padding, self._groups)
            self._made[down, across] = fastest(weight, self.bias, geometry)
        return self._made[down, across]


def prepared(module: nn.Conv2d) -> Convolution | Same:
    """A module's convolution in the fastest way there is where its weights are, in their format.
    Raises TypeError where no way back is known."""
    weight, bias = module.weight.detach(), None if module.bias is None else module.bias.detach()
    if tuple(module.dilation) != (1, 1) or module.padding_mode != "zeros":
        raise TypeError(f"no way back is known through {module}")
    stride = (module.stride[0], module.stride[1])
    if isinstance(module, SameConv2d):
        return Same(weight, bias, stride, module.groups)
    padding = (int(module.padding[0]), int(module.padding[1]))
    return fastest(weight, bias, Geometry(stride, padding, module.groups))


def fastest(weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Convolution:
    ways = _ways(weight, geometry)
    if len(ways) == 1:
        return ways[0](weight, bias, geometry)
    filters, channels, kernel, _ = weight.shape
    side = max(8, round((_WORK / weight.numel()) ** 0.5 / 4) * 4)
    x = torch.zeros(1, channels, side, side).contiguous(memory_format=torch.channels_last)
    made = {way.__name__: way(weight, bias, geometry) for way in ways}
    runs = {name: partial(each.forward, x, Rectifier()) for name, each in made.items()}
    name = measured.fastest(f"convolution {channels} to {filters}, {kernel}x{kernel}", runs)
    return made[name]


_WORK = 5e8
"""Multiplications in a measurement."""

_FEW = 4
"""Channels per group up to which weights are reordered once for all sizes. With more, oneDNN wants
another order for another size, and given a wrong one takes up to a hundred times as long."""


def _ways(weight: Tensor, geometry: Geometry) -> list[type[Convolution]]:
    if weight.device.type == "cuda" and weight.dtype == torch.float16 and not torch.version.hip:
        dense = geometry.groups == 1 and tuple(weight.shape[2:]) == (3, 3)
        return [Joined if dense else Convolution]
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return [Convolution]
    channels, kernel = weight.shape[1], (weight.shape[2], weight.shape[3])
    if channels <= _FEW:
        return [Fused if _onednn_works() else Convolution]
    if geometry == Geometry((1, 1), (0, 0), 1) and kernel == (1, 1):
        return [Pointwise]
    if geometry == Geometry((1, 1), (1, 1), 1) and kernel == (3, 3) and min(weight.shape[:2]) > 16:
        return [Convolution, Filtered]
    return [Convolution]


def _turned(weight: Tensor, groups: int) -> Tensor:
    """The filters whose convolution is the input gradient of a convolution by these."""
    filters, channels, height, width = weight.shape
    grouped = weight.flip(2, 3).view(groups, filters // groups, channels, height, width)
    turned = grouped.transpose(1, 2).reshape(groups * channels, filters // groups, height, width)
    return turned.contiguous(memory_format=torch.channels_last)


def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    return F.conv2d(x, weight, bias, geometry.stride, geometry.padding, 1, geometry.groups)


_onednn: Any = torch.ops.mkldnn


def _reordered(weight: Tensor, geometry: Geometry) -> Tensor:
    size = (1, weight.shape[1] * geometry.groups, 32, 32)
    return _onednn._reorder_convolution_weight(
        weight, geometry.padding, geometry.stride, (1, 1), geometry.groups, size
    )


def _fused(
    x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, rectifier: Rectifier
) -> Tensor:
    after: tuple[str, list[float]] = ("none", [])
    if not rectifier.identity:
        ceiling = rectifier.ceiling
        after = ("relu", []) if ceiling is None else ("hardtanh", [0.0, ceiling])
    padding, stride = geometry.padding, geometry.stride
    return _onednn._convolution_pointwise(
        x, weight, bias, padding, stride, (1, 1), geometry.groups, *after, ""
    )


@lru_cache(maxsize=1)
def _onednn_works() -> bool:
    """Whether this build of torch and this processor have those operators."""
    if not torch.backends.mkldnn.is_available():
        return False
    x = torch.ones(1, 8, 4, 4).contiguous(memory_format=torch.channels_last)
    geometry = Geometry((1, 1), (0, 0), 1)
    try:
        weight = _reordered(torch.ones(8, 8, 1, 1), geometry)
        y = _fused(x, weight, None, geometry, Rectifier(6.0))
    except (RuntimeError, AttributeError):
        return False
    return bool((y == 6.0).all())
