"""The fastest way to convolve with a module's weights where they are, in their format."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from liveflight.engines import autotuning
from liveflight.engines.convolution import Convolution, Geometry, HeightWidth, Pointwise
from liveflight.engines.rectifier import Rectifier
from liveflight.engines.torch.convolutions_cpu import OneDnnConv, WinogradConv, onednn_works
from liveflight.engines.torch.convolutions_cuda import CudnnConvRelu, Depthwise
from liveflight.networks.layered import SameConv2d, same_padding


class Same:
    """Padded as TensorFlow's SAME, by a convolution for each way in which that can come out.

    Where one side needs a pixel more than the other, both get it, and the filters a row or column
    of zeros that looks at it: faster than to copy the map into a frame, and back out of it."""

    def __init__(
        self, weight: Tensor, bias: Tensor | None, stride: HeightWidth, groups: int
    ) -> None:
        self.weight, self.bias = weight, bias
        self._stride, self._groups = stride, groups
        self._kernel: HeightWidth = (weight.shape[2], weight.shape[3])
        self._made: dict[tuple[HeightWidth, HeightWidth], Convolution] = {}

    def at(self, size: HeightWidth) -> Convolution:
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
    name = autotuning.fastest(f"convolution {channels} to {filters}, {kernel}x{kernel}", runs)
    return made[name]


_WORK = 5e8
"""Multiplications in a measurement."""

_FEW = 4
"""Channels per group up to which weights are reordered once for all sizes. With more, oneDNN wants
another order for another size, and given a wrong one takes up to a hundred times as long."""


def _ways(weight: Tensor, geometry: Geometry) -> list[type[Convolution]]:
    if weight.device.type == "cuda" and weight.dtype == torch.float16 and not torch.version.hip:
        return [_on_cuda(weight, geometry)]
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return [Convolution]
    channels, kernel = weight.shape[1], (weight.shape[2], weight.shape[3])
    if channels <= _FEW:
        return [OneDnnConv if onednn_works() else Convolution]
    if geometry == Geometry((1, 1), (0, 0), 1) and kernel == (1, 1):
        return [Pointwise]
    if geometry == Geometry((1, 1), (1, 1), 1) and kernel == (3, 3) and min(weight.shape[:2]) > 16:
        return [Convolution, WinogradConv]
    return [Convolution]


def _on_cuda(weight: Tensor, geometry: Geometry) -> type[Convolution]:
    kernel = (weight.shape[2], weight.shape[3])
    if geometry == Geometry((1, 1), (0, 0), 1) and kernel == (1, 1):
        return Pointwise
    if geometry.groups == len(weight) and weight.shape[1] == 1:
        return Depthwise
    return CudnnConvRelu if geometry.groups == 1 and kernel == (3, 3) else Convolution
