"""Gradients by kernels of its own, compiled for this processor: see kernels.c."""

from __future__ import annotations

import ctypes
import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

import torch
from torch import Tensor

from liveflight.engines.backend import Excitations
from liveflight.engines.native.kernels import MOST_THREADS, kernels
from liveflight.engines.native.memory_plan import Layout
from liveflight.engines.native.packed_weights import Weights
from liveflight.engines.native.program import Compiled, check
from liveflight.networks import Network
from liveflight.networks.layered import Features, Layered

_MOST = 384
"""Programs that are kept: a mix takes two for each scale, and presets foresee a dozen mixes."""

_MOST_BYTES = 192 << 20
"""Of them all. One has some 100 KB, and 1 MB on a canvas of 1280x720."""

Key = tuple[str, frozenset[str], tuple[int, int], bool]
"""Network, layers, height and width, and whether whole layers can be excited."""


@dataclass
class _Known:
    network: Network
    module: Layered
    weights: Weights
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while a gradient is taken: one network is prepared while another flies."""
    memory: Tensor = field(default_factory=lambda: torch.empty(0))
    """That all programs share."""
    scratch: Tensor = field(default_factory=lambda: torch.empty(0, 0))
    owner: Compiled | None = None
    """The program whose frames are zeros in the memory."""

    def make_room(self, layout: Layout, threads: int) -> None:
        if self.memory.numel() < layout.floats:
            self.owner, self.memory = None, torch.empty(0)
            self.memory = torch.empty(layout.floats)
        if self.scratch.numel() < layout.scratch * threads:
            self.scratch = torch.empty(0, 0)
            self.scratch = torch.empty(threads, -(-layout.scratch // 16) * 16)


class NativeBackend:
    """`engines.backend.Backend` on the CPU, in float32: one program for each set of layers and
    picture size, all of a network in the same memory."""

    def __init__(self) -> None:
        """Raises LiveflightError where the kernels cannot be compiled."""
        self._kernels = kernels()
        self._threads = min(torch.get_num_threads(), MOST_THREADS)
        self._networks: dict[str, _Known] = {}
        self._programs: OrderedDict[Key, Compiled] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, known: Network, module: Features, dtype: torch.dtype) -> torch.dtype:
        """Raises TypeError for a network that has a step for which there is no way."""
        assert isinstance(module, Layered)
        check(module)
        loaded = _Known(known, module, Weights(self._kernels.lanes))
        with self._lock:
            for key in [key for key in self._programs if key[0] == known.name]:
                del self._programs[key]
            self._networks[known.name] = loaded
        return torch.float32

    def plan(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> None:
        for size in sizes:
            for whole in (False, True):
                self._program((network, frozenset(layers), size, whole))

    def planned(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> bool:
        wanted = frozenset(layers)
        return network in self._networks and all(
            (network, wanted, size, whole) in self._programs
            for size in sizes
            for whole in (False, True)
        )

    @torch.no_grad()
    def gradient(self, network: str, picture: Tensor, excitations: Excitations) -> Tensor:
        size = (picture.shape[-2], picture.shape[-1])
        whole = any(excited.whole for excited in excitations.values())
        program = self._program((network, frozenset(excitations), size, whole))
        picture, layout, known = picture.contiguous(), program.layout, self._networks[network]
        gradient = torch.empty_like(picture)
        with known.lock:
            program.load(excitations)
            known.make_room(layout, self._threads)
            start = layout.framing if known.owner is program else 0
            memories = (known.memory, known.scratch, picture, gradient)
            self._kernels.run(layout.ops, start, self._threads, *memories)
            known.owner = program
        return gradient

    def tidy(self) -> bool:
        return False  # plans leave nothing behind

    def close(self) -> None:
        with self._lock:
            self._networks.clear()
            self._programs.clear()

    @torch.no_grad()
    def _program(self, key: Key) -> Compiled:
        with self._lock:
            if key in self._programs:
                self._programs.move_to_end(key)
                return self._programs[key]
            known = self._networks[key[0]]
        program = Compiled(known.network, known.module, known.weights, *key[1:], self._threads)
        with self._lock:
            if self._networks.get(key[0]) is known:
                self._programs[key] = program
                self._drop_oldest()
        return program

    def _drop_oldest(self) -> None:
        sizes = [ctypes.sizeof(each.layout.ops) for each in self._programs.values()]
        while len(sizes) > 1 and (len(sizes) > _MOST or sum(sizes) > _MOST_BYTES):
            sizes.pop(0)
            self._programs.popitem(last=False)
