"""Compute a network's gradient by autograd, as a fixed sequence of operations.

For networks without a hand-written backward pass: does what `torch.backend.PreparedNetwork` and
`cuda.program.StaticProgram` do for others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from liveflight.engines.cuda.program import ObjectiveBuffers
from liveflight.networks import Network
from liveflight.networks.layered import Features


class AutogradProgram:
    """Run some layers of a network together."""

    def __init__(
        self, known: Network, module: Features, dtype: torch.dtype, layers: Collection[str]
    ) -> None:
        """Take a `module` that is on its device, in `dtype`."""
        device = next(module.parameters()).device
        self._module, self._dtype = module, dtype
        self._layers = [layer.name for layer in known.layers if layer.name in layers]
        self._mean, self._deviation = (
            torch.tensor(values, device=device).view(1, 3, 1, 1)
            for values in (known.mean, known.std)
        )

    @property
    def deepest(self) -> str:
        """Return the deepest layer's name."""
        return self._layers[-1]

    def preprocess(self, picture: Tensor) -> Tensor:
        """Return the network's input, as `torch.backend.PreparedNetwork.preprocess` does."""
        inputs = (picture - self._mean) / self._deviation
        return inputs.to(self._dtype, memory_format=torch.channels_last)

    def postprocess(self, gradient: Tensor) -> Tensor:
        """Return the pictures' gradients, as `torch.backend.PreparedNetwork.postprocess` does."""
        return gradient.to(torch.float32, memory_format=torch.contiguous_format) / self._deviation

    def run(self, x: Tensor, objectives: Mapping[str, ObjectiveBuffers], narrow: bool) -> Tensor:
        """Return the gradient, as `cuda.program.StaticProgram.run` does. `narrow` is ignored."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            activations = self._module(x, self._layers)
        outputs = [activations[layer] for layer in self._layers]
        gradients = [
            objectives[layer].gradient(activations[layer].detach()) for layer in self._layers
        ]
        (gradient,) = torch.autograd.grad(outputs, x, gradients)
        return gradient
