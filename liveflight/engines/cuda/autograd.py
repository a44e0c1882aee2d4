"""A network's gradient by autograd as one fixed row of operations, for networks whose way back is
not derived by hand: what `derived.Prepared` and `static_program.StaticProgram` are to others."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from liveflight.engines.cuda.program import Excited
from liveflight.networks import Network
from liveflight.networks.layered import Features


class Differentiated:
    """Some layers of a network together."""

    def __init__(
        self, known: Network, module: Features, dtype: torch.dtype, layers: Collection[str]
    ) -> None:
        """`module`: on its device, in `dtype`."""
        device = next(module.parameters()).device
        self._module, self._dtype = module, dtype
        self._layers = [layer.name for layer in known.layers if layer.name in layers]
        self._mean, self._deviation = (
            torch.tensor(values, device=device).view(1, 3, 1, 1)
            for values in (known.mean, known.std)
        )

    @property
    def deepest(self) -> str:
        return self._layers[-1]

    def enter(self, picture: Tensor) -> Tensor:
        """See `derived.Prepared.enter`."""
        inputs = (picture - self._mean) / self._deviation
        return inputs.to(self._dtype, memory_format=torch.channels_last)

    def leave(self, gradient: Tensor) -> Tensor:
        """See `derived.Prepared.leave`."""
        return gradient.to(torch.float32, memory_format=torch.contiguous_format) / self._deviation

    def run(self, x: Tensor, excited: Mapping[str, Excited], narrow: bool) -> Tensor:
        """See `static_program.StaticProgram.run`; no filter is left out."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            activations = self._module(x, self._layers)
        seeds = []
        for layer in self._layers:
            activation, buffers = activations[layer].detach(), excited[layer]
            whole = activation * buffers.whole.to(activation.dtype)
            seeds.append(buffers.seed(activation, buffers.weights) + whole)
        outputs = [activations[layer] for layer in self._layers]
        (gradient,) = torch.autograd.grad(outputs, x, seeds)
        return gradient
