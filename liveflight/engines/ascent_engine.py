"""Take ascent steps on any backend's gradients: views, conditioning, number formats, memory."""

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
"""Words of torch's errors on each device and of ONNX Runtime's: they share no error class."""

_MIN_AGREEMENT = 0.99
"""Least cosine between a gradient in half and in float32 for half to be used."""

_ACTIVE_SHARE = 0.05
"""Part of a layer's median response that an active filter exceeds."""


class AscentEngine:
    """Implement `core.contracts.Engine` on a backend."""

    def __init__(
        self,
        backend: Backend,
        device: torch.device,
        seed: int = 0,
        weights: Mapping[str, Path] | None = None,
    ) -> None:
        """Take `weights` from these files for some networks, by their names."""
        self.device = device.type
        self.stream = 0
        self._device = device
        self._backend = backend
        self._weights = dict(weights or {})
        self._response_stds: dict[str, dict[str, Tensor]] = {}
        self._signatures: dict[str, dict[str, np.ndarray]] = {}
        self._formats: dict[str, torch.dtype] = {}
        self._octaves = Ascent(0.0, 0).octaves
        self._rng = np.random.default_rng(seed)
        self._noise = torch.Generator().manual_seed(seed)

    def prepare(self, network: str, progress: Progress | None = None) -> None:
        known = networks.network(network)
        if known.name in self._response_stds:
            return
        module = known.load(self._weights.get(known.name), progress)
        measured = responses(known, module)
        stds = {layer: std for layer, (std, _) in measured.items()}
        self._formats[known.name] = self._load(known, module, stds)
        _warm_up(self._backend, known, self._device)
        del module
        malloc_tuning.return_freed_memory()
        self._signatures[known.name] = {layer: one for layer, (_, one) in measured.items()}
        self._response_stds[known.name] = stds

    def ready(self, network: str) -> bool:
        return network in self._response_stds

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
        stds = self._response_stds[network][layer]
        return torch.nonzero(stds > _ACTIVE_SHARE * stds.median()).flatten().tolist()

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
        if not math.isfinite(float(picture.sum())):  # one pixel that is not finite is enough
            raise FloatingPointError(f"the ascent of {' + '.join(map(str, mix))} is not finite")
        return _to_canvas(picture.clamp(0.0, 1.0))

    def wait(self) -> None:
        """Return at once: `ascend` has waited."""

    def tidy(self) -> bool:
        return self._backend.tidy()

    def close(self) -> None:
        self._response_stds.clear()
        self._backend.close()

    def _step(self, picture: Tensor, mix: Mix, ascent: Ascent) -> Tensor:
        """Return the conditioned direction of a step: float32 (1, 3, H, W).

        Its RMS is 1 where it is normalised."""
        offsets = self._rng.integers(0, ascent.jitter + 1, 2) - ascent.jitter // 2  # mean about 0
        shift = (int(offsets[0]), int(offsets[1]))
        allowed = scales(ascent.octaves, (picture.shape[-2], picture.shape[-1]))
        scale = allowed[int(self._rng.integers(len(allowed)))]
        seen = torch.roll(picture, shift, (2, 3)) if any(shift) else picture
        gradient = self.gradient(seen, mix, ascent.objective, scale)
        if any(shift):
            gradient = torch.roll(gradient, (-shift[0], -shift[1]), (2, 3))
        gradient = conditioning.decorrelate(gradient, ascent.decorrelation)
        gradient = conditioning.smooth(gradient, ascent.smoothing, ascent.decorrelation)
        return conditioning.normalise(gradient) if ascent.normalise else gradient

    def gradient(self, picture: Tensor, mix: Mix, objective: str, scale: float = 1.0) -> Tensor:
        """Return how each pixel moves the mix: float32 (1, 3, H, W), like `picture`.

        The networks see the picture at `scale` times its size."""
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
                layer: excitation(weights, self._response_stds[network][layer], objective)
                for layer, weights in layers.items()
            }
            for network, layers in grouped.items()
        }

    def _sizes(self, size: tuple[int, int]) -> Sequence[tuple[int, int]]:
        """Return the heights and widths at which networks may see a canvas (width, height)."""
        return _scaled(self._octaves, (size[1], size[0]))

    def _load(self, known: Network, module: Features, stds: Mapping[str, Tensor]) -> torch.dtype:
        """Give the backend the network, in half only where that agrees with float32."""
        dtype = devices.precision(self._device, known.dense)
        dtype = self._backend.load(known, module, dtype)
        if dtype != torch.float16:
            return dtype
        exact = AutogradBackend(torch.device("cpu"))
        exact.load(known, module, torch.float32)
        cosine = agreement(known, stds, self._backend, self._device, exact)
        if cosine > _MIN_AGREEMENT:
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
    """Turn every runtime's error for too little memory into OutOfMemoryError.

    `size`: width and height of the canvas, for the error's text."""
    try:
        yield
    except Exception as error:
        said = str(error).lower()
        if isinstance(error, MemoryError) or any(words in said for words in _OUT_OF_MEMORY):
            raise too_large(size) from error
        raise


def too_large(size: tuple[int, int]) -> OutOfMemoryError:
    """Return the error for a canvas of this width and height that does not fit into memory."""
    return OutOfMemoryError(
        f"a step at {size[0]}x{size[1]} does not fit into the memory: choose a smaller canvas"
    )


def agreement(
    known: Network,
    response_stds: Mapping[str, Tensor],
    backend: Backend,
    device: torch.device,
    exact: Backend,
) -> float:
    """Return the cosine between a network's gradients on a backend and on the CPU's exact one.

    Measured on noise; NaN where a gradient is not finite. The objective is the filter with the
    largest response, where half overflows first, at each of four depths."""
    depths = [known.layers[len(known.layers) * part // 4 - 1].name for part in (1, 2, 3, 4)]
    loudest: dict[str, dict[int | None, float]] = {
        name: {int(response_stds[name].argmax()): 1 / 4} for name in depths
    }
    excitations = {
        name: excitation(weights, response_stds[name], "channel")
        for name, weights in loudest.items()
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
    """Take a step that nobody sees, before the show needs one.

    A process's first step waits seconds for what torch loads and plans at first use."""
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
