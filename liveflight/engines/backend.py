"""What a gradient comes from: the contract of all backends, and what an objective is to them.

A backend knows networks and tensors. What a step is besides its gradient (jitter, scales,
conditioning) is the engine's, and the same for all.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from liveflight.core.noise import pink
from liveflight.networks import Network
from liveflight.networks.layered import Features

NOISE_SIZE, NOISE_DEVIATION = (192, 128), 0.22
"""The noise on which networks are measured: large enough for the deepest layers, as contrasted as a
flight."""


@dataclass(frozen=True)
class Objective:
    """What is to be excited in one layer.

    The objective is a sum over the feature map, not a mean, because 1/N underflows in half."""

    weights: Tensor
    """float32 (C,), on the CPU: how much each filter's map counts. All zero where none does."""
    whole: float = 0.0
    """How much half the squared activation of the whole layer counts: DeepDream's objective, whose
    gradient is the activation itself."""
    centre: bool = False
    """Whether of each filter's map only the middle pixel counts; `whole` is not affected."""


Excitations = Mapping[str, Objective]
"""By layer, all of one network."""


class Backend(Protocol):
    """Gradients of the networks it was given. `load` and `plan` may be called from another thread
    while `gradient` runs on what was loaded earlier."""

    def load(self, known: Network, module: Features, dtype: torch.dtype) -> torch.dtype:
        """Takes over a network, float32 on the CPU, not to be changed, to be run in `dtype`, or in
        what is returned where it cannot. A second time for the same network replaces it."""
        ...

    def plan(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> None:
        """Prepares gradients of exactly these layers together for pictures of these heights and
        widths. Slow where the runtime compiles or captures; nothing where it does not."""
        ...

    def planned(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> bool:
        """Whether `gradient` would have nothing to prepare."""
        ...

    def gradient(self, network: str, picture: Tensor, excitations: Excitations) -> Tensor:
        """How each pixel moves the objective: float32 (1, 3, H, W), like `picture` (0..1, on the
        engine's device). Takes what is not planned, too, in its own time."""
        ...

    def tidy(self) -> bool:
        """`core.contracts.Engine.tidy`."""
        ...

    def close(self) -> None: ...


def excitation(weights: Mapping[int | None, float], spread: Tensor, objective: str) -> Objective:
    """Of one layer's filters (None: the whole layer) and their weights. `spread`: float32 (C,), see
    `response_stds`; each filter is measured in it, so that weights mean the same in every layer and
    network."""
    floor = 0.01 * float(spread.median()) + 1e-12
    factors = torch.zeros_like(spread)
    whole = 0.0
    for number, weight in weights.items():
        if number is None:
            whole = weight / (max(float(spread.square().mean()), floor**2) * math.sqrt(len(spread)))
        else:
            factors[number] = weight / max(float(spread[number]), floor)
    return Objective(factors, whole, objective == "neuron")


def objective_gradient(excited: Objective, activation: Tensor) -> Tensor:
    """The objective's gradient with respect to a layer's activation (1, C, h, w), in its format."""
    weights = excited.weights.to(activation.device, activation.dtype).view(1, -1, 1, 1)
    if excited.centre:
        seeded = torch.zeros_like(activation)
        row, column = (side // 2 for side in activation.shape[-2:])
        seeded[:, :, row : row + 1, column : column + 1] = weights
    else:
        seeded = weights.expand_as(activation)
    return seeded + activation.detach() * excited.whole if excited.whole else seeded


def normalised(picture: Tensor, known: Network) -> Tensor:
    """The network's input of a picture in 0..1, float32, (N, 3, H, W)."""
    mean, deviation = (
        torch.tensor(values, device=picture.device).view(1, 3, 1, 1)
        for values in (known.mean, known.std)
    )
    return (picture - mean) / deviation


@torch.no_grad()
def response_stds(known: Network, module: Features) -> dict[str, Tensor]:
    """Each filter's standard deviation over two pictures of noise, by layer: float32 (C,), on the
    CPU."""
    return {name: spread for name, (spread, _) in responses(known, module).items()}


@torch.no_grad()
def responses(known: Network, module: Features) -> dict[str, tuple[Tensor, np.ndarray]]:
    """By layer, each filter's spread (see `response_stds`) and where in the noise it answers, as float32
    (C, 32): its signature, mean 0 and length 1, of which the product of two filters' is how alike
    they are, -1..1. All 0 of a filter that answers alike everywhere."""
    noise = np.stack([pink(NOISE_SIZE, seed, deviation=NOISE_DEVIATION) for seed in (1, 2)])
    pictures = torch.from_numpy(noise)[..., :3].permute(0, 3, 1, 2).float()
    inputs = normalised(pictures, known).contiguous(memory_format=torch.channels_last)
    activations = module(inputs, [layer.name for layer in known.layers])
    return {
        name: (activation.float().std((0, 2, 3)), _signature(activation.float()))
        for name, activation in activations.items()
    }


def _signature(activation: Tensor) -> np.ndarray:
    places = functional.adaptive_avg_pool2d(activation, 4).permute(1, 0, 2, 3).flatten(1)
    centred = places - places.mean(1, keepdim=True)
    return np.asarray(functional.normalize(centred, dim=1).numpy())
