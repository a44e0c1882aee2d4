"""How strongly filters answer to a picture, in standard deviations over noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from liveflight.core.contracts import Progress
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

    def __init__(
        self,
        network: Network,
        layers: Sequence[str],
        size: tuple[int, int],
        weights: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        """`size`: width and height of the pictures; `weights` and `progress` as `Network.load` has
        them. Raises LiveflightError for missing weights."""
        self._network = network
        self._layers = tuple(layers)
        self._module: Features = network.load(weights, progress)
        noise = [pink(size, seed, deviation=NOISE_DEVIATION)[..., :3] for seed in range(_NOISES)]
        means = [self._means(picture.astype(np.float32), self._layers) for picture in noise]
        self._still = {
            layer: _statistics(np.stack([each[layer] for each in means])) for layer in self._layers
        }

    def ask(self, picture: np.ndarray, layers: Sequence[str] = ()) -> Mapping[str, np.ndarray]:
        """Return the answers to a picture, float32 (H, W, 3) in 0..1: by layer, float32 (C,), of
        these `layers`, by default all. Nothing past the deepest of them is computed."""
        means = self._means(picture, layers or self._layers)
        return {
            layer: (mean - self._still[layer][0]) / self._still[layer][1]
            for layer, mean in means.items()
        }

    @torch.no_grad()
    def _means(self, picture: np.ndarray, layers: Sequence[str]) -> Mapping[str, np.ndarray]:
        rgb = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
        inputs = normalised(rgb, self._network).contiguous(memory_format=torch.channels_last)
        found: Mapping[str, Tensor] = self._module(inputs, layers)
        return {layer: found[layer].mean((0, 2, 3)).numpy() for layer in layers}


def _statistics(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    deviation = means.std(0)
    return means.mean(0), np.maximum(deviation, _FLOOR * np.median(deviation) + 1e-9)
