"""Compute gradients by torch's autograd: the reference for every other backend's tests."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from liveflight.engines.backend import Backend, Excitations, normalised, objective_gradient
from liveflight.networks import Network
from liveflight.networks.layered import Features


class AutogradBackend(Backend):
    """Run networks with frozen weights, channels-last, as far as the deepest layer in use."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._networks: dict[str, tuple[Network, Features, torch.dtype]] = {}

    def load(self, known: Network, module: Features, dtype: torch.dtype) -> torch.dtype:
        module = copy.deepcopy(module).to(self._device, dtype)
        self._networks[known.name] = (known, module.to(memory_format=torch.channels_last), dtype)
        return dtype

    def loaded(self, network: str) -> tuple[Network, Features, torch.dtype]:
        """Return a network that was loaded, its module on the device, and the module's format."""
        return self._networks[network]

    @torch.enable_grad()
    def gradient(self, network: str, picture: Tensor, excitations: Excitations) -> Tensor:
        known, module, dtype = self._networks[network]
        picture = picture.detach().requires_grad_(True)
        inputs = normalised(picture, known).to(dtype).contiguous(memory_format=torch.channels_last)
        activations = module(inputs, list(excitations))
        outputs = [activations[layer] for layer in excitations]
        gradients = [
            objective_gradient(excited, activations[layer])
            for layer, excited in excitations.items()
        ]
        (gradient,) = torch.autograd.grad(outputs, picture, gradients)
        return gradient

    def close(self) -> None:
        self._networks.clear()
