"""Choose the backend that is fastest on this machine, network by network: `auto` on a CPU."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from liveflight.core.noise import pink
from liveflight.engines import autotuning
from liveflight.engines.backend import NOISE_SIZE, Backend, RoutedBackend, excitation
from liveflight.networks import Network
from liveflight.networks.layered import Features

log = logging.getLogger("liveflight.engines")


@dataclass
class _Candidate:
    """Try one backend on a network; make and load it at first use."""

    make: Callable[[], Backend]
    known: Network
    module: Features
    dtype: torch.dtype
    backend: Backend | None = None

    def loaded(self) -> Backend:
        if self.backend is None:
            backend = self.make()
            self.dtype = backend.load(self.known, self.module, self.dtype)
            self.backend = backend
        return self.backend

    def step(self) -> Tensor:
        layer = self.known.layers[len(self.known.layers) * 3 // 4]
        picture = torch.from_numpy(pink(NOISE_SIZE, 4)[..., :3]).float().permute(2, 0, 1)[None]
        excited = {layer.name: excitation({0: 1.0}, torch.ones(layer.channels), "channel")}
        return self.loaded().gradient(self.known.name, picture.contiguous(), excited)


def remembered(network: str, backends: Collection[str]) -> autotuning.Times:
    """Return the seconds that each of these backends took for a gradient of the network.

    As measured for an earlier flight on this machine; empty where there was none."""
    return autotuning.timings().times(_question(network, backends))


def _question(network: str, backends: Collection[str]) -> str:
    return f"gradient of {network} by {', '.join(backends)}"


class FastestBackend(RoutedBackend):
    """Give each network to whichever backend takes its gradient in the shortest time.

    Measured once, then remembered for the machine. A backend that fails is passed over, with a line
    in the log."""

    def __init__(self, backends: Mapping[str, Callable[[], Backend]]) -> None:
        super().__init__()
        self._backends = dict(backends)

    def load(self, known: Network, module: Features, dtype: torch.dtype) -> torch.dtype:
        candidates = {
            name: _Candidate(make, known, module, dtype) for name, make in self._backends.items()
        }
        best = autotuning.fastest(
            _question(known.name, candidates),
            {name: candidate.step for name, candidate in candidates.items()},
        )
        ranked = [best, *(name for name in candidates if name != best)]
        for name in ranked:
            try:
                candidates[name].step()
                self._routes[known.name] = candidates[name].loaded()
                return candidates[name].dtype
            except Exception as error:  # remembered as the fastest, and broken since
                if name == ranked[-1]:
                    raise
                log.warning("%s cannot be flown by %s: %s", known.name, name, error)
        raise AssertionError("there is always a backend")
