"""How much arithmetic one ascent step is, counted from the shapes of its convolutions.

Counted are the forward pass and the gradient with respect to the input, which is as much work
again, both as direct convolutions with two operations (a multiplication and an addition) per
weight and place. Not counted: weight gradients, which no step needs; activations, pooling and
conditioning, which are small; and what an implementation saves by computing fewer filters of the
last layer or by a transform such as Winograd's, so that its share of a matmul rate may exceed
100 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Convolution:
    inputs: int
    outputs: int
    kernel: tuple[int, int]
    groups: int
    size: tuple[int, int]
    """Width and height of what comes out."""

    @property
    def multiplications(self) -> int:
        taps = self.kernel[0] * self.kernel[1] * (self.inputs // self.groups)
        return taps * self.outputs * self.size[0] * self.size[1]


def step_flops(convolutions: Sequence[Convolution]) -> int:
    """Operations of one step: two per multiplication, forward and back."""
    return 4 * sum(each.multiplications for each in convolutions)


def convolutions_to(module: nn.Module, layer: str, size: tuple[int, int]) -> list[Convolution]:
    """Those a `networks.layered.Layered` runs for this layer on a picture of this width and height.
    The module is moved to torch's meta device, where nothing is computed, and stays there."""
    import torch
    from torch import nn

    found: list[Convolution] = []

    def seen(each: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(each, nn.Conv2d)
        found.append(
            Convolution(
                each.in_channels,
                each.out_channels,
                (each.kernel_size[0], each.kernel_size[1]),
                each.groups,
                (output.shape[3], output.shape[2]),
            )
        )

    module = module.to("meta")
    hooks = [
        each.register_forward_hook(seen) for each in module.modules() if isinstance(each, nn.Conv2d)
    ]
    module(torch.empty(1, 3, size[1], size[0], device="meta"), [layer])
    for hook in hooks:
        hook.remove()
    return found
