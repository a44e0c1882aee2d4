"""Ways to convolve, forward and back to the input's gradient, all alike from outside.

The input gradient of a convolution of stride 1 is again a convolution, with the filters flipped and
inputs and outputs exchanged. Prepared once per network, it costs what the forward pass does.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from liveflight.engines.rectifier import IDENTITY, Rectifier
from liveflight.engines.winograd import Winograd
from liveflight.networks.layered import SameConv2d, same_padding

Size = tuple[int, int]


class Convolution:
    """On any device, in any format."""

    def __init__(self, module: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> None:
        """`module` gives the geometry; `weight` and `bias` may be other than its own."""
        self.weight = weight.contiguous(memory_format=torch.channels_last)
        self.bias = bias
        self.groups = module.groups
        self._module = module
        self._kernel: Size = (weight.shape[2], weight.shape[3])
        self._stride: Size = (module.stride[0], module.stride[1])
        self._back = self._prepared_back()

    def forward(self, x: Tensor, rectifier: Rectifier = IDENTITY) -> Tensor:
        """The rectified convolution of x (1, channels, H, W)."""
        before, extra = self._padding((x.shape[2], x.shape[3]))
        if any(extra):
            x = F.pad(x, (0, extra[1], 0, extra[0]))
        return self._convolve(x.contiguous(memory_format=torch.channels_last), before, rectifier)

    def backward(
        self, gradient: Tensor, size: Size, rectifier: Rectifier, activation: Tensor | None
    ) -> Tensor:
        """The gradient with respect to an input of this height and width of what `forward` made:
        `activation`, needed where the rectifier is one."""
        if activation is not None and rectifier is not IDENTITY:
            gradient = rectifier.backward(gradient, activation)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        before, extra = self._padding(size)
        padded = (size[0] + extra[0], size[1] + extra[1])
        found = self._convolve_back(gradient, padded, before)
        return found[:, :, : size[0], : size[1]] if any(extra) else found

    def output(self, size: Size) -> Size:
        """Height and width of the output for an input of this height and width."""
        before, extra = self._padding(size)
        reach = [d * (k - 1) + 1 for d, k in zip(self._module.dilation, self._kernel, strict=True)]
        height, width = (
            (size[i] + 2 * before[i] + extra[i] - reach[i]) // self._stride[i] + 1 for i in (0, 1)
        )
        return height, width

    def narrowed(self, weight: Tensor, bias: Tensor | None) -> Convolution:
        """The same with fewer filters, to be used once."""
        return Convolution(self._module, weight, bias)

    def _padding(self, size: Size) -> tuple[Size, Size]:
        """Pixels of padding on both sides, and how many more at the far side."""
        if isinstance(self._module, SameConv2d):
            down, across = (
                same_padding(*each) for each in zip(size, self._kernel, self._stride, strict=True)
            )
            return (down[0], across[0]), (down[1], across[1])
        height, width = self._module.padding
        return (int(height), int(width)), (0, 0)

    def _across(self, padding: Size) -> Size:
        """The padding of the convolution back."""
        return self._kernel[0] - 1 - padding[0], self._kernel[1] - 1 - padding[1]

    def _prepared_back(self) -> Tensor | None:
        """The weights of the convolution back, or None where the way back is not one."""
        turns = self._stride == (1, 1) and tuple(self._module.dilation) == (1, 1)
        return _flipped(self) if turns else None

    def _convolve(self, x: Tensor, padding: Size, rectifier: Rectifier) -> Tensor:
        dilation = self._module.dilation
        y = F.conv2d(x, self.weight, self.bias, self._stride, padding, dilation, self.groups)
        return rectifier.forward(y, out=y)

    def _convolve_back(self, gradient: Tensor, size: Size, padding: Size) -> Tensor:
        if self._back is not None and min(self._across(padding)) >= 0:
            return F.conv2d(gradient, self._back, None, 1, self._across(padding), 1, self.groups)
        shape = (gradient.shape[0], self.weight.shape[1] * self.groups, *size)
        like = torch.empty(
            shape, dtype=gradient.dtype, device=gradient.device, memory_format=torch.channels_last
        )
        return torch.ops.aten.convolution_backward(
            gradient,
            like,
            self.weight,
            None,
            self._stride,
            padding,
            self._module.dilation,
            False,
            (0, 0),
            self.groups,
            (True, False, False),
        )[0]


class Pointwise(Convolution):
    """1x1 of stride 1 as one matrix product of pixels by channels, on the CPU in float32."""

    def __init__(self, module: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__(module, weight, bias)
        self._matrix = self.weight.flatten(1)  # (filters, channels)
        self._turned = self._matrix.t().contiguous()

    def _convolve(self, x: Tensor, padding: Size, rectifier: Rectifier) -> Tensor:
        pixels = x.permute(0, 2, 3, 1)
        y = pixels.new_empty(*pixels.shape[:3], self._turned.shape[1])
        flat, result = pixels.flatten(0, 2), y.view(-1, y.shape[3])
        if self.bias is None:
            torch.mm(flat, self._turned, out=result)
        else:
            torch.addmm(self.bias, flat, self._turned, out=result)
        return rectifier.forward(y, out=y).permute(0, 3, 1, 2)

    def _convolve_back(self, gradient: Tensor, size: Size, padding: Size) -> Tensor:
        pixels = gradient.permute(0, 2, 3, 1)
        return (pixels @ self._matrix).permute(0, 3, 1, 2)


class Fused(Convolution):
    """By oneDNN's own operators, which torch's compiler uses: weights reordered once, the rectifier
    in the same pass. CPU and float32."""

    def __init__(self, module: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__(module, weight, bias)
        self._ordered = _reordered(self.weight, self._stride, self.groups)

    def _prepared_back(self) -> Tensor | None:
        turned = super()._prepared_back()
        return None if turned is None else _reordered(turned, (1, 1), self.groups)

    def _convolve(self, x: Tensor, padding: Size, rectifier: Rectifier) -> Tensor:
        return _onednn(x, self._ordered, self.bias, padding, self._stride, self.groups, rectifier)

    def _convolve_back(self, gradient: Tensor, size: Size, padding: Size) -> Tensor:
        if self._back is None or min(self._across(padding)) < 0:
            return super()._convolve_back(gradient, size, padding)
        across = self._across(padding)
        return _onednn(gradient, self._back, None, across, (1, 1), self.groups, IDENTITY)


class Filtered(Convolution):
    """3x3 of stride and padding 1 by Winograd's minimal filtering, on the CPU in float32."""

    def __init__(self, module: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__(module, weight, bias)
        self._there, self._home = Winograd(self.weight, bias), Winograd(_flipped(self), None)

    def _prepared_back(self) -> None:
        return None

    def forward(self, x: Tensor, rectifier: Rectifier = IDENTITY) -> Tensor:
        return self._there(x.contiguous(memory_format=torch.channels_last), rectifier)

    def backward(
        self, gradient: Tensor, size: Size, rectifier: Rectifier, activation: Tensor | None
    ) -> Tensor:
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        return self._home(gradient, rectifier, activation)


def convolution(module: nn.Conv2d) -> Convolution:
    """The fastest way here for a convolution whose weights are where they are to be used."""
    weight, bias = module.weight.detach(), module.bias
    bias = None if bias is None else bias.detach()
    plain = tuple(module.dilation) == (1, 1)
    if weight.device.type != "cpu" or weight.dtype != torch.float32 or not plain:
        return Convolution(module, weight, bias)
    if not _onednn_works():
        return Convolution(module, weight, bias)
    single = tuple(module.stride) == (1, 1) and module.groups == 1
    if single and weight.shape[2:] == (1, 1) and tuple(module.padding) == (0, 0):
        return Pointwise(module, weight, bias)
    if single and weight.shape[2:] == (3, 3) and min(weight.shape[:2]) >= 64:
        return Filtered(module, weight, bias)
    return Fused(module, weight, bias)


def _flipped(convolution: Convolution) -> Tensor:
    """The filters whose convolution is the input gradient of this one."""
    weight, groups = convolution.weight, convolution.groups
    filters, channels, height, width = weight.shape
    grouped = weight.flip(2, 3).view(groups, filters // groups, channels, height, width)
    turned = grouped.transpose(1, 2).reshape(groups * channels, filters // groups, height, width)
    return turned.contiguous(memory_format=torch.channels_last)


_mkldnn: Any = torch.ops.mkldnn


def _reordered(weight: Tensor, stride: Size, groups: int) -> Tensor:
    height, width = weight.shape[2:]
    padding = (height // 2, width // 2)
    size = (1, weight.shape[1] * groups, 32, 32)
    return _mkldnn._reorder_convolution_weight(weight, padding, stride, (1, 1), groups, size)


def _onednn(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: Size,
    stride: Size,
    groups: int,
    rectifier: Rectifier,
) -> Tensor:
    name, bounds = "none", []
    if not rectifier.identity:
        name, bounds = (
            ("relu", []) if rectifier.ceiling is None else ("hardtanh", [0.0, rectifier.ceiling])
        )
    return _mkldnn._convolution_pointwise(
        x, weight, bias, padding, stride, (1, 1), groups, name, bounds, ""
    )


@lru_cache(maxsize=1)
def _onednn_works() -> bool:
    """Whether this build of torch and this processor have those operators."""
    if not torch.backends.mkldnn.is_available():
        return False
    x = torch.ones(1, 8, 4, 4).contiguous(memory_format=torch.channels_last)
    try:
        weight = _reordered(torch.ones(8, 8, 1, 1), (1, 1), 1)
        y = _onednn(x, weight, None, (0, 0), (1, 1), 1, Rectifier(6.0))
    except (RuntimeError, AttributeError):
        return False
    return bool((y == 6.0).all())
