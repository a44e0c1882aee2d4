"""Run networks without hand-derived gradients by autograd, all others by a faster backend."""

from __future__ import annotations

import torch

from liveflight.engines.autograd import AutogradBackend
from liveflight.engines.backend import Backend, RoutedBackend
from liveflight.networks import Network
from liveflight.networks.layered import Features, Layered


class FallbackBackend(RoutedBackend):
    """Give networks that are a row of stages to `backend`, and graphs to `autograd`."""

    def __init__(self, backend: Backend, device: torch.device) -> None:
        super().__init__()
        self._backend, self.autograd = backend, AutogradBackend(device)

    def load(self, known: Network, module: Features, dtype: torch.dtype) -> torch.dtype:
        chosen = self._backend if isinstance(module, Layered) else self.autograd
        self._routes[known.name] = chosen
        return chosen.load(known, module, dtype)

    def by_autograd(self, network: str) -> bool:
        return self._routes[network] is self.autograd
