"""Convolve, and take the gradient of a convolution with respect to its input.

The input gradient of a convolution of stride 1 is again a convolution, with the filters flipped and
inputs and outputs exchanged. Prepared once, it costs what the forward pass does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from liveflight.engines.relu import IDENTITY, Relu

HeightWidth = tuple[int, int]
"""Rows and columns, as tensors and kernels count them."""


@dataclass(frozen=True)
class Geometry:
    stride: HeightWidth
    padding: HeightWidth
    """On both sides."""
    groups: int


class Convolution:
    """Convolve by torch's own operators, on any device and in any format.

    Subclasses do the same in other ways."""

    def __init__(self, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> None:
        """Prepare a convolution by `weight`: (filters, channels per group, height, width)."""
        self.weight = weight.contiguous(memory_format=torch.channels_last)
        self.bias = bias
        self.geometry = geometry
        self._kernel: HeightWidth = (weight.shape[2], weight.shape[3])
        height, width = (k - 1 - p for k, p in zip(self._kernel, geometry.padding, strict=True))
        flips = geometry.stride == (1, 1) and min(height, width) >= 0
        self._backward_geometry = (
            Geometry((1, 1), (height, width), geometry.groups) if flips else None
        )
        self._prepare()

    def at(self, size: HeightWidth) -> Convolution:
        """Return the convolution for an input of this height and width: here always itself."""
        return self

    def forward(self, x: Tensor, rectifier: Relu = IDENTITY) -> Tensor:
        """Return the rectified convolution of x (1, channels, H, W), channels-last."""
        y = _convolved(x, self.weight, self.bias, self.geometry)
        return rectifier.forward(y, out=y)

    def backward(
        self, gradient: Tensor, size: HeightWidth, rectifier: Relu, activation: Tensor | None
    ) -> Tensor:
        """Return the gradient with respect to an input of this height and width.

        `gradient` is that of what `forward` returned. `activation` is what `forward` returned, and
        may be overwritten; None where the gradient has been through the rectifier already."""
        if activation is not None and not rectifier.identity:
            gradient = rectifier.backward(gradient, activation, out=activation)
        return self._input_gradient(gradient.contiguous(memory_format=torch.channels_last), size)

    def output(self, size: HeightWidth) -> HeightWidth:
        """Return the height and width of the output for an input of this height and width."""
        stride, padding = self.geometry.stride, self.geometry.padding
        height, width = ((size[i] + 2 * padding[i] - self._kernel[i]) // stride[i] for i in (0, 1))
        return height + 1, width + 1

    def narrowed(self, weight: Tensor, bias: Tensor | None) -> Convolution:
        """Return the same convolution with fewer filters, for a single use."""
        return Convolution(weight, bias, self.geometry)

    def _prepare(self) -> None:
        flips = self._backward_geometry is not None
        self._flipped = flipped(self.weight, self.geometry.groups) if flips else None

    def _input_gradient(self, gradient: Tensor, size: HeightWidth) -> Tensor:
        if self._flipped is not None and self._backward_geometry is not None:
            return _convolved(gradient, self._flipped, None, self._backward_geometry)
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


class Pointwise(Convolution):
    """Convolve 1x1 at stride 1 as a matrix product of pixels by channels."""

    def forward(self, x: Tensor, rectifier: Relu = IDENTITY) -> Tensor:
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

    def _input_gradient(self, gradient: Tensor, size: HeightWidth) -> Tensor:
        return (gradient.permute(0, 2, 3, 1) @ self.weight.flatten(1)).permute(0, 3, 1, 2)


def flipped(weight: Tensor, groups: int) -> Tensor:
    """Return the filters that convolve an output's gradient to the input's, at stride 1."""
    filters, channels, height, width = weight.shape
    grouped = weight.flip(2, 3).view(groups, filters // groups, channels, height, width)
    exchanged = grouped.transpose(1, 2).reshape(groups * channels, filters // groups, height, width)
    return exchanged.contiguous(memory_format=torch.channels_last)


def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    return F.conv2d(x, weight, bias, geometry.stride, geometry.padding, 1, geometry.groups)
