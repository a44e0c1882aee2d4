"""Compute gradients with ONNX Runtime.

There is one session for each set of layers and picture size. On the CPU all sessions of a network
share its weights.
"""

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
import torch
from torch import Tensor

from liveflight.engines.backend import Backend, Excitations, Objective
from liveflight.engines.onnx import session_limits, sessions
from liveflight.engines.onnx.graph import GRADIENT, PICTURE, GraphWriter, inputs
from liveflight.engines.onnx.graph_cache import GraphCache
from liveflight.engines.onnx.layouts import BlockedLayout, PlainLayout, embedded
from liveflight.engines.onnx.sessions import CPU, Provider
from liveflight.networks import Network
from liveflight.networks.layered import Features, Layered
from liveflight.system import malloc_tuning

log = logging.getLogger("liveflight.engines")

_LARGE_MAP_STRIDE = 2
"""Picture pixels per pixel of a map, along each side, up to which the map counts as large."""

_TRIAL_SIZE = (16, 16)
"""Height and width of the picture that a network is tried with."""

Key = tuple[str, frozenset[str], tuple[int, int], bool]
"""Network, layers, height and width, and whether whole layers can be objectives."""


@dataclass(frozen=True)
class _BoundSession:
    """Hold a session and its bound weights."""

    session: ort.InferenceSession
    binding: Any
    """Binds the weights; the other inputs and the output are bound anew for each run."""


@dataclass
class _OnnxNetwork:
    """Hold a network, and its weights as the sessions take them."""

    network: Network
    module: Layered
    digest: str
    dtype: type
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    """ONNX Runtime's values of `weights`, by name."""


class OnnxBackend(Backend):
    """Implement `engines.backend.Backend` on the first provider that loads.

    In half on CUDA, else in float32. On the CPU in ONNX Runtime's own blocked layout, where it has
    one for this processor."""

    def __init__(
        self,
        device: torch.device,
        cache: GraphCache | None = None,
        provider: Provider | None = None,
    ) -> None:
        """Use the `provider`, by default the first one that loads."""
        self._device = device
        self._cache = cache or GraphCache()
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self.provider = provider or self._choose_provider()
        """The execution provider in use; the CPU once another one has failed."""
        self._block = sessions.block() if self.on_cpu else 0
        self._networks: dict[str, _OnnxNetwork] = {}
        self._sessions: OrderedDict[Key, _BoundSession] = OrderedDict()
        self._dropped: deque[_BoundSession] = deque()
        self._lock = threading.Lock()

    @property
    def on_cpu(self) -> bool:
        """Return whether gradients run on the CPU."""
        return self.provider[0] == CPU

    def load(self, known: Network, module: Features, dtype: torch.dtype) -> torch.dtype:
        """Raise ONNX Runtime's error if not even the first layer makes a session."""
        assert isinstance(module, Layered)
        half = dtype == torch.float16 and not self.on_cpu
        loaded = _OnnxNetwork(known, module, _digest(module), np.float16 if half else np.float32)
        with self._lock:
            for key in [key for key in self._sessions if key[0] == known.name]:
                del self._sessions[key]
            self._networks[known.name] = loaded
        first = frozenset([known.layers[0].name])
        self._new_session((known.name, first, _TRIAL_SIZE, True), loaded)
        return torch.float16 if loaded.dtype == np.float16 else torch.float32

    def plan(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> None:
        for key in self._keys(network, layers, sizes):
            self._session(key)

    def planned(
        self, network: str, layers: Collection[str], sizes: Collection[tuple[int, int]]
    ) -> bool:
        # Without the lock: this is called every frame, and must not wait for slower threads.
        return network in self._networks and all(
            key in self._sessions for key in self._keys(network, layers, sizes)
        )

    def gradient(self, network: str, picture: Tensor, excitations: Excitations) -> Tensor:
        size = (picture.shape[-2], picture.shape[-1])
        whole = any(objective.whole for objective in excitations.values())
        whole = whole or all(self._whole_variants(network, excitations))
        key = self._smallest_sufficient((network, frozenset(excitations), size, whole))
        if key is None and len(excitations) == 1:
            key = (network, frozenset(excitations), size, whole)
        if key is not None:
            return self._run(key, picture, excitations)
        gradient = torch.zeros_like(picture)
        for layer, objective in excitations.items():
            gradient = gradient + self.gradient(network, picture, {layer: objective})
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
        """Return the keys of all sessions that these layers need at these sizes."""
        kinds, wanted = self._whole_variants(network, layers), frozenset(layers)
        return [(network, wanted, size, whole) for size in sizes for whole in kinds]

    def _whole_variants(self, network: str, layers: Collection[str]) -> tuple[bool, ...]:
        """Return, for each session of the same layers, whether whole layers can be objectives.

        A session without them is worth having where convolutions are dense, because it need not run
        the last one; where the deepest map is almost as large as the picture, because adding whole
        layers takes a tenth to half of the time there; and in half, where a map may then overflow
        without harm."""
        known = self._networks[network]
        deepest = max(known.network.layer(layer).stride for layer in layers)
        useful = known.network.dense or deepest <= _LARGE_MAP_STRIDE or known.dtype is np.float16
        return (False, True) if useful else (True,)

    def _smallest_sufficient(self, wanted: Key) -> Key | None:
        """Return the prepared session that serves these layers with the fewest others, or None."""
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
        where = torch.device("cpu") if self.on_cpu else self._device
        given = {PICTURE: picture.to(where).contiguous()}
        for layer in key[1]:
            objective = excitations.get(layer) or _zero_objective(
                known.network.layer(layer).channels
            )
            values = [objective.weights, torch.tensor([float(objective.centre)])]
            if key[3]:
                values.append(torch.tensor([float(objective.whole)]))
            for name, value in zip(inputs(layer), values, strict=False):
                given[name] = value.to(where, torch.float32).contiguous()
        gradient = torch.empty_like(given[PICTURE])
        for name, value in given.items():
            prepared.binding.bind_input(name, *_memory(value))
        prepared.binding.bind_output(GRADIENT, *_memory(gradient))
        self._run_bound(prepared, [*given.values(), gradient])
        return gradient.to(picture.device)

    def _run_bound(self, prepared: _BoundSession, used: list[Tensor]) -> None:
        session, binding = prepared.session, prepared.binding
        if self._stream is None or self.on_cpu:
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

    def _session(self, key: Key) -> _BoundSession:
        with self._lock:
            if key in self._sessions:
                self._sessions.move_to_end(key)
                return self._sessions[key]
            known = self._networks[key[0]]
        prepared = self._new_session(key, known)
        shared = self._block > 0
        with self._lock:
            self._sessions[key] = prepared
            while len(self._sessions) > session_limits.kept(shared):
                self._dropped.append(self._sessions.popitem(last=False)[1])
        # Without the lock: freeing a session ends its threads, and holds Python's lock meanwhile.
        while len(self._dropped) > session_limits.dropped(shared):
            self.tidy()
        return prepared

    def _new_session(self, key: Key, known: _OnnxNetwork) -> _BoundSession:
        if self._block:
            return self._shared_session(key, known)
        layout = PlainLayout({}, known.dtype)
        model = GraphWriter(known.network, known.module, *key[1:], layout).model()
        whole = embedded(model, layout).SerializeToString()
        try:
            session = sessions.session(whole, self.provider, optimise=True)
            return _BoundSession(session, session.io_binding())
        except Exception as error:
            if self.on_cpu:
                raise
            self._fall_back(str(error))
            return self._new_session(key, replace(known, dtype=np.float32))

    def _shared_session(self, key: Key, known: _OnnxNetwork) -> _BoundSession:
        """Return a session on the network's weights in the blocked layout."""
        network, layers, size, whole = key
        name = repr((network, known.digest, sorted(layers), size, whole, self._block))
        kept = self._cache.find(name)
        if kept is None or not known.weights.keys() >= _weight_names(kept):
            layout = BlockedLayout(self._block, known.weights)
            model = GraphWriter(known.network, known.module, *key[1:], layout).model()
            graph = model.SerializeToString()
            if graph != kept:
                self._cache.keep(name, graph)
            kept = graph
        session = sessions.session(kept, self.provider, optimise=False)
        binding = session.io_binding()
        for weight in _weight_names(kept):
            if weight not in known.values:
                known.values[weight] = ort.OrtValue.ortvalue_from_numpy(known.weights[weight])
            binding.bind_ortvalue_input(weight, known.values[weight])
        return _BoundSession(session, binding)

    def _choose_provider(self) -> Provider:
        stream = self._stream.cuda_stream if self._stream is not None else 0
        for provider in sessions.providers(self._device, stream):
            if provider[0] == CPU or sessions.loads(provider):
                return provider
            _warn_once(f"ONNX Runtime's {provider[0]} does not load: liveflight doctor says why")
        _warn_once("--engine onnx runs on the CPU")
        return CPU, {}

    def _fall_back(self, why: str) -> None:
        first_line = why.splitlines()[0]
        _warn_once(f"{self.provider[0]} fails, so --engine onnx runs on the CPU: {first_line}")
        with self._lock:
            self.provider = CPU, {}
            self._block = sessions.block()
            self._sessions.clear()
            for known in self._networks.values():
                known.dtype = np.float32


@lru_cache
def _warn_once(what: str) -> None:
    log.warning(what)


def _digest(module: Layered) -> str:
    """Return the SHA-256 of everything that a graph of the module depends on."""
    digest = hashlib.sha256(f"{module!r} {module.skips}".encode())
    for name, value in module.state_dict().items():
        digest.update(name.encode())
        digest.update(value.numpy())
    return digest.hexdigest()


def _weight_names(graph: bytes) -> set[str]:
    """Return the inputs of a graph that are weights: only their names have dots."""
    return {
        each.name for each in onnx.load_model_from_string(graph).graph.input if "." in each.name
    }


def _zero_objective(channels: int) -> Objective:
    return Objective(torch.zeros(channels))


def _memory(tensor: Tensor) -> tuple[str, int, type, tuple[int, ...], int]:
    """Return device, index, type, shape and address of a float32 tensor for ONNX Runtime."""
    device = tensor.device
    return device.type, device.index or 0, np.float32, tuple(tensor.shape), tensor.data_ptr()
