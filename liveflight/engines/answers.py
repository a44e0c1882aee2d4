"""How strongly filters answer to a picture, in standard deviations over noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from liveflight.core.noise import pink
from liveflight.engines.backend import NOISE_DEVIATION, normalised
from liveflight.networks import Network
from liveflight.networks.layered import Features

_NOISES = 16
"""Pictures of noise that a picture is compared with."""

_FLOOR = 0.05
"""Of the median deviation: what hardly answers to anything is not to win by division."""


class Answers:
    """A network that is asked which of its filters answer to a picture. Not for two threads at
    once."""

    def __init__(self, network: Network, layers: Sequence[str], size: tuple[int, int]) -> None:
        """`size`: width and height of the pictures. Raises LiveflightError for missing weights."""
        self._network = network
        self._layers = tuple(layers)
        self._module: Features = network.load()
        noise = [pink(size, seed, deviation=NOISE_DEVIATION)[..., :3] for seed in range(_NOISES)]
        means = [self._means(picture.astype(np.float32)) for picture in noise]
        self._still = {
            layer: _statistics(np.stack([each[layer] for each in means])) for layer in self._layers
        }

    def ask(self, picture: np.ndarray) -> Mapping[str, np.ndarray]:
        """Return the answers to a picture, float32 (H, W, 3) in 0..1: by layer, float32 (C,)."""
        means = self._means(picture)
        return {
            layer: (means[layer] - still) / deviation
            for layer, (still, deviation) in self._still.items()
        }

    @torch.no_grad()
    def _means(self, picture: np.ndarray) -> Mapping[str, np.ndarray]:
        rgb = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
        inputs = normalised(rgb, self._network).contiguous(memory_format=torch.channels_last)
        found: Mapping[str, Tensor] = self._module(inputs, self._layers)
        return {layer: found[layer].mean((0, 2, 3)).numpy() for layer in self._layers}


def _statistics(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    deviation = means.std(0)
    return means.mean(0), np.maximum(deviation, _FLOOR * np.median(deviation) + 1e-9)
