"""Load engines, which take ascent steps: implementations of `core.contracts.Engine`.

Each engine has a name in `NAMES` and computes gradients in its own way. Importing this package
loads no runtime.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from liveflight.core.contracts import Engine, LiveflightError
from liveflight.system import malloc_tuning

if TYPE_CHECKING:
    import torch

    from liveflight.engines.backend import Backend

NATIVE = "compiled"
"""The engine that runs on the CPU alone."""


def load(
    name: str = "auto",
    device: str = "auto",
    weights: Mapping[str, Path] | None = None,
    *,
    repeatable: bool = False,
) -> Engine:
    """Return the engine of that name; its runtime is imported only now.

    `weights`: files for some networks, by their names. `repeatable`: computes alike each time on
    this machine, even where the fastest way cannot be remembered.
    Raises LiveflightError for a name or device that is not here."""
    if name not in NAMES:
        raise LiveflightError(f"there is no engine {name!r}; there is: {', '.join(NAMES)}")
    _set_up_process()
    from liveflight.engines import autotuning, devices
    from liveflight.engines.ascent_engine import AscentEngine
    from liveflight.engines.fallback import FallbackBackend

    chosen = devices.choose("cpu" if (name, device) == (NATIVE, "auto") else device)
    autotuning.timings().repeatable = repeatable
    if chosen.type == "cpu":
        malloc_tuning.keep_freed_memory()
    if chosen.type == "cuda" and name in ("auto", "torch"):
        from liveflight.engines.cuda.engine import StaticEngine

        return StaticEngine(chosen, weights)
    backend = _BACKENDS[name](chosen)
    if name != "autograd":
        backend = FallbackBackend(backend, chosen)
    return AscentEngine(backend, chosen, weights)


def chosen_by_auto(networks: Collection[str]) -> dict[str, dict[str, float]]:
    """Return, by network, the seconds that each engine took for a gradient on the CPU.

    Of the engines that `auto` chooses from; the chosen one comes first. Empty for a network that no
    flight has measured yet."""
    from liveflight.engines import fastest

    candidates = _cpu_candidates()
    found = {name: fastest.remembered(name, candidates) for name in networks}
    return {
        name: dict(sorted(times.items(), key=lambda pair: pair[1])) for name, times in found.items()
    }


def remembers() -> bool:
    """Return whether measured times can be remembered from flight to flight."""
    from liveflight.engines import autotuning

    return autotuning.timings().writable()


def preload() -> None:
    """Import the runtime, which takes seconds: a show does so while it opens its window."""
    _set_up_process()
    import liveflight.engines.ascent_engine  # noqa: F401


def _autograd(device: torch.device) -> Backend:
    from liveflight.engines.autograd import AutogradBackend

    return AutogradBackend(device)


def _torch(device: torch.device) -> Backend:
    from liveflight.engines.torch.backend import TorchBackend

    return TorchBackend(device)


def _onnx(device: torch.device) -> Backend:
    from liveflight.engines.onnx.backend import OnnxBackend

    return OnnxBackend(device)


def _native(device: torch.device) -> Backend:
    from liveflight.engines.native.backend import NativeBackend

    if device.type != "cpu":
        raise LiveflightError(
            f"--engine {NATIVE} is for the processor, not for {device.type}: "
            "choose --device cpu, or --engine auto"
        )
    return NativeBackend()


def _fastest(device: torch.device) -> Backend:
    from liveflight.engines.fastest import FastestBackend

    if device.type != "cpu":
        return _torch(device)
    return FastestBackend({name: partial(_BACKENDS[name], device) for name in _cpu_candidates()})


def _cpu_candidates() -> tuple[str, ...]:
    """Return the engines that `auto` chooses from on a CPU.

    Without a compiler the choice is remembered separately: it is measured anew once there is
    one."""
    from liveflight.engines.native import kernels

    return ("torch", "onnx", *([NATIVE] if kernels.find_compiler() else []))


_BACKENDS: dict[str, Callable[[torch.device], Backend]] = {
    "auto": _fastest,
    "torch": _torch,
    "onnx": _onnx,
    NATIVE: _native,
    "autograd": _autograd,
}
NAMES = tuple(_BACKENDS)


def _set_up_process() -> None:
    """Set what torch and its threads read as they are loaded: call it before importing torch."""
    malloc_tuning.one_arena_per_thread()
    _limit_spinning()
    # Feature maps of all sizes come and go: in segments per size they take a third more memory.
    if sys.platform == "linux":
        os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")


def _limit_spinning() -> None:
    """Let libgomp's threads spin only briefly between two operations.

    By default they spin for milliseconds. On a few cores that takes time from the very thread that
    is waited for: another program's, ONNX Runtime's or one of our own kernels. This limit costs
    torch's own operations nothing that can be measured; 2,000 rounds cost a step by our kernels a
    fifth."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "100")
