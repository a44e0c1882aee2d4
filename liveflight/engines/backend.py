"""Define what every backend computes: the gradient of an objective with respect to a picture.

A backend knows networks and tensors. The rest of a step, its conditioning, is the same for all
backends, see `ascent_engine`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from liveflight.core.noise import pink
from liveflight.networks import Network
from liveflight.networks.layered import Features

NOISE_SIZE, NOISE_DEVIATION = (192, 128), 0.22
"""Width and height, and standard deviation, of the noise on which networks are measured.

Large enough for the deepest layers, and with the contrast of a picture in flight."""


@dataclass(frozen=True)
class Objective:
    """Say what to excite in one layer.

    The objective is a sum over the feature map, not a mean, because 1/N underflows in half."""

    weights: Tensor
    """float32 (C,), on the CPU: how much each filter's map counts. All zero where none does."""
    whole: float = 0.0
    """How much half the squared activation of the whole layer counts: DeepDream's objective, whose
    gradient is the activation itself."""
    centre: bool = False
    """Whether of each filter's map only the middle pixel counts; `whole` is not affected."""


Excitations = Mapping[str, Objective]
"""Objectives by layer, all of one network."""


class Backend(Protocol):
    """Compute gradients of the networks that were loaded.

    `load` and `plan` may be called from another thread while `gradient` runs on what was loaded
    earlier. `plan`, `planned` and `tidy` are those of a backend that prepares nothing."""

    def load(self, known: Network, module: Features, dtype: torch.dtype) -> torch.dtype:
        """Take over a network and return the format it will run in: `dtype`, or another.

        `module` is float32 on the CPU and must not be changed. Loading a network again replaces
        it."""
        ...

    def plan(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> None:
        """Prepare gradients of exactly these layers together at these heights and widths.

        Slow where the runtime compiles or captures."""
        return

    def planned(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> bool:
        """Return whether `gradient` would have nothing to prepare."""
        return True

    def gradient(self, network: str, picture: Tensor, excitations: Excitations) -> Tensor:
        """Return how each pixel moves the objective: float32 (1, 3, H, W), like `picture`.

        `picture` is in 0..1, on the engine's device. What was not planned is prepared now."""
        ...

    def tidy(self) -> bool:
        """Do as `core.contracts.Engine.tidy`."""
        return False

    def close(self) -> None: ...


class RoutedBackend(Backend):
    """Pass each network's calls to the backend that loaded it: see `load` of the subclasses."""

    def __init__(self) -> None:
        self._routes: dict[str, Backend] = {}

    def plan(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> None:
        self._routes[network].plan(network, layers, sizes)

    def planned(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> bool:
        return self._routes[network].planned(network, layers, sizes)

    def gradient(self, network: str, picture: Tensor, excitations: Excitations) -> Tensor:
        return self._routes[network].gradient(network, picture, excitations)

    def tidy(self) -> bool:
        # All backends have their turn. The list: another thread may add one.
        return any([backend.tidy() for backend in set(list(self._routes.values()))])

    def close(self) -> None:
        while self._routes:
            self._routes.popitem()[1].close()


def excitation(
    weights: Mapping[int | None, float], response_stds: Tensor, objective: str
) -> Objective:
    """Return the objective of one layer's filters (None: the whole layer) and their weights.

    `response_stds`: float32 (C,), as `responses` measures them. Each filter counts in units of its
    own, so that weights mean the same in every layer and network."""
    floor = 0.01 * float(response_stds.median()) + 1e-12
    factors = torch.zeros_like(response_stds)
    whole = 0.0
    for number, weight in weights.items():
        if number is None:
            variance = float(response_stds.square().mean())
            whole = weight / (max(variance, floor**2) * math.sqrt(len(response_stds)))
        else:
            factors[number] = weight / max(float(response_stds[number]), floor)
    return Objective(factors, whole, objective == "neuron")


def objective_gradient(excited: Objective, activation: Tensor) -> Tensor:
    """Return the objective's gradient with respect to a layer's activation.

    Both are (1, C, h, w), of the same format."""
    weights = excited.weights.to(activation.device, activation.dtype).view(1, -1, 1, 1)
    if excited.centre:
        gradient = torch.zeros_like(activation)
        row, column = (side // 2 for side in activation.shape[-2:])
        gradient[:, :, row : row + 1, column : column + 1] = weights
    else:
        gradient = weights.expand_as(activation)
    return gradient + activation.detach() * excited.whole if excited.whole else gradient


def normalised(picture: Tensor, known: Network) -> Tensor:
    """Return the network's input for a picture in 0..1: float32, (N, 3, H, W)."""
    mean, deviation = (
        torch.tensor(values, device=picture.device).view(1, 3, 1, 1)
        for values in (known.mean, known.std)
    )
    return (picture - mean) / deviation


@torch.no_grad()
def responses(known: Network, module: Features) -> dict[str, tuple[Tensor, np.ndarray]]:
    """Return, by layer, how each filter responds to two pictures of noise.

    First its standard deviation: float32 (C,), on the CPU. Second its signature, where in the noise
    it responds: float32 (C, 32), each row of mean 0 and length 1, so that the product of two rows
    is how alike the filters are, -1..1. A filter that responds alike everywhere has all 0."""
    noise = np.stack([pink(NOISE_SIZE, seed, deviation=NOISE_DEVIATION) for seed in (1, 2)])
    pictures = torch.from_numpy(noise)[..., :3].permute(0, 3, 1, 2).float()
    inputs = normalised(pictures, known).contiguous(memory_format=torch.channels_last)
    activations = module(inputs, [layer.name for layer in known.layers])
    return {
        name: (activation.float().std((0, 2, 3)), _signature(activation.float()))
        for name, activation in activations.items()
    }


def _signature(activation: Tensor) -> np.ndarray:
    places = F.adaptive_avg_pool2d(activation, 4).permute(1, 0, 2, 3).flatten(1)
    centred = places - places.mean(1, keepdim=True)
    return np.asarray(F.normalize(centred, dim=1).numpy())
