"""Choose the device and the number format in which torch computes."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from functools import partial

import torch

from liveflight.core.contracts import LiveflightError
from liveflight.engines import autotuning
from liveflight.engines.convolution import Geometry
from liveflight.engines.torch import convolution_choice


def choose(name: str) -> torch.device:
    """Return the device called `cuda`, `mps` or `cpu`, or for `auto` the first that is present.

    Raises LiveflightError where it is not present."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(device for device, present in available.items() if present))
    if not available.get(name):
        allowed = ", ".join(["auto", *(device for device, present in available.items() if present)])
        raise LiveflightError(f"there is no device {name!r} on this machine; there is: {allowed}")
    return torch.device(name)


def describe(name: str) -> tuple[str, float]:
    """Return the name and the memory in MiB of the device that `choose` returns; `cpu` has 0.

    Raises LiveflightError as `choose` does."""
    device = choose(name)
    if device.type != "cuda":
        return ("Apple's GPU" if device.type == "mps" else "cpu"), 0.0
    properties = torch.cuda.get_device_properties(device)
    return str(properties.name), properties.total_memory / 2**20


def take(local_rank: int, environment: MutableMapping[str, str] = os.environ) -> None:
    """Let this process see one GPU of the machine's: the one for its number among the ranks.

    Where there are fewer GPUs than ranks, some share one. Call it before anything uses CUDA."""
    named = environment.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count() if named is None else 0
    names = list(map(str, range(count))) if named is None else named.split(",")
    if len(names) > 1:
        environment["CUDA_VISIBLE_DEVICES"] = names[local_rank % len(names)]


def precision(device: torch.device, dense: bool) -> torch.dtype:
    """Return the format to try for a network's convolutions.

    `dense`: most of the network's work is in full convolutions. On GPUs half; the engine then
    checks that it agrees with float32. On the CPU never half, which torch emulates there. bfloat16
    may double the speed of VGG where the processor multiplies it (AVX512-BF16, AMX): that is
    measured. Depthwise convolutions are faster in float32."""
    if device.type in ("cuda", "mps"):
        return torch.float16
    if device.type == "cpu" and dense and _cpu_multiplies_bfloat16() and _bfloat16_wins():
        return torch.bfloat16
    return torch.float32


def _cpu_multiplies_bfloat16() -> bool:
    abilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))


def _bfloat16_wins() -> bool:
    """Return whether a convolution like VGG's is faster in bfloat16, each done its fastest way."""
    weight, x = torch.zeros(128, 128, 3, 3), torch.zeros(1, 128, 64, 64)
    geometry = Geometry((1, 1), (1, 1), 1)
    ways = {}
    for dtype in (torch.float32, torch.bfloat16):
        convolution = convolution_choice.fastest(weight.to(dtype), None, geometry)
        given = x.to(dtype, memory_format=torch.channels_last)
        ways[str(dtype)] = partial(convolution.forward, given)
    return autotuning.fastest("format of dense networks", ways) == str(torch.bfloat16)
