"""Ascent by torch's autograd, on CUDA (half), MPS (half where it agrees with float32) and CPU
(bfloat16 or float32).

The reference engine: frozen weights, channels-last, nothing past the deepest layer in use computed.
"""

from __future__ import annotations

import copy
import logging
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from liveflight import networks
from liveflight.core.contracts import Ascent, Canvas, Mix, Progress, Target
from liveflight.core.noise import pink
from liveflight.engines import conditioning, devices
from liveflight.networks import Network

log = logging.getLogger("liveflight.engines")

_SMALLEST = 48
"""Pixels below which no side of what the network sees is scaled down: deep layers would have
nothing left."""

_SIZES = 8
"""How many sizes `Ascent.octaves` chooses from. Convolutions are planned, on some devices compiled,
anew for each size: among sizes without end most steps would wait for that, and the plans would pile
up."""

_NOISE_SIZE, _NOISE_DEVIATION = (192, 128), 0.22
"""The noise on which networks are measured: large enough for the deepest layers, as contrasted as a
flight."""

_LEAST_AGREEMENT = 0.99
"""Cosine between a gradient in half and in float32 from which on half is used."""


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

    def __init__(
        self, device: str = "auto", seed: int = 0, weights: Mapping[str, Path] | None = None
    ) -> None:
        """`weights`: files for some networks, by their names."""
        self._device = devices.choose(device)
        self.device = self._device.type
        if self.device == "cpu":
            devices.keep_freed_memory()
        self._weights = dict(weights or {})
        self._prepared: dict[str, _Prepared] = {}
        self._rng = np.random.default_rng(seed)
        self._noise = torch.Generator().manual_seed(seed)

    def prepare(self, network: str, progress: Progress | None = None) -> None:
        known = networks.network(network)
        if known.name in self._prepared:
            return
        module = known.load(self._weights.get(known.name), progress)
        prepared = self._in_best_format(known, module)
        _warm_up(known, prepared)
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
        if not math.isfinite(float(picture.sum())):  # a single bad pixel spoils the sum
            raise FloatingPointError(f"the ascent of {' + '.join(map(str, mix))} is not finite")
        return _to_canvas(picture.clamp(0.0, 1.0))

    def close(self) -> None:
        self._prepared.clear()

    def _step(self, picture: Tensor, mix: Mix, ascent: Ascent) -> Tensor:
        """The conditioned direction of one step: float32 (1, 3, H, W), RMS 1 where normalised."""
        ways = self._rng.integers(0, ascent.jitter + 1, 2) - ascent.jitter // 2  # about the middle
        shift = (int(ways[0]), int(ways[1]))
        scale = 2.0 ** (-ascent.octaves * int(self._rng.integers(_SIZES)) / (_SIZES - 1))
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
        return _gradient(self._prepared, picture, mix, objective, scale)

    def _in_best_format(self, known: Network, module: nn.Module) -> _Prepared:
        """The network on this engine's device, in half only where that agrees with float32."""
        dtype = devices.precision(self._device, known.dense)
        if dtype != torch.float16:
            return _prepare(known, module, self._device, dtype)
        exact = _prepare(known, copy.deepcopy(module), torch.device("cpu"), torch.float32)
        half = _prepare(known, module, self._device, dtype)
        cosine = agreement(known, half, exact)
        if cosine > _LEAST_AGREEMENT:
            return half
        log.warning(
            "%s on %s: half and float32 disagree (cosine %.3f), so it runs in float32, slower",
            known.name,
            self.device,
            cosine,
        )
        return _prepare(known, exact.module, self._device, torch.float32)


def agreement(known: Network, one: _Prepared, other: _Prepared) -> float:
    """The cosine between the gradients of a network prepared in two formats, on noise; NaN where
    one is not finite. Ascends the loudest filter, where half overflows first, at four depths."""
    depths = [known.layers[len(known.layers) * part // 4 - 1].name for part in (1, 2, 3, 4)]
    mix = {Target(known.name, name, int(other.spread[name].argmax())): 1 / 4 for name in depths}
    noise = pink(_NOISE_SIZE, 3, deviation=_NOISE_DEVIATION)
    first, second = (
        _gradient({known.name: each}, _to_picture(noise, each.mean.device), mix, "channel").cpu()
        for each in (one, other)
    )
    return float(F.cosine_similarity(first.flatten().double(), second.flatten().double(), dim=0))


def _warm_up(known: Network, prepared: _Prepared) -> None:
    """Takes a step that nobody sees. The first of a process waits seconds for what torch loads and
    plans at first use; here it waits beside the show, not in it."""
    picture = _to_picture(pink(_NOISE_SIZE, 4), prepared.mean.device)
    mix = {Target(known.name, known.layers[-1].name, 0): 1.0}
    gradient = _gradient({known.name: prepared}, picture, mix, "channel", 0.75)
    gradient = conditioning.smooth(conditioning.decorrelate(gradient, 1.0), 1.0, 1.0)
    conditioning.add_noise(conditioning.soften(gradient, 0.1), 0.1, torch.Generator())


def _prepare(
    known: Network, module: nn.Module, device: torch.device, dtype: torch.dtype
) -> _Prepared:
    module = module.to(device, dtype).to(memory_format=torch.channels_last)
    mean, deviation = (
        torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (known.mean, known.std)
    )
    prepared = _Prepared(module, mean, deviation, dtype, {})
    prepared.spread.update(_spread(prepared, [layer.name for layer in known.layers]))
    return prepared


def _gradient(
    prepared: Mapping[str, _Prepared], picture: Tensor, mix: Mix, objective: str, scale: float = 1.0
) -> Tensor:
    picture = picture.detach().requires_grad_(True)
    seen = _scaled(picture, scale)
    outputs: list[Tensor] = []
    seeds: list[Tensor] = []
    for network, layers in _grouped(mix).items():
        here = prepared[network]
        inputs = ((seen - here.mean) / here.deviation).to(here.dtype)
        activations = here.module(
            inputs.contiguous(memory_format=torch.channels_last), list(layers)
        )
        for layer, weights in layers.items():
            outputs.append(activations[layer])
            seeds.append(_seed(activations[layer], weights, here.spread[layer], objective))
    (gradient,) = torch.autograd.grad(outputs, picture, seeds)
    return gradient


def _to_picture(canvas: Canvas, device: torch.device) -> Tensor:
    rgba = torch.from_numpy(canvas).to(device).to(torch.float32)  # (H, W, 4)
    return rgba.permute(2, 0, 1)[None, :3].contiguous()


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
    noise = np.stack([pink(_NOISE_SIZE, seed, deviation=_NOISE_DEVIATION) for seed in (1, 2)])
    pictures = torch.from_numpy(noise).to(prepared.mean.device)[..., :3].permute(0, 3, 1, 2)
    inputs = ((pictures.float() - prepared.mean) / prepared.deviation).to(prepared.dtype)
    activations = prepared.module(inputs.contiguous(memory_format=torch.channels_last), layers)
    return {
        name: activation.float().std((0, 2, 3)).cpu() for name, activation in activations.items()
    }
