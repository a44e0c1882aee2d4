"""Compile and launch `kernels.cu`: in one pass what takes torch many passes over the memory.

NVRTC, which comes with torch, compiles them, so the machine needs no compiler. Where that fails,
torch's own operations do the same.
"""

from __future__ import annotations

import ctypes
import logging
import math
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from typing import Any

import torch
from torch import Tensor

from liveflight.engines.convolution import HeightWidth
from liveflight.engines.relu import Relu

log = logging.getLogger("liveflight.engines")

_NAMES = ("pool", "unpool", "depthwise", "depthwise_back")

_BLOCK_THREADS = 256
"""Threads of a block, along the contiguous axis."""

_VECTOR_CHANNELS = 8
"""Channels of a map that a thread takes together: 16 bytes."""


def kernels_on(device: torch.device) -> CudaKernels | None:
    """Return the kernels of a CUDA device, or None. A failure is logged once."""
    if device.type != "cuda" or torch.version.hip:
        return None
    return _loaded(torch.cuda.current_device() if device.index is None else device.index)


def kernels_for(x: Tensor) -> CudaKernels | None:
    """Return the kernels of a map's device if they take such a map, or None.

    They take half (N, C, H, W), channels-last, C a multiple of 8."""
    fits = (
        x.dtype == torch.float16
        and x.shape[1] % _VECTOR_CHANNELS == 0
        and x.is_contiguous(memory_format=torch.channels_last)
    )
    return kernels_on(x.device) if fits else None


@lru_cache(maxsize=8)
def _loaded(ordinal: int) -> CudaKernels | None:
    try:
        return CudaKernels(torch.device("cuda", ordinal))
    except Exception as error:  # of any kind: without them a step only takes longer
        log.warning("no kernels of our own, so a step takes longer: %s", error)
        return None


def compiled(architecture: str) -> bytes:
    """Return the kernels in the machine code of an architecture (`sm_90`).

    Raises ImportError without cuda-bindings, RuntimeError where NVRTC is not found or refuses."""
    from cuda.bindings import nvrtc

    source = resources.files("liveflight.engines.cuda").joinpath("kernels.cu").read_bytes()
    program = _called(nvrtc.nvrtcCreateProgram, source, b"kernels.cu", 0, [], [])
    try:
        options = [f"--gpu-architecture={architecture}".encode(), b"--std=c++17"]
        (result,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
        if int(result):
            said = bytearray(_called(nvrtc.nvrtcGetProgramLogSize, program))
            _called(nvrtc.nvrtcGetProgramLog, program, said)
            raise RuntimeError(f"NVRTC refuses {architecture}: {said.decode(errors='replace')}")
        code = bytearray(_called(nvrtc.nvrtcGetCUBINSize, program))
        _called(nvrtc.nvrtcGetCUBIN, program, code)
        return bytes(code)
    finally:
        nvrtc.nvrtcDestroyProgram(program)


class CudaKernels:
    """Queue kernels on torch's current stream, where they may be captured."""

    def __init__(self, device: torch.device) -> None:
        from cuda.bindings import driver

        self._driver = driver
        major, minor = torch.cuda.get_device_capability(device)
        code = compiled(f"sm_{major}{minor}")
        torch.zeros((), device=device)  # makes torch's context current on this thread
        self._module = _called(driver.cuModuleLoadData, code)
        self._functions = {
            name: _called(driver.cuModuleGetFunction, self._module, name.encode())
            for name in _NAMES
        }

    def pool(self, x: Tensor) -> Tensor:
        """Return the largest of each 2x2 of x, which has nothing below 0."""
        _, channels, height, width = x.shape
        y = _empty_map(x, (height // 2, width // 2))
        vectors, count = channels // _VECTOR_CHANNELS, _vectors_of_each(y)
        for one, pooled in zip(x, y, strict=True):
            self._launch("pool", count, one, pooled, width, y.shape[3], vectors, count)
        return y

    def unpool(self, gradient: Tensor, pooled: Tensor, x: Tensor, out: Tensor) -> None:
        """Write the gradient to `out` where x was the largest of its 2x2 and above 0, else 0.

        `out` may be x. Its odd last row or column is not written."""
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        vectors, count = x.shape[1] // _VECTOR_CHANNELS, _vectors_of_each(pooled)
        sizes = (x.shape[3], pooled.shape[3], vectors, count)
        for maps in zip(gradient, pooled, x, out, strict=True):
            self._launch("unpool", count, *maps, *sizes)

    def depthwise(
        self,
        x: Tensor,
        filters: Tensor,
        bias: Tensor,
        size: HeightWidth,
        stride: HeightWidth,
        padding: HeightWidth,
        rectifier: Relu,
    ) -> Tensor:
        """Return the rectified convolution of each channel with its own filter.

        `filters`: half (height, width, C). `bias`: half (C,). `size`: the result's height and
        width."""
        y = _empty_map(x, size)
        low = -math.inf if rectifier.identity else 0.0
        high = math.inf if rectifier.ceiling is None else rectifier.ceiling
        sizes = _sizes(x, y, filters, stride, padding)
        for one, convolved in zip(x, y, strict=True):
            given = (one, filters, bias, convolved, float(low), float(high))
            self._launch("depthwise", sizes[-1], *given, *sizes)
        return y

    def depthwise_back(
        self,
        gradient: Tensor,
        filters: Tensor,
        size: HeightWidth,
        stride: HeightWidth,
        padding: HeightWidth,
    ) -> Tensor:
        """Return the gradient with respect to an input of this height and width."""
        out = _empty_map(gradient, size)
        sizes = _sizes(gradient, out, filters, stride, padding)
        for one, found in zip(gradient, out, strict=True):
            self._launch("depthwise_back", sizes[-1], one, filters, found, *sizes)
        return out

    def _launch(self, name: str, threads: int, *given: Tensor | int | float) -> None:
        """Launch a kernel on so many threads, rounded up to whole blocks."""
        if threads == 0:
            return  # the map is too small to be pooled
        values = tuple(each.data_ptr() if isinstance(each, Tensor) else each for each in given)
        kinds = tuple(_kind(each) for each in given)
        blocks = -(-threads // _BLOCK_THREADS)
        stream = torch.cuda.current_stream().cuda_stream
        grid, block = (blocks, 1, 1), (_BLOCK_THREADS, 1, 1)
        call = self._driver.cuLaunchKernel
        _called(call, self._functions[name], *grid, *block, 0, stream, (values, kinds), 0)


def _empty_map(like: Tensor, size: HeightWidth) -> Tensor:
    """Return an empty map of that height and width, channels-last."""
    return torch.empty(
        (*like.shape[:2], *size),
        dtype=like.dtype,
        device=like.device,
        memory_format=torch.channels_last,
    )


def _vectors_of_each(maps: Tensor) -> int:
    """Return the number of channel vectors in each of the maps (N, C, H, W)."""
    return maps[0].numel() // _VECTOR_CHANNELS


def _sizes(
    x: Tensor, y: Tensor, filters: Tensor, stride: HeightWidth, padding: HeightWidth
) -> tuple[int, ...]:
    """Return the numbers that the depthwise kernels take; the last is how many vectors to write."""
    vectors, count = x.shape[1] // _VECTOR_CHANNELS, _vectors_of_each(y)
    return (*x.shape[2:], y.shape[3], *filters.shape[:2], *stride, *padding, vectors, count)


def _kind(given: Tensor | int | float) -> type[ctypes.c_void_p | ctypes.c_int | ctypes.c_float]:
    if isinstance(given, Tensor):
        return ctypes.c_void_p
    return ctypes.c_float if isinstance(given, float) else ctypes.c_int


def _called(function: Callable[..., Any], *given: Any) -> Any:
    """Call one of NVIDIA's bindings and return its result, if any. Raises RuntimeError."""
    result, *answer = function(*given)
    if int(result):
        raise RuntimeError(f"{function.__name__} failed: {result.name}")
    return answer[0] if answer else None
