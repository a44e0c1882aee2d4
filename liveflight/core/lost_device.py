"""Recognise errors after which a process can no longer compute. Pure.

An error on a CUDA device such as an illegal access is sticky: every later call of the process fails
too. Too little GPU memory is not.
"""

from __future__ import annotations

import re
from typing import Literal

from liveflight.core.contracts import OutOfMemoryError

Loss = Literal["gpu", "memory", ""]
"""The GPU, the machine's memory, or nothing."""

_STICKY = re.compile(
    r"illegal memory access|illegal instruction|illegal address|misaligned address"
    r"|unspecified launch failure|device-side assert|hardware stack error|launch timed out"
    r"|launch timeout|invalid program counter|uncorrectable ECC|GPU (is|has been) lost"
    r"|fallen off the bus|context is destroyed|no longer available"
    r"|CUDA-capable device(s|\(s\)) (is|are|is/are) busy or unavailable|unknown error"
    r"|cudaError(IllegalAddress|LaunchFailure|LaunchTimeout|Assert|EccUncorrectable|Unknown"
    r"|DevicesUnavailable|HardwareStackError|IllegalInstruction|MisalignedAddress|InvalidPc)"
    r"|CUDA_ERROR_(ILLEGAL_ADDRESS|LAUNCH_FAILED|LAUNCH_TIMEOUT|ASSERT|ECC_UNCORRECTABLE|UNKNOWN"
    r"|DEVICE_UNAVAILABLE|HARDWARE_STACK_ERROR|ILLEGAL_INSTRUCTION|MISALIGNED_ADDRESS"
    r"|INVALID_PC|CONTEXT_IS_DESTROYED)"
    r"|cudaErrorDeviceUnavailable|CUDNN_STATUS_EXECUTION_FAILED",
    re.IGNORECASE,
)
_OF_CUDA = re.compile(r"CUDA|cuDNN|NVML|acceleratorerror", re.IGNORECASE)
_MAX_CHAIN = 10


def lost(error: object) -> Loss:
    """Return what an error, or one that caused it, says is lost; empty where the show can go on.

    `error`: an exception, or a fault's text."""
    for _ in range(_MAX_CHAIN):
        said = (
            f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else str(error)
        )
        if _OF_CUDA.search(said) and _STICKY.search(said):
            return "gpu"
        if isinstance(error, MemoryError | OutOfMemoryError):
            return "memory"
        if not isinstance(error, BaseException) or not (error := error.__cause__):
            break
    return ""
