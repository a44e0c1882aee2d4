"""Gradients by torch's autograd: the reference that every other backend is tested against."""

from __future__ import annotations

import copy
from collections.abc import Collection

import torch
from torch import Tensor

from liveflight.engines.backend import Excitations, normalised, objective_gradient
from liveflight.networks import Network
from liveflight.networks.layered import Features


class AutogradBackend:
    """`engines.backend.Backend`: frozen weights, channels-last, nothing past the deepest layer in
    use computed."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._networks: dict[str, tuple[Network, Features, torch.dtype]] = {}

    def load(self, known: Network, module: Features, dtype: torch.dtype) -> torch.dtype:
        module = copy.deepcopy(module).to(self._device, dtype)
        self._networks[known.name] = (known, module.to(memory_format=torch.channels_last), dtype)
        return dtype

    def loaded(self, network: str) -> tuple[Network, Features, torch.dtype]:
        """A network that was loaded, its module on the device, and the format of that."""
        return self._networks[network]

    def plan(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> None:
        """There is nothing to prepare."""

    def planned(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> bool:
        return True

    @torch.enable_grad()
    def gradient(self, network: str, picture: Tensor, excitations: Excitations) -> Tensor:
        known, module, dtype = self._networks[network]
        picture = picture.detach().requires_grad_(True)
        inputs = normalised(picture, known).to(dtype).contiguous(memory_format=torch.channels_last)
        activations = module(inputs, list(excitations))
        seeds = [
            objective_gradient(excited, activations[layer])
            for layer, excited in excitations.items()
        ]
        outputs = [activations[layer] for layer in excitations]
        (gradient,) = torch.autograd.grad(outputs, picture, seeds)
        return gradient

    def tidy(self) -> bool:
        return False  # plans leave nothing behind

    def close(self) -> None:
        self._networks.clear()
