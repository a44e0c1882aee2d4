"""Ascent by torch's autograd, on CUDA (half), MPS (half where it agrees with float32) and CPU
(bfloat16 or float32).

The reference engine: frozen weights, channels-last, nothing past the deepest layer in use computed.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from liveflight import networks
from liveflight.core.contracts import Ascent, Canvas, Mix
from liveflight.core.noise import pink
from liveflight.engines import conditioning, devices

log = logging.getLogger("liveflight.engines")

_SMALLEST = 48
"""Pixels below which no side of what the network sees is scaled down: deep layers would have
nothing left."""


@dataclass(frozen=True)
class _Prepared:
    """A network ready to be ascended."""

    module: nn.Module
    mean: Tensor
    deviation: Tensor
    dtype: torch.dtype
    spread: dict[str, Tensor]
    """Per layer, each filter's standard deviation over noise: float32 (C,), on the CPU."""


class TorchEngine:
    """`core.contracts.Engine` on torch. `device` is auto, cuda, mps or cpu."""

    def __init__(self, device: str = "auto", seed: int = 0, weights: Path | None = None) -> None:
        self._device = devices.choose(device)
        self.device = self._device.type
        self._weights = weights
        self._prepared: dict[str, _Prepared] = {}
        self._rng = np.random.default_rng(seed)
        self._noise = torch.Generator().manual_seed(seed)

    def prepare(self, network: str) -> None:
        if network in self._prepared:
            return
        known = networks.network(network)
        module = known.load(self._weights)
        self._weights = None
        dtype = devices.precision(self._device, known.dense)
        module = module.to(self._device, dtype).to(memory_format=torch.channels_last)
        mean, deviation = (
            torch.tensor(values, device=self._device).view(1, 3, 1, 1)
            for values in (known.mean, known.std)
        )
        prepared = _Prepared(module, mean, deviation, dtype, {})
        prepared.spread.update(_spread(prepared, [layer.name for layer in known.layers]))
        self._prepared[known.name] = prepared

    def ready(self, network: str) -> bool:
        return network in self._prepared

    def precision(self, network: str) -> str:
        return str(self._prepared[network].dtype).removeprefix("torch.")

    def living(self, network: str, layer: str) -> list[int]:
        spread = self._prepared[network].spread[layer]
        return torch.nonzero(spread > 0.05 * spread.median()).flatten().tolist()

    def ascend(self, canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        picture = _to_picture(canvas, self._device)
        for _ in range(ascent.steps):
            picture = picture + self._step(picture, mix, ascent) * (ascent.amount / ascent.steps)
        picture = conditioning.soften(picture, ascent.soften)
        picture = conditioning.add_noise(picture, ascent.noise, self._noise)
        picture = conditioning.hold(picture, ascent.brightness, ascent.contrast, ascent.pull)
        if not bool(torch.isfinite(picture).all()):
            raise FloatingPointError(f"the ascent of {' + '.join(map(str, mix))} is not finite")
        return _to_canvas(picture.clamp(0.0, 1.0))

    def close(self) -> None:
        self._prepared.clear()

    def _step(self, picture: Tensor, mix: Mix, ascent: Ascent) -> Tensor:
        """The conditioned direction of one step: float32 (1, 3, H, W), RMS 1 where normalised."""
        shift = tuple(int(way) for way in self._rng.integers(0, ascent.jitter + 1, 2))
        scale = 2.0 ** -self._rng.uniform(0.0, ascent.octaves) if ascent.octaves else 1.0
        seen = torch.roll(picture, shift, (2, 3))
        gradient = self.gradient(seen, mix, ascent.objective, scale)
        gradient = torch.roll(gradient, (-shift[0], -shift[1]), (2, 3))
        gradient = conditioning.decorrelate(gradient, ascent.decorrelation)
        gradient = conditioning.smooth(gradient, ascent.smoothing, ascent.decorrelation)
        return conditioning.normalise(gradient) if ascent.normalise else gradient

    def gradient(self, picture: Tensor, mix: Mix, objective: str, scale: float = 1.0) -> Tensor:
        """How each pixel moves the mix: float32 (1, 3, H, W), like `picture`.

        The objective is a sum over the feature map, not a mean, because 1/N underflows in half.
        Each filter is measured in its own standard deviations over noise, so that weights mean the
        same in every layer and network."""
        picture = picture.detach().requires_grad_(True)
        seen = _scaled(picture, scale)
        outputs: list[Tensor] = []
        seeds: list[Tensor] = []
        for network, layers in _grouped(mix).items():
            prepared = self._prepared[network]
            inputs = (seen - prepared.mean) / prepared.deviation
            inputs = inputs.to(prepared.dtype).contiguous(memory_format=torch.channels_last)
            activations = prepared.module(inputs, list(layers))
            for layer, weights in layers.items():
                outputs.append(activations[layer])
                seeds.append(_seed(activations[layer], weights, prepared.spread[layer], objective))
        (gradient,) = torch.autograd.grad(outputs, picture, seeds)
        return gradient


def _to_picture(canvas: Canvas, device: torch.device) -> Tensor:
    rgb = torch.from_numpy(canvas).to(device)[..., :3]  # (H, W, 3)
    return rgb.to(torch.float32).permute(2, 0, 1)[None].contiguous()


def _to_canvas(picture: Tensor) -> Canvas:
    rgb = picture[0].permute(1, 2, 0)  # (H, W, 3)
    canvas = torch.ones((*rgb.shape[:2], 4), dtype=torch.float16, device=picture.device)
    canvas[..., :3] = rgb
    return canvas.cpu().numpy()


def _scaled(picture: Tensor, scale: float) -> Tensor:
    """The picture at `scale` times its size, each side at least `_SMALLEST`, antialiased."""
    height, width = picture.shape[-2:]
    scale = max(scale, min(1.0, _SMALLEST / min(height, width)))
    if scale == 1.0:
        return picture
    size = (round(height * scale), round(width * scale))
    return F.interpolate(picture, size, mode="bilinear", align_corners=False, antialias=True)


def _grouped(mix: Mix) -> dict[str, dict[str, dict[int | None, float]]]:
    """network -> layer -> filter -> weight."""
    groups: dict[str, dict[str, dict[int | None, float]]] = defaultdict(lambda: defaultdict(dict))
    for target, weight in mix.items():
        groups[target.network][target.layer][target.filter] = weight
    return groups


def _seed(
    activation: Tensor, weights: dict[int | None, float], spread: Tensor, objective: str
) -> Tensor:
    """The gradient of the objective with respect to one layer's activation (1, C, h, w), in its
    format."""
    seed = torch.zeros_like(activation)
    floor = 0.01 * float(spread.median()) + 1e-12
    for number, weight in weights.items():
        if number is None:
            # The whole-layer L2 objective of DeepDream: its gradient is the activation itself.
            typical = max(float(spread.square().mean()), floor**2) * math.sqrt(len(spread))
            seed += activation.detach() * (weight / typical)
        else:
            where = _centre(activation) if objective == "neuron" else (slice(None), slice(None))
            seed[:, number, where[0], where[1]] += weight / max(float(spread[number]), floor)
    return seed


def _centre(activation: Tensor) -> tuple[slice, slice]:
    row, column = activation.shape[-2] // 2, activation.shape[-1] // 2
    return slice(row, row + 1), slice(column, column + 1)


@torch.no_grad()
def _spread(prepared: _Prepared, layers: list[str]) -> dict[str, Tensor]:
    """Each filter's standard deviation over two pictures of noise, per layer: float32 (C,)."""
    noise = np.stack([pink((192, 128), seed, deviation=0.22) for seed in (1, 2)])
    pictures = torch.from_numpy(noise).to(prepared.mean.device)[..., :3].permute(0, 3, 1, 2)
    inputs = ((pictures.float() - prepared.mean) / prepared.deviation).to(prepared.dtype)
    activations = prepared.module(inputs.contiguous(memory_format=torch.channels_last), layers)
    return {
        name: activation.float().std((0, 2, 3)).cpu() for name, activation in activations.items()
    }
