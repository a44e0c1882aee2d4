"""Kernels of our own, `kernels.cu`, for what torch would take many passes over the memory for.
NVRTC, which comes with torch, compiles them: no compiler is asked of the machine. Where that fails,
torch's own operations do the same."""

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

from liveflight.engines.rectifier import Rectifier

Size = tuple[int, int]

log = logging.getLogger("liveflight.engines")

_NAMES = ("pool", "unpool", "depthwise", "depthwise_back", "turn", "soften", "store")

_BLOCK = 256
"""Threads of a block, side by side along what lies side by side in memory."""

_VECTOR = 8
"""Channels of a map that a thread takes together: 16 bytes."""


def on(device: torch.device) -> Kernels | None:
    """Those of a CUDA device; None where there are none, which is said once."""
    if device.type != "cuda" or torch.version.hip:
        return None
    return _loaded(torch.cuda.current_device() if device.index is None else device.index)


def taking(x: Tensor) -> Kernels | None:
    """Those of its device where they take such a map: half (1, C, H, W), channels-last, C a
    multiple of 8."""
    fits = (
        x.dtype == torch.float16
        and x.shape[1] % _VECTOR == 0
        and x.is_contiguous(memory_format=torch.channels_last)
    )
    return on(x.device) if fits else None


@lru_cache(maxsize=8)
def _loaded(ordinal: int) -> Kernels | None:
    try:
        return Kernels(torch.device("cuda", ordinal))
    except Exception as error:  # any: without them the flight only takes more time
        log.warning("no kernels of our own, so a step takes longer: %s", error)
        return None


def compiled(architecture: str) -> bytes:
    """The kernels in the machine code of an architecture (`sm_90`). Raises ImportError without
    cuda-bindings, RuntimeError where NVRTC is not found or refuses."""
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


class Kernels:
    """All of them are queued on torch's current stream, and may be captured there."""

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
        """The largest of each 2x2 of what nothing of is below 0."""
        _, channels, height, width = x.shape
        y = _map(x, (height // 2, width // 2))
        vectors = channels // _VECTOR
        count = y.numel() // _VECTOR
        self._launch("pool", (count, 1, 1), x, y, width, y.shape[3], vectors, count)
        return y

    def unpool(self, gradient: Tensor, pooled: Tensor, x: Tensor, out: Tensor) -> None:
        """Into `out`, which may be x, but for an odd last row or column of it: the gradient where x
        is what came out of pooling and above 0, else 0."""
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        vectors = x.shape[1] // _VECTOR
        count = pooled.numel() // _VECTOR
        sizes = (x.shape[3], pooled.shape[3], vectors, count)
        self._launch("unpool", (count, 1, 1), gradient, pooled, x, out, *sizes)

    def depthwise(
        self,
        x: Tensor,
        filters: Tensor,
        bias: Tensor,
        size: Size,
        stride: Size,
        padding: Size,
        rectifier: Rectifier,
    ) -> Tensor:
        """The rectified convolution of each channel by a filter of its own, of height and width
        `size`. `filters`: half (height, width, C); `bias`: half (C,)."""
        y = _map(x, size)
        low = -math.inf if rectifier.identity else 0.0
        high = math.inf if rectifier.ceiling is None else rectifier.ceiling
        given = (x, filters, bias, y, float(low), float(high))
        self._convolve("depthwise", given, x, y, filters, stride, padding)
        return y

    def depthwise_back(
        self, gradient: Tensor, filters: Tensor, size: Size, stride: Size, padding: Size
    ) -> Tensor:
        """The gradient with respect to an input of this height and width."""
        out = _map(gradient, size)
        given = (gradient, filters, out)
        self._convolve("depthwise_back", given, gradient, out, filters, stride, padding)
        return out

    def turn(self, picture: Tensor, shift: Tensor, matrix: Tensor, *, back: bool) -> Tensor:
        """A float32 picture (1, 3, H, W), shifted round by rows and columns, float32 (2,), or back;
        its colours multiplied by a matrix, float32 (9,)."""
        height, width = picture.shape[2:]
        picture = picture.contiguous()
        out = torch.empty_like(picture)
        self._launch(
            "turn", (width, height, 1), picture, out, shift, matrix, int(back), height, width
        )
        return out

    def soften(
        self, picture: Tensor, amount: Tensor, field: Tensor, noise: Tensor, shifts: Tensor
    ) -> Tensor:
        """`conditioning.soften` of a float32 picture (1, 3, H, W), and `noise` times the field, its
        channels shifted round by rows and columns: `shifts`, float32 (6,)."""
        height, width = picture.shape[2:]
        out = torch.empty_like(picture)
        given = (picture, field, out, amount, noise, shifts)
        self._launch("soften", (width, height, 3), *given, height, width)
        return out

    def store(
        self,
        picture: Tensor,
        chances: Tensor,
        canvases: tuple[Tensor, Tensor],
        bad: Tensor,
        statistics: tuple[Tensor, Tensor],
        wanted: tuple[Tensor, Tensor, Tensor],
        shifts: Tensor,
    ) -> None:
        """`conditioning.hold` of a float32 picture (1, 3, H, W), then dithered into the second of
        two canvases, half (H, W, 4); where its mean is not finite the first one, and `bad` is 1.

        `chances`: float32 (H, W), for each channel shifted round by rows and columns: `shifts`,
        float32 (6,); `statistics`: mean and deviation; `wanted`: brightness, contrast, pull."""
        height, width = picture.shape[2:]
        given = (picture, chances, *canvases, bad, *statistics, *wanted, shifts)
        self._launch("store", (width, height, 1), *given, height, width)

    def _convolve(
        self,
        name: str,
        given: tuple[Tensor | float, ...],
        x: Tensor,
        y: Tensor,
        filters: Tensor,
        stride: Size,
        padding: Size,
    ) -> None:
        vectors, count = x.shape[1] // _VECTOR, y.numel() // _VECTOR
        sizes = (*x.shape[2:], y.shape[3], *filters.shape[:2], *stride, *padding)
        self._launch(name, (count, 1, 1), *given, *sizes, vectors, count)

    def _launch(
        self, name: str, threads: tuple[int, int, int], *given: Tensor | int | float
    ) -> None:
        """On so many threads, or some more of the first."""
        values = tuple(each.data_ptr() if isinstance(each, Tensor) else each for each in given)
        kinds = tuple(_kind(each) for each in given)
        blocks = (-(-threads[0] // _BLOCK), *threads[1:])
        if 0 in blocks:
            return  # a map too small to be pooled
        stream = torch.cuda.current_stream().cuda_stream
        call = self._driver.cuLaunchKernel
        _called(call, self._functions[name], *blocks, _BLOCK, 1, 1, 0, stream, (values, kinds), 0)


def _map(like: Tensor, size: Size) -> Tensor:
    """Another map of that height and width, channels-last."""
    return torch.empty(
        (*like.shape[:2], *size),
        dtype=like.dtype,
        device=like.device,
        memory_format=torch.channels_last,
    )


def _kind(given: Tensor | int | float) -> type[ctypes.c_void_p | ctypes.c_int | ctypes.c_float]:
    if isinstance(given, Tensor):
        return ctypes.c_void_p
    return ctypes.c_float if isinstance(given, float) else ctypes.c_int


def _called(function: Callable[..., Any], *given: Any) -> Any:
    """What a call of NVIDIA's bindings gives: nothing or one thing. Raises RuntimeError."""
    result, *answer = function(*given)
    if int(result):
        raise RuntimeError(f"{function.__name__} failed: {result.name}")
    return answer[0] if answer else None
