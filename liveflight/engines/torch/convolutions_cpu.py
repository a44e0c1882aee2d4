"""Convolve on the CPU, in float32."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from liveflight.engines.convolution import Convolution, Geometry, HeightWidth, flipped
from liveflight.engines.relu import IDENTITY, Relu
from liveflight.engines.winograd import Winograd


class OneDnnConv(Convolution):
    """Convolve by the oneDNN operators that torch's compiler uses, for few channels per group.

    Weights are reordered once, and the rectifier runs in the same pass."""

    def forward(self, x: Tensor, rectifier: Relu = IDENTITY) -> Tensor:
        return _fused(x, self._ordered, self.bias, self.geometry, rectifier)

    def _prepare(self) -> None:
        self._ordered = _reordered(self.weight, self.geometry)
        self._flipped = None
        if self._backward_geometry is not None:
            weight = flipped(self.weight, self.geometry.groups)
            self._flipped = _reordered(weight, self._backward_geometry)

    def _input_gradient(self, gradient: Tensor, size: HeightWidth) -> Tensor:
        if self._flipped is None or self._backward_geometry is None:
            return super()._input_gradient(gradient, size)
        return _fused(gradient, self._flipped, None, self._backward_geometry, IDENTITY)


class WinogradConv(Convolution):
    """Convolve 3x3, stride and padding 1, by Winograd's minimal filtering."""

    def forward(self, x: Tensor, rectifier: Relu = IDENTITY) -> Tensor:
        return self._forward(x, rectifier)

    def backward(
        self,
        gradient: Tensor,
        size: HeightWidth,
        rectifier: Relu,
        activation: Tensor | None,
    ) -> Tensor:
        masked = None if activation is None or rectifier.identity else (rectifier, activation)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        return self._backward(gradient, masked=masked)

    def _prepare(self) -> None:
        self._forward = Winograd(self.weight, self.bias)
        self._backward = Winograd(flipped(self.weight, 1), None)


_onednn: Any = torch.ops.mkldnn


def _reordered(weight: Tensor, geometry: Geometry) -> Tensor:
    size = (1, weight.shape[1] * geometry.groups, 32, 32)
    return _onednn._reorder_convolution_weight(
        weight, geometry.padding, geometry.stride, (1, 1), geometry.groups, size
    )


def _fused(
    x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, rectifier: Relu
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
def onednn_works() -> bool:
    """Return whether this build of torch and this processor have those operators."""
    if not torch.backends.mkldnn.is_available():
        return False
    x = torch.ones(1, 8, 4, 4).contiguous(memory_format=torch.channels_last)
    geometry = Geometry((1, 1), (0, 0), 1)
    try:
        weight = _reordered(torch.ones(8, 8, 1, 1), geometry)
        y = _fused(x, weight, None, geometry, Relu(6.0))
    except (RuntimeError, AttributeError):
        return False
    return bool((y == 6.0).all())
