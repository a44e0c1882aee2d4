"""What networks are to those that run them, and the form that most of ours have: a row of named
stages, run only as deep as is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from liveflight.core.contracts import LiveflightError


class Features(nn.Module, ABC):
    """A network that answers with the activations of its layers."""

    @abstractmethod
    def forward(self, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """The activations of `layers` for a normalised x, (N, 3, H, W), each (N, channels, H', W').

        Nothing past the deepest of them is computed. Raises KeyError for an unknown name."""


class Layered(Features):
    """Stages run one after the other; the output of each is the layer of its name.

    `skips` names, for a stage with a residual connection, the earlier layer that is added to
    its output.
    """

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
    """A convolution padded as TensorFlow's SAME: ceil(size / stride) output pixels, and where the
    padding is odd the extra row or column at the bottom or right. For stride 2 that depends on the
    picture's size, so it is found anew for each."""

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
    """How many pixels of padding on both sides, and how many more (0 or 1) at the far side."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total % 2


def load_parameters(module: Layered, parameters: Mapping[str, Tensor], path: Path) -> Layered:
    """Gives the module its parameters, named `layer...weight` and `layer...bias`, all float32, and
    freezes it. Raises LiveflightError naming `path` where a value is NaN or infinite."""
    refuse_infinite(parameters, path)
    module.load_state_dict(
        {f"stages.{name}": value for name, value in parameters.items()}, assign=True
    )
    return module.requires_grad_(False).eval()


def refuse_infinite(parameters: Mapping[str, Tensor], path: Path) -> None:
    """Raises LiveflightError naming `path` where a value is NaN or infinite."""
    for name, value in parameters.items():
        if not torch.isfinite(value).all():
            raise LiveflightError(
                f"{path} holds values that are not finite, in {name}: get the file anew"
            )
