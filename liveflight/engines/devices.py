"""Where torch computes, and in which number format."""

from __future__ import annotations

import torch

from liveflight.core.contracts import LiveflightError


def choose(name: str) -> torch.device:
    """The device called `auto`, `cuda`, `mps` or `cpu`; auto takes the first of them that is here.

    Raises LiveflightError where it is not."""
    here = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(device for device, present in here.items() if present))
    if not here.get(name):
        allowed = ", ".join(["auto", *(device for device, present in here.items() if present)])
        raise LiveflightError(f"there is no device {name!r} on this machine; there is: {allowed}")
    return torch.device(name)


def precision(device: torch.device, dense: bool) -> torch.dtype:
    """The format for a network's convolutions. `dense`: most of its work is in full convolutions.

    On the CPU half is never used: torch emulates it there. bfloat16 doubles the speed of VGG where
    the processor multiplies it (AVX512-BF16, AMX), while depthwise convolutions run faster in
    float32."""
    if device.type == "cuda":
        return torch.float16
    if device.type == "cpu" and dense and _cpu_multiplies_bfloat16():
        return torch.bfloat16
    return torch.float32


def _cpu_multiplies_bfloat16() -> bool:
    abilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))
