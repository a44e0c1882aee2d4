"""The backend that is fastest on this machine, network by network: what `auto` takes on a CPU."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from liveflight.core.noise import pink
from liveflight.engines import autotuning
from liveflight.engines.backend import NOISE_SIZE, Backend, Excitations, excitation
from liveflight.networks import Network
from liveflight.networks.layered import Features

log = logging.getLogger("liveflight.engines")


@dataclass
class _Candidate:
    """One backend that a network is tried on, made and loaded at first use."""

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
    """Seconds that a gradient of the network took by each of these, as measured for an earlier
    flight on this machine; empty where there was none."""
    return autotuning.here().times(_question(network, backends))


def _question(network: str, backends: Collection[str]) -> str:
    return f"gradient of {network} by {', '.join(backends)}"


class FastestBackend:
    """`engines.backend.Backend` that gives each network to whichever of `backends`, by name, takes
    its gradient in the shortest time: measured once, then remembered for the machine. One that
    fails is passed over, with a line in the log."""

    def __init__(self, backends: Mapping[str, Callable[[], Backend]]) -> None:
        self._backends = dict(backends)
        self._chosen: dict[str, Backend] = {}

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
                self._chosen[known.name] = candidates[name].loaded()
                return candidates[name].dtype
            except Exception as error:  # remembered as the fastest, and broken since
                if name == ranked[-1]:
                    raise
                log.warning("%s cannot be flown by %s: %s", known.name, name, error)
        raise AssertionError("there is always a backend")

    def plan(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> None:
        self._chosen[network].plan(network, layers, sizes)

    def planned(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> bool:
        return self._chosen[network].planned(network, layers, sizes)

    def gradient(self, network: str, picture: Tensor, excitations: Excitations) -> Tensor:
        return self._chosen[network].gradient(network, picture, excitations)

    def tidy(self) -> bool:
        # Each of them; another thread may add one.
        return any([backend.tidy() for backend in list(self._chosen.values())])

    def close(self) -> None:
        while self._chosen:
            self._chosen.popitem()[1].close()
