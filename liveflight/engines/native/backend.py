"""Compute gradients by kernels compiled for this CPU: see kernels.c."""

from __future__ import annotations

import ctypes
import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

import torch
from torch import Tensor

from liveflight.engines.backend import Backend, Excitations
from liveflight.engines.native.kernels import MAX_THREADS, kernels
from liveflight.engines.native.memory_plan import MemoryPlan
from liveflight.engines.native.packed_weights import PackedWeights
from liveflight.engines.native.program import NativeProgram, check
from liveflight.networks import Network
from liveflight.networks.layered import Features, Layered

_MAX_PROGRAMS = 384
"""Programs that are kept: a mix takes two for each scale, and presets plan a dozen mixes ahead."""

_MAX_PROGRAM_BYTES = 192 << 20
"""Bytes of all programs that are kept. One has some 100 KB, and 1 MB at a view of 1280x720."""

Key = tuple[str, frozenset[str], tuple[int, int], bool]
"""Network, layers, height and width, and whether whole layers can be excited."""


@dataclass
class _LoadedNetwork:
    network: Network
    module: Layered
    weights: PackedWeights
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while a gradient is taken: one network is prepared while another flies."""
    memory: Tensor = field(default_factory=lambda: torch.empty(0))
    """Shared by all programs."""
    scratch: Tensor = field(default_factory=lambda: torch.empty(0, 0))
    owner: NativeProgram | None = None
    """The program whose frames are zeros in the memory."""

    def make_room(self, plan: MemoryPlan, threads: int) -> None:
        if self.memory.numel() < plan.floats:
            self.owner, self.memory = None, torch.empty(0)
            self.memory = torch.empty(plan.floats)
        if self.scratch.numel() < plan.scratch * threads:
            self.scratch = torch.empty(0, 0)
            self.scratch = torch.empty(threads, -(-plan.scratch // 16) * 16)


class NativeBackend(Backend):
    """Run networks on the CPU in float32: a program for each set of layers and picture size.

    All programs of a network share their memory."""

    def __init__(self) -> None:
        """Compile the kernels, or load them from the user's cache.

        Raises LiveflightError where they cannot be compiled."""
        self._kernels = kernels()
        self._threads = min(torch.get_num_threads(), MAX_THREADS)
        self._networks: dict[str, _LoadedNetwork] = {}
        self._programs: OrderedDict[Key, NativeProgram] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, known: Network, module: Features, dtype: torch.dtype) -> torch.dtype:
        """Take over a network; raise TypeError where the kernels lack one of its steps."""
        assert isinstance(module, Layered)
        check(module)
        loaded = _LoadedNetwork(known, module, PackedWeights(self._kernels.lanes))
        with self._lock:
            for key in [key for key in self._programs if key[0] == known.name]:
                del self._programs[key]
            self._networks[known.name] = loaded
        return torch.float32

    def plan(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> None:
        for key in _keys(network, layers, sizes):
            self._program(key)

    def planned(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> bool:
        return network in self._networks and all(
            key in self._programs for key in _keys(network, layers, sizes)
        )

    @torch.no_grad()
    def gradient(self, network: str, picture: Tensor, excitations: Excitations) -> Tensor:
        size = (picture.shape[-2], picture.shape[-1])
        whole = any(excited.whole for excited in excitations.values())
        program = self._program((network, frozenset(excitations), size, whole))
        picture, plan, loaded = picture.contiguous(), program.plan, self._networks[network]
        gradient = torch.empty_like(picture)
        with loaded.lock:
            program.load(excitations)
            loaded.make_room(plan, self._threads)
            start = plan.frame_ops if loaded.owner is program else 0
            tensors = (loaded.memory, loaded.scratch, picture, gradient)
            self._kernels.run(plan.ops, start, self._threads, *tensors)
            loaded.owner = program
        return gradient

    def close(self) -> None:
        with self._lock:
            self._networks.clear()
            self._programs.clear()

    @torch.no_grad()
    def _program(self, key: Key) -> NativeProgram:
        with self._lock:
            if key in self._programs:
                self._programs.move_to_end(key)
                return self._programs[key]
            loaded = self._networks[key[0]]
        program = NativeProgram(
            loaded.network, loaded.module, loaded.weights, *key[1:], self._threads
        )
        with self._lock:
            if self._networks.get(key[0]) is loaded:
                self._programs[key] = program
                self._drop_oldest()
        return program

    def _drop_oldest(self) -> None:
        sizes = [ctypes.sizeof(each.plan.ops) for each in self._programs.values()]
        while len(sizes) > 1 and (len(sizes) > _MAX_PROGRAMS or sum(sizes) > _MAX_PROGRAM_BYTES):
            sizes.pop(0)
            self._programs.popitem(last=False)


def _keys(network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]) -> list[Key]:
    """Return the keys of all programs that these layers take at these sizes."""
    wanted = frozenset(layers)
    return [(network, wanted, size, whole) for size in sizes for whole in (False, True)]
