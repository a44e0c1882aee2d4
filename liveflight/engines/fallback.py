"""What flies networks whose way back is not derived by hand: autograd, beside a faster backend."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from liveflight.engines.autograd import AutogradBackend
from liveflight.engines.backend import Backend, Excitations
from liveflight.networks import Network
from liveflight.networks.layered import Features, Layered


class FallbackBackend:
    """`engines.backend.Backend` that gives rows of stages to `backend`, the rest to autograd."""

    def __init__(self, backend: Backend, device: torch.device) -> None:
        self._backend, self.autograd = backend, AutogradBackend(device)
        self._graphs: set[str] = set()

    def load(self, known: Network, module: Features, dtype: torch.dtype) -> torch.dtype:
        if not isinstance(module, Layered):
            self._graphs.add(known.name)
        return self._of(known.name).load(known, module, dtype)

    def plan(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> None:
        self._of(network).plan(network, layers, sizes)

    def planned(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> bool:
        return self._of(network).planned(network, layers, sizes)

    def gradient(self, network: str, picture: Tensor, excitations: Excitations) -> Tensor:
        return self._of(network).gradient(network, picture, excitations)

    def tidy(self) -> bool:
        return self._backend.tidy()

    def close(self) -> None:
        self._backend.close()
        self.autograd.close()

    def by_autograd(self, network: str) -> bool:
        return network in self._graphs

    def _of(self, network: str) -> Backend:
        return self.autograd if self.by_autograd(network) else self._backend
