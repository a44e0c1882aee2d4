"""Read what CUDA uses, where it has been used at all."""

from __future__ import annotations

import sys
from contextlib import suppress

_MIB = 2**20


def memory_mib() -> float | None:
    """Return the GPU memory that torch has reserved in MiB; None without CUDA."""
    torch = sys.modules.get("torch")  # never loaded for this
    with suppress(Exception):  # a GPU may be lost
        if torch and torch.cuda.is_initialized():
            return float(torch.cuda.memory_reserved() / _MIB)
    return None


def temperature() -> float | None:
    """Return the GPU's temperature in degrees Celsius; None without CUDA or NVIDIA's pynvml."""
    torch = sys.modules.get("torch")
    with suppress(Exception):  # the driver may refuse, and pynvml be absent
        if torch and torch.cuda.is_initialized():
            return float(torch.cuda.temperature())
    return None
