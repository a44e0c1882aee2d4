"""Gradients by ONNX Runtime: one session for each set of layers and picture size, all of a network
on the same weights."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import psutil
import torch
from torch import Tensor

from liveflight.engines.backend import Excitations, Objective
from liveflight.engines.onnx import graph as onnx_graph
from liveflight.engines.onnx import sessions
from liveflight.engines.onnx.graph_cache import GraphCache
from liveflight.engines.onnx.layouts import Blocked, Plain
from liveflight.engines.onnx.sessions import CPU, Provider
from liveflight.networks import Network
from liveflight.networks.layered import Features, Layered
from liveflight.system import malloc_tuning

log = logging.getLogger("liveflight.engines")

_MOST_OWN = 32
"""Sessions that are kept where each has its own weights."""

_SHARE, _EACH, _FEWEST = 1 / 32, 3.5 * 2**20, 112
"""Where they share them, sessions may take this part of the machine's memory at so many bytes each,
but so many there are always: a mix takes some 8, one at each scale (twice as many where they are of
two `_kinds`), and presets foresee a dozen mixes, which would be made and dropped without end where
they had no room."""

_MOST_THREADS = 4096
"""Of all sessions, above the fewest."""

_MOST_DROPPED, _MOST_DROPPED_OWN = 32, 4
"""Sessions that wait for `tidy`: where they share their weights, and where each has its own."""

_LARGE_MAPS = 2
"""Pixels of the picture per pixel, along each side, of maps that are large."""

_SMALLEST = (16, 16)
"""Height and width of the picture that a network is tried with."""

Key = tuple[str, frozenset[str], tuple[int, int], bool]
"""Network, layers, height and width, and whether whole layers can be excited."""


@dataclass(frozen=True)
class _Prepared:
    session: ort.InferenceSession
    binding: Any
    """Of its weights; the other inputs and the output are bound anew for each run."""


@dataclass
class _Known:
    network: Network
    module: Layered
    digest: str
    dtype: type
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    """The weights as the sessions take them, by name."""


class OnnxBackend:
    """`engines.backend.Backend` on the first provider that loads; in float32 but on CUDA.

    On the CPU in ONNX Runtime's own blocked layout, where it has one here."""

    def __init__(self, device: torch.device, cache: GraphCache | None = None) -> None:
        self._device = device
        self._cache = cache or GraphCache()
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._provider = self._chosen()
        self.provider = self._provider[0]
        """The name of ONNX Runtime's provider that the gradients run on."""
        self._blocked = sessions.block() if self.provider == CPU else 0
        self._networks: dict[str, _Known] = {}
        self._sessions: OrderedDict[Key, _Prepared] = OrderedDict()
        self._dropped: deque[_Prepared] = deque()
        self._lock = threading.Lock()

    def load(self, known: Network, module: Features, dtype: torch.dtype) -> torch.dtype:
        """Raises what ONNX Runtime does where not even its first layer makes a session."""
        assert isinstance(module, Layered)
        half = dtype == torch.float16 and self.provider != CPU
        loaded = _Known(known, module, _digest(module), np.float16 if half else np.float32)
        with self._lock:
            for key in [key for key in self._sessions if key[0] == known.name]:
                del self._sessions[key]
            self._networks[known.name] = loaded
        first = frozenset([known.layers[0].name])
        self._made((known.name, first, _SMALLEST, True), loaded)
        return torch.float16 if loaded.dtype == np.float16 else torch.float32

    def plan(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> None:
        for key in self._keys(network, layers, sizes):
            self._session(key)

    def planned(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> bool:
        # Without the lock: asked in every frame, which would wait for threads that stand back.
        return network in self._networks and all(
            key in self._sessions for key in self._keys(network, layers, sizes)
        )

    def gradient(self, network: str, picture: Tensor, excitations: Excitations) -> Tensor:
        size = (picture.shape[-2], picture.shape[-1])
        whole = any(excited.whole for excited in excitations.values())
        whole = whole or all(self._kinds(network, excitations))
        key = self._nearest((network, frozenset(excitations), size, whole))
        if key is None and len(excitations) == 1:
            key = (network, frozenset(excitations), size, whole)
        if key is not None:
            return self._run(key, picture, excitations)
        gradient = torch.zeros_like(picture)
        for layer, excited in excitations.items():
            gradient = gradient + self.gradient(network, picture, {layer: excited})
        return gradient

    def tidy(self) -> bool:
        with suppress(IndexError):
            self._dropped.popleft()
            malloc_tuning.consolidate_freed_memory()
        return bool(self._dropped)

    def close(self) -> None:
        with self._lock:
            self._sessions.clear()
            self._networks.clear()
            self._dropped.clear()

    def _keys(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> list[Key]:
        """Of all sessions that these layers take at these sizes."""
        kinds, wanted = self._kinds(network, layers), frozenset(layers)
        return [(network, wanted, size, whole) for size in sizes for whole in kinds]

    def _kinds(self, network: str, layers: Collection[str]) -> tuple[bool, ...]:
        """Whether whole layers can be excited, of each session for the same layers.

        One without is of use where convolutions are dense, of which it need not run the last; where
        the deepest map is almost as large as the picture, so that what is added for whole layers
        takes a tenth to half of the time; and in half, where a map may overflow harmlessly."""
        known = self._networks[network]
        deepest = max(known.network.layer(layer).stride for layer in layers)
        useful = known.network.dense or deepest <= _LARGE_MAPS or known.dtype is np.float16
        return (False, True) if useful else (True,)

    def _nearest(self, wanted: Key) -> Key | None:
        """The prepared session for no more than these layers' gradient, or for the fewest more."""
        network, layers, size, whole = wanted
        with self._lock:
            able = [
                key
                for key in self._sessions
                if key[0] == network and key[2] == size and key[1] >= layers and key[3] >= whole
            ]
        return min(able, key=lambda key: (len(key[1]), key[3]), default=None)

    def _run(self, key: Key, picture: Tensor, excitations: Excitations) -> Tensor:
        prepared, known = self._session(key), self._networks[key[0]]
        where = self._device if self.provider != CPU else torch.device("cpu")
        given = {onnx_graph.PICTURE: picture.to(where).contiguous()}
        for layer in key[1]:
            excited = excitations.get(layer) or _nothing(known.network.layer(layer).channels)
            values = [excited.weights, torch.tensor([float(excited.centre)])]
            if key[3]:
                values.append(torch.tensor([float(excited.whole)]))
            for name, value in zip(onnx_graph.inputs(layer), values, strict=False):
                given[name] = value.to(where, torch.float32).contiguous()
        gradient = torch.empty_like(given[onnx_graph.PICTURE])
        for name, value in given.items():
            prepared.binding.bind_input(name, *_place(value))
        prepared.binding.bind_output(onnx_graph.GRADIENT, *_place(gradient))
        self._execute(prepared, [*given.values(), gradient])
        return gradient.to(picture.device)

    def _execute(self, prepared: _Prepared, used: list[Tensor]) -> None:
        session, binding = prepared.session, prepared.binding
        if self._stream is None or self.provider == CPU:
            session.run_with_iobinding(binding)
            return
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        options = ort.RunOptions()
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        session.run_with_iobinding(binding, options)
        current.wait_stream(self._stream)
        for tensor in used:
            tensor.record_stream(self._stream)

    def _session(self, key: Key) -> _Prepared:
        with self._lock:
            if key in self._sessions:
                self._sessions.move_to_end(key)
                return self._sessions[key]
            known = self._networks[key[0]]
        prepared = self._made(key, known)
        with self._lock:
            self._sessions[key] = prepared
            while len(self._sessions) > (_most_sharing() if self._blocked else _MOST_OWN):
                self._dropped.append(self._sessions.popitem(last=False)[1])
        # Without the lock: a session takes its threads down, and Python is not let go of meanwhile.
        while len(self._dropped) > (_MOST_DROPPED if self._blocked else _MOST_DROPPED_OWN):
            self.tidy()
        return prepared

    def _made(self, key: Key, known: _Known) -> _Prepared:
        if self._blocked:
            return self._sharing(key, known)
        layout = Plain({}, known.dtype)
        model = onnx_graph.Writer(known.network, known.module, *key[1:], layout).model()
        whole = onnx_graph.embedded(model, layout).SerializeToString()
        try:
            session = sessions.session(whole, self._provider, optimise=True)
            return _Prepared(session, session.io_binding())
        except Exception as error:
            if self.provider == CPU:
                raise
            self._fall_back(str(error))
            return self._made(key, replace(known, dtype=np.float32))

    def _sharing(self, key: Key, known: _Known) -> _Prepared:
        """A session on the network's laid out weights."""
        network, layers, size, whole = key
        name = repr((network, known.digest, sorted(layers), size, whole, self._blocked))
        kept = self._cache.find(name)
        if kept is None or not known.weights.keys() >= _weights_of(kept):
            layout = Blocked(self._blocked, known.weights)
            model = onnx_graph.Writer(known.network, known.module, *key[1:], layout).model()
            graph = model.SerializeToString()
            if graph != kept:
                self._cache.keep(name, graph)
            kept = graph
        session = sessions.session(kept, self._provider, optimise=False)
        binding = session.io_binding()
        for weight in _weights_of(kept):
            if weight not in known.values:
                known.values[weight] = ort.OrtValue.ortvalue_from_numpy(known.weights[weight])
            binding.bind_ortvalue_input(weight, known.values[weight])
        return _Prepared(session, binding)

    def _chosen(self) -> Provider:
        stream = self._stream.cuda_stream if self._stream is not None else 0
        for provider in sessions.providers(self._device, stream):
            if provider[0] == CPU or sessions.loads(provider):
                return provider
            _say_once(f"ONNX Runtime's {provider[0]} does not load: liveflight doctor says why")
        _say_once("--engine onnx runs on the CPU")
        return CPU, {}

    def _fall_back(self, why: str) -> None:
        _say_once(f"{self.provider} fails, so --engine onnx runs on the CPU: {why.splitlines()[0]}")
        with self._lock:
            self._provider, self.provider = (CPU, {}), CPU
            self._blocked = sessions.block()
            self._sessions.clear()
            for known in self._networks.values():
                known.dtype = np.float32


@lru_cache(maxsize=1)
def _most_sharing() -> int:
    if not sessions.shared_arena():
        return _MOST_OWN
    room = int(psutil.virtual_memory().total * _SHARE / _EACH)
    return max(_FEWEST, min(room, _MOST_THREADS // max(1, torch.get_num_threads() - 1)))


@lru_cache
def _say_once(what: str) -> None:
    log.warning(what)


def _digest(module: Layered) -> str:
    """Of everything that a graph of the module depends on."""
    digest = hashlib.sha256(f"{module!r} {module.skips}".encode())
    for name, value in module.state_dict().items():
        digest.update(name.encode())
        digest.update(value.numpy())
    return digest.hexdigest()


def _weights_of(graph: bytes) -> set[str]:
    """The inputs of a graph that are weights: picture and excitations have no dots."""
    return {
        each.name for each in onnx.load_model_from_string(graph).graph.input if "." in each.name
    }


def _nothing(channels: int) -> Objective:
    return Objective(torch.zeros(channels))


def _place(tensor: Tensor) -> tuple[str, int, type, tuple[int, ...], int]:
    """Where ONNX Runtime finds a float32 tensor's memory."""
    device = tensor.device
    return device.type, device.index or 0, np.float32, tuple(tensor.shape), tensor.data_ptr()
