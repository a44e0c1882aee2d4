"""Compute gradients by torch, by forward and backward passes written by hand."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from liveflight.engines.backend import Backend, Excitations
from liveflight.engines.convolution import Convolution
from liveflight.engines.torch.convolution_choice import SameConvolution, prepared
from liveflight.engines.torch.program import Program, compiled
from liveflight.networks import Network
from liveflight.networks.layered import Features, Layered

_MAX_PROGRAMS = 64
"""Programs kept for each network: more than an autopilot's journey has mixes.

They share their weights, which are prepared once for each convolution."""


class TorchBackend(Backend):
    """Implement `engines.backend.Backend` by one program for each set of layers."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._networks: dict[str, PreparedNetwork] = {}

    def load(self, known: Network, module: Features, dtype: torch.dtype) -> torch.dtype:
        assert isinstance(module, Layered)
        self._networks[known.name] = PreparedNetwork(known, module, self._device, dtype)
        return dtype

    def plan(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> None:
        """Prepare the weights that these layers need. Sizes need nothing."""
        self._networks[network].program(layers)

    def planned(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> bool:
        return self._networks[network].has(layers)

    def gradient(self, network: str, picture: Tensor, excitations: Excitations) -> Tensor:
        prepared = self._networks[network]
        inputs = prepared.preprocess(picture)
        return prepared.postprocess(
            prepared.program(excitations.keys()).gradient(inputs, excitations)
        )

    def prepared(self, network: str) -> PreparedNetwork:
        """Return a network that was loaded."""
        return self._networks[network]

    def close(self) -> None:
        self._networks.clear()


class PreparedNetwork:
    """Hold a network and its programs prepared so far.

    In half its first convolution takes a fourth channel, always zero: tensor cores, which are what
    half is for, take channels by fours and eights."""

    def __init__(
        self, known: Network, module: Layered, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._module = copy.deepcopy(module)
        _fold_std(self._module, known.std)
        self._channels = 3
        if dtype == torch.float16:
            self._channels = 4
            _add_zero_channel(self._module)
        self._module.to(device, dtype).to(memory_format=torch.channels_last)
        self._dtype = dtype
        self._mean = torch.tensor(known.mean, device=device).view(1, 3, 1, 1)
        self._convolutions: dict[nn.Module, Convolution | SameConvolution] = {}
        self._programs: OrderedDict[frozenset[str], Program] = OrderedDict()
        self._lock = threading.Lock()

    def has(self, layers: Collection[str]) -> bool:
        return frozenset(layers) in self._programs

    @torch.no_grad()
    def program(self, layers: Collection[str]) -> Program:
        """Return the program for these layers together."""
        key = frozenset(layers)
        with self._lock:
            if key in self._programs:
                self._programs.move_to_end(key)
                return self._programs[key]
        program = compiled(self._module, key, self._convolution)
        with self._lock:
            self._programs[key] = program
            while len(self._programs) > _MAX_PROGRAMS:
                self._programs.popitem(last=False)
        return program

    @torch.no_grad()
    def preprocess(self, picture: Tensor) -> Tensor:
        """Return a program's input, channels-last, from pictures (N, 3, H, W)."""
        if self._channels == 3:
            return (picture - self._mean).to(self._dtype, memory_format=torch.channels_last)
        count, _, height, width = picture.shape
        pixels = picture.new_zeros((count, height, width, self._channels), dtype=self._dtype)
        inputs = pixels.permute(0, 3, 1, 2)
        torch.sub(picture, self._mean, out=inputs[:, :3])
        return inputs

    @torch.no_grad()
    def postprocess(self, gradient: Tensor) -> Tensor:
        """Return the pictures' gradients, float32 (N, 3, H, W), from a program's result."""
        return gradient[:, :3].to(torch.float32, memory_format=torch.contiguous_format)

    def _convolution(self, module: nn.Conv2d) -> Convolution | SameConvolution:
        if module not in self._convolutions:
            self._convolutions[module] = prepared(module)
        return self._convolutions[module]


@torch.no_grad()
def _fold_std(module: Layered, std: tuple[float, float, float]) -> None:
    """Fold the division by the standard deviation into the first convolution.

    The mean stays outside: the padding round the picture is as grey as the mean."""
    first = next(part for part in module.modules() if isinstance(part, nn.Conv2d))
    first.weight /= torch.tensor(std).view(1, 3, 1, 1)


@torch.no_grad()
def _add_zero_channel(module: Layered) -> None:
    """Give the first convolution a fourth input channel with zero weights."""
    first = next(part for part in module.modules() if isinstance(part, nn.Conv2d))
    first.weight = nn.Parameter(F.pad(first.weight, (0, 0, 0, 0, 0, 1)), requires_grad=False)
    first.in_channels += 1
