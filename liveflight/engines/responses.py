"""Measure how strongly filters respond to a picture, in standard deviations over noise."""

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
"""Number of pictures of noise that a picture is compared with."""

_STD_FLOOR = 0.05
"""Least divisor, as a part of the layer's median deviation: a filter that hardly responds must not
win by the division."""


class Answers:
    """Ask a network which of its filters respond to a picture. Not for two threads at once."""

    def __init__(
        self,
        network: Network,
        layers: Sequence[str],
        size: tuple[int, int],
        weights: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Load the network and measure it on noise.

        `size`: width and height of the pictures; `weights` and `progress` as in `Network.load`.
        Raises LiveflightError for missing weights."""
        self._network = network
        self._layers = tuple(layers)
        self._module: Features = network.load(weights, progress)
        noise = [pink(size, seed, deviation=NOISE_DEVIATION)[..., :3] for seed in range(_NOISES)]
        means = [self._means(picture.astype(np.float32), self._layers) for picture in noise]
        self._noise_statistics = {
            layer: _statistics(np.stack([each[layer] for each in means])) for layer in self._layers
        }

    def ask(self, picture: np.ndarray, layers: Sequence[str] = ()) -> Mapping[str, np.ndarray]:
        """Return the responses to a picture, by layer: float32 (C,), in standard deviations.

        `picture`: float32 (H, W, 3) in 0..1. Only of these `layers`, by default all; nothing past
        the deepest of them is computed."""
        means = self._means(picture, layers or self._layers)
        return {
            layer: (mean - self._noise_statistics[layer][0]) / self._noise_statistics[layer][1]
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
    return means.mean(0), np.maximum(deviation, _STD_FLOOR * np.median(deviation) + 1e-9)
