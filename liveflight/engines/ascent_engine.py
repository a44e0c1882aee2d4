"""The ascent step around a gradient: what every backend's `core.contracts.Engine` has in common."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from liveflight import networks
from liveflight.core.contracts import Ascent, Canvas, Mix, OutOfMemoryError, Progress
from liveflight.core.noise import pink
from liveflight.engines import conditioning, devices
from liveflight.engines.autograd import AutogradBackend
from liveflight.engines.backend import (
    NOISE_DEVIATION,
    NOISE_SIZE,
    Backend,
    Excitations,
    excitation,
    responses,
)
from liveflight.engines.resampling import scaled, scales, shrunk, shrunk_backward
from liveflight.networks import Network
from liveflight.networks.layered import Features
from liveflight.system import malloc_tuning

log = logging.getLogger("liveflight.engines")

_OUT_OF_MEMORY = ("out of memory", "allocate memory", "bad alloc", "bad_alloc")
"""What torch on each device and ONNX Runtime say; they have no error of their own in common."""

_LEAST_AGREEMENT = 0.99
"""Cosine between a gradient in half and in float32 from which on half is used."""


class AscentEngine:
    """`core.contracts.Engine` on a backend."""

    def __init__(
        self,
        backend: Backend,
        device: torch.device,
        seed: int = 0,
        weights: Mapping[str, Path] | None = None,
    ) -> None:
        """`weights`: files for some networks, by their names."""
        self.device = device.type
        self.stream = 0
        self._device = device
        self._backend = backend
        self._weights = dict(weights or {})
        self._spreads: dict[str, dict[str, Tensor]] = {}
        self._signatures: dict[str, dict[str, np.ndarray]] = {}
        self._formats: dict[str, torch.dtype] = {}
        self._octaves = Ascent(0.0, 0).octaves
        self._rng = np.random.default_rng(seed)
        self._noise = torch.Generator().manual_seed(seed)

    def prepare(self, network: str, progress: Progress | None = None) -> None:
        known = networks.network(network)
        if known.name in self._spreads:
            return
        module = known.load(self._weights.get(known.name), progress)
        answers = responses(known, module)
        spread = {name: one for name, (one, _) in answers.items()}
        self._formats[known.name] = self._load(known, module, spread)
        _warm_up(self._backend, known, self._device)
        del module
        malloc_tuning.return_freed_memory()
        self._signatures[known.name] = {name: one for name, (_, one) in answers.items()}
        self._spreads[known.name] = spread

    def ready(self, network: str) -> bool:
        return network in self._spreads

    def precision(self, network: str) -> str:
        return str(self._formats[network]).removeprefix("torch.")

    def plan(self, layers: Collection[tuple[str, str]], size: tuple[int, int]) -> None:
        with memory_for(size):
            for network, names in _by_network(layers).items():
                self._backend.plan(network, names, self._sizes(size))

    def planned(self, layers: Collection[tuple[str, str]], size: tuple[int, int]) -> bool:
        return all(
            self._backend.planned(network, names, self._sizes(size))
            for network, names in _by_network(layers).items()
        )

    def active_filters(self, network: str, layer: str) -> list[int]:
        spread = self._spreads[network][layer]
        return torch.nonzero(spread > 0.05 * spread.median()).flatten().tolist()

    def signatures(self, network: str, layer: str) -> np.ndarray:
        return self._signatures[network][layer]

    def ascend(self, canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        picture = _to_picture(canvas, self._device)
        with memory_for((picture.shape[-1], picture.shape[-2])):
            return self._ascended(picture, mix, ascent)

    def _ascended(self, picture: Tensor, mix: Mix, ascent: Ascent) -> Canvas:
        self._octaves = ascent.octaves
        for _ in range(ascent.steps):
            picture = picture + self._step(picture, mix, ascent) * (ascent.amount / ascent.steps)
        picture = conditioning.soften(picture, ascent.soften)
        picture = conditioning.add_noise(picture, ascent.noise, self._noise)
        picture = conditioning.hold(picture, ascent.brightness, ascent.contrast, ascent.pull)
        if not math.isfinite(float(picture.sum())):  # a single bad pixel spoils the sum
            raise FloatingPointError(f"the ascent of {' + '.join(map(str, mix))} is not finite")
        return _to_canvas(picture.clamp(0.0, 1.0))

    def wait(self) -> None:
        """`ascend` itself waits."""

    def tidy(self) -> bool:
        return self._backend.tidy()

    def close(self) -> None:
        self._spreads.clear()
        self._backend.close()

    def _step(self, picture: Tensor, mix: Mix, ascent: Ascent) -> Tensor:
        """The conditioned direction of one step: float32 (1, 3, H, W), RMS 1 where normalised."""
        ways = self._rng.integers(0, ascent.jitter + 1, 2) - ascent.jitter // 2  # about the middle
        shift = (int(ways[0]), int(ways[1]))
        seen_at = scales(ascent.octaves, (picture.shape[-2], picture.shape[-1]))
        scale = seen_at[int(self._rng.integers(len(seen_at)))]
        seen = torch.roll(picture, shift, (2, 3)) if any(shift) else picture
        gradient = self.gradient(seen, mix, ascent.objective, scale)
        if any(shift):
            gradient = torch.roll(gradient, (-shift[0], -shift[1]), (2, 3))
        gradient = conditioning.decorrelate(gradient, ascent.decorrelation)
        gradient = conditioning.smooth(gradient, ascent.smoothing, ascent.decorrelation)
        return conditioning.normalise(gradient) if ascent.normalise else gradient

    def gradient(self, picture: Tensor, mix: Mix, objective: str, scale: float = 1.0) -> Tensor:
        """How each pixel moves the mix: float32 (1, 3, H, W), like `picture`, which the networks
        see at `scale` times its size."""
        size = (picture.shape[-2], picture.shape[-1])
        smaller = scaled(size, scale)
        seen = picture if smaller == size else shrunk(picture, smaller)
        gradient: Tensor | None = None
        for network, excitations in self._excitations(mix, objective).items():
            part = self._backend.gradient(network, seen, excitations)
            gradient = part if gradient is None else gradient + part
        if gradient is None:
            gradient = torch.zeros_like(seen)
        return gradient if smaller == size else shrunk_backward(gradient, size)

    def _excitations(self, mix: Mix, objective: str) -> dict[str, Excitations]:
        grouped: dict[str, dict[str, dict[int | None, float]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        for target, weight in mix.items():
            grouped[target.network][target.layer][target.filter] = weight
        return {
            network: {
                layer: excitation(weights, self._spreads[network][layer], objective)
                for layer, weights in layers.items()
            }
            for network, layers in grouped.items()
        }

    def _sizes(self, size: tuple[int, int]) -> Sequence[tuple[int, int]]:
        """The heights and widths at which networks may see a canvas of this width and height."""
        return _scaled(self._octaves, (size[1], size[0]))

    def _load(self, known: Network, module: Features, spread: Mapping[str, Tensor]) -> torch.dtype:
        """Gives the backend the network, in half only where that agrees with float32."""
        dtype = devices.precision(self._device, known.dense)
        dtype = self._backend.load(known, module, dtype)
        if dtype != torch.float16:
            return dtype
        exact = AutogradBackend(torch.device("cpu"))
        exact.load(known, module, torch.float32)
        cosine = agreement(known, spread, self._backend, self._device, exact)
        if cosine > _LEAST_AGREEMENT:
            return dtype
        log.warning(
            "%s on %s: half and float32 disagree (cosine %.3f), so it runs in float32, slower",
            known.name,
            self.device,
            cosine,
        )
        return self._backend.load(known, module, torch.float32)


@contextmanager
def memory_for(size: tuple[int, int]) -> Iterator[None]:
    """Turns the many ways in which runtimes say that memory is short, at this canvas width and
    height, into OutOfMemoryError."""
    try:
        yield
    except Exception as error:
        said = str(error).lower()
        if isinstance(error, MemoryError) or any(words in said for words in _OUT_OF_MEMORY):
            raise too_large(size) from error
        raise


def too_large(size: tuple[int, int]) -> OutOfMemoryError:
    """What to say of a canvas of this width and height that the memory has no room for."""
    return OutOfMemoryError(
        f"a step at {size[0]}x{size[1]} does not fit into the memory: choose a smaller canvas"
    )


def agreement(
    known: Network,
    spread: Mapping[str, Tensor],
    backend: Backend,
    device: torch.device,
    exact: Backend,
) -> float:
    """The cosine between the gradients of a network on a backend and on the CPU's exact one, on
    noise; NaN where one is not finite. Ascends the loudest filter, where half overflows first, at
    four depths."""
    depths = [known.layers[len(known.layers) * part // 4 - 1].name for part in (1, 2, 3, 4)]
    loudest: dict[str, dict[int | None, float]] = {
        name: {int(spread[name].argmax()): 1 / 4} for name in depths
    }
    excitations = {
        name: excitation(weights, spread[name], "channel") for name, weights in loudest.items()
    }
    noise = pink(NOISE_SIZE, 3, deviation=NOISE_DEVIATION)
    first, second = (
        each.gradient(known.name, _to_picture(noise, where), excitations).cpu().flatten().double()
        for each, where in ((backend, device), (exact, torch.device("cpu")))
    )
    return float(F.cosine_similarity(first, second, dim=0))


@lru_cache(maxsize=64)
def _scaled(octaves: float, picture: tuple[int, int]) -> Sequence[tuple[int, int]]:
    return sorted({scaled(picture, scale) for scale in scales(octaves, picture)})


def _warm_up(backend: Backend, known: Network, device: torch.device) -> None:
    """Takes a step that nobody sees. The first of a process waits seconds for what torch loads and
    plans at first use; here it waits beside the show, not in it."""
    picture = _to_picture(pink(NOISE_SIZE, 4), device)
    size = (picture.shape[-2], picture.shape[-1])
    layer = known.layers[-1]
    excitations = {layer.name: excitation({0: 1.0}, torch.ones(layer.channels), "channel")}
    seen = shrunk(picture, scaled(size, 0.75))
    gradient = shrunk_backward(backend.gradient(known.name, seen, excitations), size)
    gradient = conditioning.smooth(conditioning.decorrelate(gradient, 1.0), 1.0, 1.0)
    conditioning.add_noise(conditioning.soften(gradient, 0.1), 0.1, torch.Generator())


def _by_network(layers: Collection[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for network, layer in sorted(set(layers)):
        grouped[network].append(layer)
    return grouped


def _to_picture(canvas: Canvas, device: torch.device) -> Tensor:
    on_host = isinstance(canvas, np.ndarray)
    rgba = torch.from_numpy(canvas) if on_host else torch.as_tensor(canvas, device=device)
    rgba = rgba.to(device).to(torch.float32)  # (H, W, 4)
    return rgba.permute(2, 0, 1)[None, :3].contiguous()


def _to_canvas(picture: Tensor) -> Canvas:
    rgb = picture[0].permute(1, 2, 0)  # (H, W, 3)
    canvas = torch.ones((*rgb.shape[:2], 4), dtype=torch.float16, device=picture.device)
    canvas[..., :3] = rgb
    return canvas.cpu().numpy()
