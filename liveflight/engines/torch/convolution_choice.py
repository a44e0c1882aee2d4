"""Choose the fastest convolution for given weights on their device, in their format."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from liveflight.engines import autotuning
from liveflight.engines.convolution import Convolution, Geometry, HeightWidth, Pointwise
from liveflight.engines.relu import Relu
from liveflight.engines.torch.convolutions_cpu import OneDnnConv, WinogradConv, onednn_works
from liveflight.engines.torch.convolutions_cuda import CudnnConvRelu, Depthwise
from liveflight.networks.layered import SameConv2d, same_padding


class SameConvolution:
    """Convolve with TensorFlow's SAME padding, by one convolution for each padding that occurs.

    Where one side needs a pixel more than the other, both get it, and the filters get a row or
    column of zeros there: faster than copying the map into a larger one and back."""

    def __init__(
        self, weight: Tensor, bias: Tensor | None, stride: HeightWidth, groups: int
    ) -> None:
        self.weight, self.bias = weight, bias
        self._stride, self._groups = stride, groups
        self._kernel: HeightWidth = (weight.shape[2], weight.shape[3])
        self._made: dict[tuple[HeightWidth, HeightWidth], Convolution] = {}

    def at(self, size: HeightWidth) -> Convolution:
        """Return the convolution for an input of this height and width."""
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


def prepared(module: nn.Conv2d) -> Convolution | SameConvolution:
    """Return the fastest convolution for a module.

    Raises TypeError where no backward pass is known for it."""
    weight, bias = module.weight.detach(), None if module.bias is None else module.bias.detach()
    if tuple(module.dilation) != (1, 1) or module.padding_mode != "zeros":
        raise TypeError(f"no backward pass is known through {module}")
    stride = (module.stride[0], module.stride[1])
    if isinstance(module, SameConv2d):
        return SameConvolution(weight, bias, stride, module.groups)
    padding = (int(module.padding[0]), int(module.padding[1]))
    return fastest(weight, bias, Geometry(stride, padding, module.groups))


def fastest(weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Convolution:
    """Return the convolution that measures fastest here."""
    candidates = _candidates(weight, geometry)
    if len(candidates) == 1:
        return candidates[0](weight, bias, geometry)
    filters, channels, kernel, _ = weight.shape
    side = max(8, round((_MULTIPLICATIONS / weight.numel()) ** 0.5 / 4) * 4)
    x = torch.zeros(1, channels, side, side).contiguous(memory_format=torch.channels_last)
    made = {kind.__name__: kind(weight, bias, geometry) for kind in candidates}
    runs = {name: partial(each.forward, x, Relu()) for name, each in made.items()}
    name = autotuning.fastest(f"convolution {channels} to {filters}, {kernel}x{kernel}", runs)
    return made[name]


_MULTIPLICATIONS = 5e8
"""Number of them in a measurement."""

_MAX_ONEDNN_CHANNELS = 4
"""Channels per group up to which weights are reordered once for all sizes.

With more, oneDNN wants another order for another size, and given a wrong one takes up to a hundred
times as long."""


def _candidates(weight: Tensor, geometry: Geometry) -> list[type[Convolution]]:
    if weight.device.type == "cuda" and weight.dtype == torch.float16 and not torch.version.hip:
        return [_on_cuda(weight, geometry)]
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return [Convolution]
    channels, kernel = weight.shape[1], (weight.shape[2], weight.shape[3])
    if channels <= _MAX_ONEDNN_CHANNELS:
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
