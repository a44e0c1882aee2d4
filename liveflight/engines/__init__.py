"""What takes ascent steps, behind the contract `core.contracts.Engine`. One module here is one way
to a gradient, and its name below."""

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

DEVICES = ("auto", "cuda", "mps", "cpu")
ON_PROCESSOR = "compiled"
"""The engine that knows no other device."""


def load(
    name: str = "auto",
    device: str = "auto",
    seed: int = 0,
    weights: Mapping[str, Path] | None = None,
    *,
    repeatable: bool = False,
) -> Engine:
    """The engine of that name; its runtime is imported only now.

    `weights`: files for some networks, by their names. `repeatable`: computes alike each time on
    this machine, even where it cannot be remembered what is the fastest here.
    Raises LiveflightError for a name or device that is not here."""
    if name not in NAMES:
        raise LiveflightError(f"there is no engine {name!r}; there is: {', '.join(NAMES)}")
    _set_up()
    from liveflight.engines import autotuning, devices
    from liveflight.engines.ascent_engine import AscentEngine
    from liveflight.engines.fallback import FallbackBackend

    chosen = devices.choose("cpu" if (name, device) == (ON_PROCESSOR, "auto") else device)
    autotuning.here().repeatable = repeatable
    if chosen.type == "cpu":
        malloc_tuning.keep_freed_memory()
    if chosen.type == "cuda" and name in ("auto", "torch"):
        from liveflight.engines.cuda.engine import StaticEngine

        return StaticEngine(chosen, seed, weights)
    backend = _BACKENDS[name](chosen)
    if name != "autograd":
        backend = FallbackBackend(backend, chosen)
    return AscentEngine(backend, chosen, seed, weights)


def chosen_by_auto(networks: Collection[str]) -> dict[str, dict[str, float]]:
    """Seconds that a gradient of each of these took on the processor by each engine that `auto`
    chooses from there, the chosen one first; empty where no flight has measured it yet."""
    from liveflight.engines import fastest

    able = _able()
    found = {name: fastest.remembered(name, able) for name in networks}
    return {
        name: dict(sorted(times.items(), key=lambda pair: pair[1])) for name, times in found.items()
    }


def remembers() -> bool:
    """Whether it can be remembered from flight to flight what is the fastest here."""
    from liveflight.engines import autotuning

    return autotuning.here().writable()


def preload() -> None:
    """Imports the runtime: seconds that a show can spend beside opening its window."""
    _set_up()
    import liveflight.engines.ascent_engine  # noqa: F401


def _autograd(device: torch.device) -> Backend:
    from liveflight.engines.autograd import AutogradBackend

    return AutogradBackend(device)


def _derived(device: torch.device) -> Backend:
    from liveflight.engines.torch.backend import TorchBackend

    return TorchBackend(device)


def _onnx(device: torch.device) -> Backend:
    from liveflight.engines.onnx.backend import OnnxBackend

    return OnnxBackend(device)


def _compiled(device: torch.device) -> Backend:
    from liveflight.engines.native.backend import NativeBackend

    if device.type != "cpu":
        raise LiveflightError(
            f"--engine {ON_PROCESSOR} is for the processor, not for {device.type}: "
            "choose --device cpu, or --engine auto"
        )
    return NativeBackend()


def _fastest(device: torch.device) -> Backend:
    from liveflight.engines.fastest import FastestBackend

    if device.type != "cpu":
        return _derived(device)
    return FastestBackend({name: partial(make, device) for name, make in _able().items()})


def _able() -> dict[str, Callable[[torch.device], Backend]]:
    """What `auto` chooses from on a CPU. Without a compiler that is another question: it is asked
    anew once there is one."""
    from liveflight.engines.native import kernels

    able = dict(_ON_CPU)
    if not kernels.has_compiler():
        del able[ON_PROCESSOR]
    return able


_ON_CPU: dict[str, Callable[[torch.device], Backend]] = {
    "torch": _derived,
    "onnx": _onnx,
    ON_PROCESSOR: _compiled,
}
"""What `auto` chooses from there, where a C compiler is."""

_BACKENDS: dict[str, Callable[[torch.device], Backend]] = {
    "auto": _fastest,
    "torch": _derived,
    "onnx": _onnx,
    ON_PROCESSOR: _compiled,
    "autograd": _autograd,
}
NAMES = tuple(_BACKENDS)


def _set_up() -> None:
    """Has to come before torch is imported."""
    malloc_tuning.one_arena_per_thread()
    _calm_threads()
    # Maps of all sizes come and go: kept apart by size, they take a third more of the GPU's memory.
    if sys.platform == "linux":
        os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")


def _calm_threads() -> None:
    """Between two operations libgomp's threads spin, by default for milliseconds. Where another
    program wants one of a few cores, or the threads of ONNX Runtime or of our own kernels are to go
    on with what torch has just left, they spin away the time of the very thread that is waited for.
    So few rounds cost torch's own operations nothing that can be measured; 2,000 cost a step by our
    kernels a fifth."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "100")
