"""Turn any backend's gradients into directions: conditioning, number formats, memory."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from liveflight import networks
from liveflight.core.contracts import Ascent, Canvas, Mix, OutOfMemoryError, Progress, ViewStep
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
                self._backend.plan(network, names, [(size[1], size[0])])

    def planned(self, layers: Collection[tuple[str, str]], size: tuple[int, int]) -> bool:
        return all(
            self._backend.planned(network, names, [(size[1], size[0])])
            for network, names in _by_network(layers).items()
        )

    def active_filters(self, network: str, layer: str) -> list[int]:
        stds = self._response_stds[network][layer]
        return torch.nonzero(stds > _ACTIVE_SHARE * stds.median()).flatten().tolist()

    def signatures(self, network: str, layer: str) -> np.ndarray:
        return self._signatures[network][layer]

    def directions(self, views: Canvas, steps: Sequence[ViewStep], ascent: Ascent) -> Canvas:
        pictures = _to_pictures(views, len(steps), self._device)
        with memory_for((pictures.shape[-1], pictures.shape[-2])):
            found = [
                self._direction(picture[None], step, ascent)
                for picture, step in zip(pictures, steps, strict=True)
            ]
            return _to_canvas(torch.cat(found))

    def wait(self) -> None:
        """Return at once: `directions` has waited."""

    def tidy(self) -> bool:
        return self._backend.tidy()

    def close(self) -> None:
        self._response_stds.clear()
        self._backend.close()

    def _direction(self, picture: Tensor, step: ViewStep, ascent: Ascent) -> Tensor:
        """Return the conditioned direction of a view: float32 (1, 3, H, W)."""
        gradient = self.gradient(picture, step.mix, ascent.objective)
        direction = conditioning.condition(gradient, step, ascent)
        # One value that is not finite is enough. One in the view need not reach the direction.
        if not math.isfinite(float(direction.sum() + picture.sum())):
            raise FloatingPointError(
                f"the ascent of {' + '.join(map(str, step.mix))} is not finite"
            )
        return conditioning.limit(direction)

    def gradient(self, picture: Tensor, mix: Mix, objective: str) -> Tensor:
        """Return how each pixel moves the mix: float32 (1, 3, H, W), like `picture`."""
        gradient: Tensor | None = None
        for network, excitations in self._excitations(mix, objective).items():
            part = self._backend.gradient(network, picture, excitations)
            gradient = part if gradient is None else gradient + part
        return torch.zeros_like(picture) if gradient is None else gradient

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

    `size`: width and height of a view, for the error's text."""
    try:
        yield
    except Exception as error:
        said = str(error).lower()
        if isinstance(error, MemoryError) or any(words in said for words in _OUT_OF_MEMORY):
            raise too_large(size) from error
        raise


def too_large(size: tuple[int, int]) -> OutOfMemoryError:
    """Return the error for a view of this width and height that does not fit into memory."""
    return OutOfMemoryError(
        f"a step at {size[0]}x{size[1]} does not fit into the memory: choose a smaller --view"
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
        each.gradient(known.name, _to_pictures(noise, 1, where), excitations)
        .cpu()
        .flatten()
        .double()
        for each, where in ((backend, device), (exact, torch.device("cpu")))
    )
    return float(F.cosine_similarity(first, second, dim=0))


def _warm_up(backend: Backend, known: Network, device: torch.device) -> None:
    """Take a step that nobody sees, before the show needs one.

    A process's first step waits seconds for what torch loads and plans at first use."""
    picture = _to_pictures(pink(NOISE_SIZE, 4), 1, device)
    layer = known.layers[-1]
    excitations = {layer.name: excitation({0: 1.0}, torch.ones(layer.channels), "channel")}
    gradient = backend.gradient(known.name, picture, excitations)
    conditioning.limit(conditioning.condition(gradient, ViewStep({}, 1.0, 0.1), Ascent()))


def _by_network(layers: Collection[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for network, layer in sorted(set(layers)):
        grouped[network].append(layer)
    return grouped


def _to_pictures(views: Canvas, count: int, device: torch.device) -> Tensor:
    """Return stacked views as float32 (N, 3, H, W)."""
    on_host = isinstance(views, np.ndarray)
    rgba = torch.from_numpy(views) if on_host else torch.as_tensor(views, device=device)
    rgba = rgba.to(device).to(torch.float32)  # (N * H, W, 4)
    rgba = rgba.view(count, -1, *rgba.shape[1:])
    return rgba.permute(0, 3, 1, 2)[:, :3].contiguous()


def _to_canvas(pictures: Tensor) -> Canvas:
    rgb = pictures.permute(0, 2, 3, 1).flatten(0, 1)  # (N * H, W, 3)
    canvas = torch.ones((*rgb.shape[:2], 4), dtype=torch.float16, device=pictures.device)
    canvas[..., :3] = rgb
    return canvas.cpu().numpy()
