"""Count the arithmetic of one ascent step from the shapes of its convolutions.

Counted are the forward pass and the gradient with respect to the input, which is as much work
again. Both count as direct convolutions with two operations (a multiplication and an addition) per
weight and output position. Not counted are weight gradients, which no step needs, and activations,
pooling and conditioning, which are small. Savings are not subtracted: an implementation may compute
fewer filters of the last layer or use a transform such as Winograd's, so that its share of a matmul
rate may exceed 100 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from liveflight.core.contracts import Size

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class CountedConvolution:
    """The shape of one convolution that a step runs."""

    inputs: int
    outputs: int
    kernel: tuple[int, int]
    groups: int
    size: Size
    """Of the output."""

    @property
    def multiplications(self) -> int:
        """Return the multiplications of the forward pass."""
        taps = self.kernel[0] * self.kernel[1] * (self.inputs // self.groups)
        return taps * self.outputs * self.size[0] * self.size[1]


def step_flops(convolutions: Sequence[CountedConvolution]) -> int:
    """Return the operations of one step: two per multiplication, forward and backward."""
    return 4 * sum(each.multiplications for each in convolutions)


def convolutions_to(module: nn.Module, layer: str, size: Size) -> list[CountedConvolution]:
    """Return the convolutions that `module` runs for a layer on a picture of this width and height.

    `module` is a `networks.layered.Layered`. It is moved to torch's meta device, where nothing is
    computed, and stays there."""
    import torch
    from torch import nn

    found: list[CountedConvolution] = []

    def seen(each: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(each, nn.Conv2d)
        found.append(
            CountedConvolution(
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
