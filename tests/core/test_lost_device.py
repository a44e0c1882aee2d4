from __future__ import annotations

import pytest

from liveflight.core.contracts import LiveflightError, OutOfMemoryError
from liveflight.core.lost_device import lost

STICKY = [
    "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be ...",
    "CUDA error: device-side assert triggered",
    "CUDA error: unspecified launch failure",
    "CUDA error: misaligned address",
    "CUDA error: the launch timed out and was terminated",
    "CUDA error: uncorrectable ECC error encountered",
    "CUDA error: CUDA-capable device(s) is/are busy or unavailable",
    "CUDA error: all CUDA-capable devices are busy or unavailable",
    "CUDA error: unknown error",
    "CUDA driver error: GPU is lost",
    "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    "[ONNXRuntimeError] CUDA failure 700: an illegal memory access was encountered",
    "CUDA_ERROR_ILLEGAL_ADDRESS (700)",
    "cudaErrorDevicesUnavailable",
]


@pytest.mark.parametrize("text", STICKY)
def test_sticky_errors_of_cuda_lose_the_gpu(text: str) -> None:
    assert lost(RuntimeError(text)) == "gpu"
    assert lost(f"an ascent step failed: {text}") == "gpu"
    wrapped = LiveflightError("vgg16 cannot be loaded")
    wrapped.__cause__ = RuntimeError(text)
    assert lost(wrapped) == "gpu"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: invalid argument"),
        RuntimeError("shape mismatch in CUDA kernel's arguments"),
        LiveflightError("no MIDI port: unknown error"),
        ValueError("the device is no longer available"),
        "a camera is no longer available",
        "",
        None,
    ],
)
def test_other_errors_do_not(error: object) -> None:
    assert lost(error) == ""


def test_too_little_memory() -> None:
    assert lost(MemoryError()) == "memory"
    assert lost(OutOfMemoryError("a step at 9x9 does not fit")) == "memory"


def test_errors_that_cause_each_other_in_a_ring_are_no_trap() -> None:
    one, two = ValueError(), ValueError()
    one.__cause__, two.__cause__ = two, one
    assert lost(one) == ""
