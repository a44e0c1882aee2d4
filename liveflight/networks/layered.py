"""Define the module that a network loads, and its usual form: named stages in sequence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from liveflight.core.contracts import LiveflightError


class Features(nn.Module, ABC):
    """Compute the activations of a network's layers."""

    @abstractmethod
    def forward(self, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return the activations of `layers`, each (N, channels, H', W').

        `x`: normalised, (N, 3, H, W). Nothing past the deepest layer is computed. Raises KeyError
        for an unknown name."""


class Layered(Features):
    """Run stages one after the other; the output of each is the layer of its name.

    `skips` names, for a stage with a residual connection, the earlier layer that is added to
    its output."""

    def __init__(
        self, stages: Mapping[str, nn.Module], skips: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleDict(dict(stages))
        self.skips = dict(skips or {})

    def forward(self, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        pending = set(layers)
        if unknown := pending - set(self.stages):
            raise KeyError(f"no such layers: {sorted(unknown)}")
        keep = pending | set(self.skips.values())
        kept: dict[str, Tensor] = {}
        for name, stage in self.stages.items():
            if not pending:
                break
            x = stage(x)
            if name in self.skips:
                x = x + kept[self.skips[name]]
            if name in keep:
                kept[name] = x
            pending.discard(name)
        return {name: kept[name] for name in layers}


class SameConv2d(nn.Conv2d):
    """Convolve with TensorFlow's SAME padding: ceil(size / stride) output pixels.

    Where the padding is odd, the extra row or column is at the bottom or right. For stride 2 that
    depends on the picture's size, so it is computed for each."""

    def forward(self, x: Tensor) -> Tensor:
        before_h, extra_h = same_padding(x.shape[2], self.kernel_size[0], self.stride[0])
        before_w, extra_w = same_padding(x.shape[3], self.kernel_size[1], self.stride[1])
        if extra_h or extra_w:
            x = functional.pad(x, (0, extra_w, 0, extra_h))
        padding = (before_h, before_w)
        return functional.conv2d(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the pixels of padding on both sides, and how many more (0 or 1) at the far side."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total % 2


def load_parameters(module: Layered, parameters: Mapping[str, Tensor], path: Path) -> Layered:
    """Give the module its parameters, all float32, freeze it, and return it.

    They are named `layer...weight` and `layer...bias`. Raises LiveflightError naming `path` where a
    value is NaN or infinite."""
    refuse_infinite(parameters, path)
    module.load_state_dict(
        {f"stages.{name}": value for name, value in parameters.items()}, assign=True
    )
    return module.requires_grad_(False).eval()


def refuse_infinite(parameters: Mapping[str, Tensor], path: Path) -> None:
    """Raise LiveflightError naming `path` where a value is NaN or infinite."""
    for name, value in parameters.items():
        if not torch.isfinite(value).all():
            raise LiveflightError(
                f"{path} holds values that are not finite, in {name}: get the file anew"
            )
