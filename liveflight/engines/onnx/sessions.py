"""Make ONNX Runtime sessions: choose providers and options, and what sessions share."""

from __future__ import annotations

import importlib.util
import logging
from functools import lru_cache

import numpy as np
import onnxruntime as ort
import torch
from onnx import TensorProto, helper

from liveflight.engines.onnx.layouts import BLOCKED_DOMAIN, IR, OPSET
from liveflight.system import folders

log = logging.getLogger("liveflight.engines")

_ERRORS_ONLY, _FATAL_ONLY = 3, 4  # of ONNX Runtime's log, which goes to standard error

CPU, CUDA, TENSORRT = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt"))

Provider = tuple[str, dict[str, str]]

_LEVELS = ort.GraphOptimizationLevel


def session(model: bytes, provider: Provider, optimise: bool) -> ort.InferenceSession:
    """Return a session on the provider; what that cannot run runs on the CPU.

    `optimise`: False for a model that is already as it shall run. If full optimisation fails, the
    simplest is tried: fusions may leave nodes that no kernel takes. Raises ONNX Runtime's error."""
    providers = [provider] if provider[0] == CPU else [provider, (CPU, {})]
    levels = (_LEVELS.ORT_ENABLE_ALL, _LEVELS.ORT_ENABLE_BASIC)
    for level in levels if optimise else (_LEVELS.ORT_DISABLE_ALL,):
        try:
            return ort.InferenceSession(model, _options(level), providers=providers)
        except Exception as error:  # its own exceptions have no common parent
            failure = error
            log.debug("no session at %s: %s", level, error)
    raise failure


def _options(level: ort.GraphOptimizationLevel) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = _FATAL_ONLY
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    # Threads that spin between runs take cores from torch, which conditions the gradient, and from
    # GL: beside spinning threads, 1.4 ms of conditioning took 5 to 9 ms. So each session has its
    # own threads. A pool for all sessions cannot be told from Python not to spin; with it a step
    # took a fifth longer, and half as much processor time again.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.intra_op.spin_duration_us", "50")
    if shared_arena():
        options.add_session_config_entry("session.use_env_allocators", "1")
    return options


@lru_cache(maxsize=1)
def shared_arena() -> bool:
    """Register one memory arena for all sessions' activations; return whether that worked.

    With an arena of its own, each session would hold 40 MB and more."""
    place = ort.OrtMemoryInfo(
        "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
    )
    try:
        ort.create_and_register_allocator(place, ort.OrtArenaCfg({"arena_extend_strategy": 1}))
    except Exception as error:
        log.debug("no shared arena: %s", error)
        return False
    return True


@lru_cache(maxsize=1)
def block() -> int:
    """Return the channels per block of ONNX Runtime's layout on this processor; 0 without one."""
    shape = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 1, 1])
    blocked = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node("ReorderInput", ["x"], ["y"], domain=BLOCKED_DOMAIN)
    model = helper.make_model(
        helper.make_graph([node], "block", [shape], [blocked]),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(BLOCKED_DOMAIN, 1)],
        ir_version=IR,
    )
    try:
        probe = session(model.SerializeToString(), (CPU, {}), optimise=False)
        (found,) = probe.run(None, {"x": np.ones((1, 4, 1, 1), np.float32)})
    except Exception as error:
        log.debug("no blocked layout: %s", error)
        return 0
    return int(found.shape[1]) if found.shape[1] in (8, 16) else 0


def providers(device: torch.device, stream: int) -> list[Provider]:
    """Return the providers for a device, the fastest first. `stream`: a cudaStream_t, for CUDA."""
    if device.type != "cuda":
        return [(CPU, {})]
    place = {"device_id": str(device.index or 0), "user_compute_stream": str(stream)}
    found: list[Provider] = [
        (
            CUDA,
            {
                **place,
                "prefer_nhwc": "1",
                "fuse_conv_bias": "1",
                "cudnn_conv_algo_search": "EXHAUSTIVE",
                "cudnn_conv_use_max_workspace": "1",
            },
        )
    ]
    if importlib.util.find_spec("tensorrt_libs") is not None:
        options = {**place, "trt_fp16_enable": "1", **_tensorrt_cache()}
        found.insert(0, (TENSORRT, options))
    return found


def _tensorrt_cache() -> dict[str, str]:
    """Return the options that keep engines for the next flight in a private folder."""
    try:
        folder = str(folders.private(folders.caches() / "tensorrt"))
    except OSError:
        return {}
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": folder,
    }


def loads(provider: Provider) -> bool:
    """Return whether a provider can run a model at all: what is compiled in need not load."""
    shape = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    node = helper.make_node("Identity", ["x"], ["y"])
    model = helper.make_model(
        helper.make_graph([node], "smallest", shape[:1], shape[1:]),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
    )
    ort.set_default_logger_severity(_FATAL_ONLY)
    try:
        found = session(model.SerializeToString(), provider, optimise=False)
    except Exception as error:
        log.debug("%s: %s", provider[0], error)
        return False
    finally:
        ort.set_default_logger_severity(_ERRORS_ONLY)
    return bool(found.get_providers()[0] == provider[0])
