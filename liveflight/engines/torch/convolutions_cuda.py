"""Convolve on CUDA, in half."""

from __future__ import annotations

import torch
from torch import Tensor

from liveflight.engines.convolution import Convolution, HeightWidth
from liveflight.engines.cuda.kernels import kernels_for
from liveflight.engines.relu import IDENTITY, Relu


class CudnnConvRelu(Convolution):
    """Convolve, add the bias and rectify in one cuDNN pass, where torch takes three."""

    def forward(self, x: Tensor, rectifier: Relu = IDENTITY) -> Tensor:
        if rectifier.identity:
            return super().forward(x, rectifier)
        stride, padding = self.geometry.stride, self.geometry.padding
        y: Tensor = torch.cudnn_convolution_relu(
            x, self.weight, self.bias, stride, padding, (1, 1), self.geometry.groups
        )
        return y if rectifier.ceiling is None else y.clamp_(max=rectifier.ceiling)


class Depthwise(Convolution):
    """Convolve each channel with its own filter, by our own kernels.

    cuDNN compiles a kernel for every size and direction, which takes seconds before a flight."""

    def forward(self, x: Tensor, rectifier: Relu = IDENTITY) -> Tensor:
        kernels = kernels_for(x)
        if kernels is None:
            return super().forward(x, rectifier)
        stride, padding = self.geometry.stride, self.geometry.padding
        size = self.output((x.shape[2], x.shape[3]))
        return kernels.depthwise(x, self._filters, self._bias, size, stride, padding, rectifier)

    def _prepare(self) -> None:
        super()._prepare()
        self._filters = self.weight[:, 0].permute(1, 2, 0).contiguous()  # (height, width, channels)
        nothing = self.weight.new_zeros(len(self.weight))
        self._bias = nothing if self.bias is None else self.bias

    def _input_gradient(self, gradient: Tensor, size: HeightWidth) -> Tensor:
        kernels = kernels_for(gradient)
        if kernels is None:
            return super()._input_gradient(gradient, size)
        stride, padding = self.geometry.stride, self.geometry.padding
        return kernels.depthwise_back(gradient, self._filters, size, stride, padding)
