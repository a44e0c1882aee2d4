"""Transfer the canvas to a CUDA device and back within the GPU.

Uses CUDA's OpenGL interoperability by images, through NVIDIA's Python bindings of the runtime.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol, cast

import moderngl
import numpy as np

from liveflight.core.contracts import Canvas, LiveflightError, Size

INSTALL = "pip install 'cuda-bindings>=12.9.4,!=13.0.0,!=13.0.1,!=13.0.2,<14'"
"""Command that installs working bindings: those just before 12.9.4 and 13.0.3 give null handles."""

HYBRID = (
    "where a laptop has two GPUs, start with __NV_PRIME_RENDER_OFFLOAD=1 "
    "__GLX_VENDOR_LIBRARY_NAME=nvidia, or on Windows set python.exe to High performance in the "
    "graphics settings"
)
"""Advice for laptops: how to draw on the GPU that CUDA uses."""

REMEDIES = {
    35: f"update NVIDIA's driver, or, on CUDA 12, {INSTALL.replace('<14', '<13')}",
    100: f"OpenGL draws on a GPU that CUDA cannot use; {HYBRID}",
    101: f"OpenGL and CUDA use different GPUs; {HYBRID}, or choose by CUDA_VISIBLE_DEVICES",
    219: "no OpenGL context is current on the thread that asks",
    304: f"this system has no OpenGL interoperability (WSL2 has none); {HYBRID}",
    900: "the stream is being captured: take the picture on another one",
    999: f"OpenGL draws elsewhere than CUDA computes (VirtualGL does that too); {HYBRID}",
}
"""Usual cause of a failure with OpenGL, and what to do, by CUDA's error number."""

_TEXTURE_2D = 0x0DE1
_PIXEL_BYTES = 8
"""Bytes of one pixel: four halves."""


class DeviceCanvas(Protocol):
    """A canvas in a CUDA device's memory, half (H, W, 4), as torch, CuPy and others offer it."""

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...


class InteropError(LiveflightError):
    """CUDA and OpenGL cannot share the picture; the text says what failed and what to do."""


class Cudart:
    """Call the CUDA runtime by function name, and raise its errors.

    `bindings` is `cuda.bindings.runtime`, where each call returns a tuple: the error code, then the
    results."""

    def __init__(self, bindings: Any) -> None:
        self.bindings = bindings

    def call(self, name: str, *arguments: Any) -> Any:
        """Return the call's result: an empty tuple, one value or a tuple. Raises InteropError."""
        code, *results = getattr(self.bindings, name)(*arguments)
        if int(code):
            self.bindings.cudaGetLastError()  # clears it, or the next caller would get it
            _, text = self.bindings.cudaGetErrorString(code)
            remedy = REMEDIES.get(int(code))
            raise InteropError(
                f"{name} failed: {text.decode()} ({int(code)})" + (f"; {remedy}" if remedy else "")
            )
        return results[0] if len(results) == 1 else tuple(results)


class DeviceMemory:
    """A canvas on the device: half (H, W, 4), C-contiguous."""

    def __init__(self, cudart: Cudart, size: Size, stream: int) -> None:
        self.size = size
        self.pointer: int = cudart.call("cudaMalloc", size[0] * size[1] * _PIXEL_BYTES)
        self._stream = stream

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Return the interface, version 3; users wait for the stream, 1 being the default one."""
        width, height = self.size
        return {
            "shape": (height, width, 4),
            "typestr": "<f2",
            "data": (self.pointer, False),
            "strides": None,
            "stream": self._stream or 1,
            "version": 3,
        }


class CudaImage:
    """A `render.canvas_transfer.CanvasTransfer` for a canvas that stays on the GPU.

    Each texture is registered once. It is mapped for each copy, and its array is asked for each
    time, because it may move. Copies are queued on the engine's stream; mapping and unmapping on
    that stream orders them with OpenGL, so the host never waits. All calls belong on the thread of
    the GL context."""

    def __init__(self, cudart: Cudart, device: int, stream: int) -> None:
        """Use CUDA device number `device` and the cudaStream_t `stream`. Raises InteropError."""
        self._cudart = cudart
        self._stream = stream
        self._images: dict[moderngl.Texture, Any] = {}
        self._memory: DeviceMemory | None = None
        self._written: object = None
        cudart.call("cudaSetDevice", device)

    def read(self, texture: moderngl.Texture) -> Canvas:
        """Return half (H, W, 4) on the device, row 0 at the top; valid until the next `read`.

        It is complete for work queued on the stream after this call."""
        memory = self._fitting(texture.size)
        row = texture.width * _PIXEL_BYTES
        with self._mapped(texture) as array:
            self._cudart.call(
                "cudaMemcpy2DFromArrayAsync",
                *(memory.pointer, row, array, 0, 0, row, texture.height),
                *(self._cudart.bindings.cudaMemcpyKind.cudaMemcpyDeviceToDevice, self._stream),
            )
        return cast(Canvas, memory)

    def write(self, texture: moderngl.Texture, canvas: DeviceCanvas | np.ndarray) -> None:
        """Write half (H, W, 4), C-contiguous, of the texture's size.

        It may still be computed on the stream. An array on the host, such as new noise, is written
        by OpenGL. Raises ValueError for any other."""
        if isinstance(canvas, np.ndarray):
            write_array(texture, canvas)
            return
        pointer = _pointer(canvas, (texture.height, texture.width, 4))
        row = texture.width * _PIXEL_BYTES
        with self._mapped(texture) as array:
            self._cudart.call(
                "cudaMemcpy2DToArrayAsync",
                *(array, 0, 0, pointer, row, row, texture.height),
                *(self._cudart.bindings.cudaMemcpyKind.cudaMemcpyDeviceToDevice, self._stream),
            )
        self._written = canvas  # keeps its memory until the copy has been made

    def forget(self) -> None:
        """Unregister all textures; call it before one that was read or written is released.

        OpenGL gives the name of a released texture to the next one."""
        while self._images:
            _, image = self._images.popitem()
            self._unregister(image)

    def release(self) -> None:
        self.forget()
        self._written = None
        memory, self._memory = self._memory, None
        if memory:
            self._free(memory)

    def _fitting(self, size: Size) -> DeviceMemory:
        if self._memory is None or self._memory.size != size:
            memory = DeviceMemory(self._cudart, size, self._stream)
            old, self._memory = self._memory, memory
            if old:
                self._free(old)
        return self._memory

    @contextmanager
    def _mapped(self, texture: moderngl.Texture) -> Iterator[Any]:
        """Map the texture's pixels as a CUDA array; OpenGL must not use them meanwhile."""
        image = self._registered(texture)
        self._cudart.call("cudaGraphicsMapResources", 1, image, self._stream)
        try:
            yield self._cudart.call("cudaGraphicsSubResourceGetMappedArray", image, 0, 0)
        except BaseException:
            with suppress(InteropError):  # the first failure is the one to report
                self._cudart.call("cudaGraphicsUnmapResources", 1, image, self._stream)
            raise
        self._cudart.call("cudaGraphicsUnmapResources", 1, image, self._stream)

    def _registered(self, texture: moderngl.Texture) -> Any:
        if texture not in self._images:
            self._sweep()
            image = self._cudart.call(
                "cudaGraphicsGLRegisterImage",
                *(texture.glo, _TEXTURE_2D),
                self._cudart.bindings.cudaGraphicsRegisterFlags.cudaGraphicsRegisterFlagsNone,
            )
            if not int(image):  # a handle is an object, and true whatever it holds
                raise InteropError(f"cuda-bindings gives null handles for textures; {INSTALL}")
            self._images[texture] = image
        return self._images[texture]

    def _sweep(self) -> None:
        """Unregister textures released without `forget`, before their names are reused."""
        for texture in list(self._images):
            if isinstance(texture.mglo, moderngl.InvalidObject):
                self._unregister(self._images.pop(texture))

    def _unregister(self, image: Any) -> None:
        with suppress(InteropError):  # gone with its texture or with the device
            self._cudart.call("cudaGraphicsUnregisterResource", image)

    def _free(self, memory: DeviceMemory) -> None:
        with suppress(InteropError):  # gone with the device
            self._cudart.call("cudaFree", memory.pointer)  # waits for what still uses it


def write_array(texture: moderngl.Texture, canvas: np.ndarray) -> None:
    """Write float16 (H, W, 4) of the texture's size. Raises ValueError for any other."""
    shape = (texture.height, texture.width, 4)
    if canvas.shape != shape or canvas.dtype != np.float16:
        raise ValueError(
            f"canvas is {canvas.dtype} {canvas.shape}; the texture takes float16 {shape}"
        )
    texture.write(np.ascontiguousarray(canvas))


def _pointer(canvas: DeviceCanvas, shape: tuple[int, int, int]) -> int:
    interface = canvas.__cuda_array_interface__
    strides = (shape[1] * _PIXEL_BYTES, _PIXEL_BYTES, _PIXEL_BYTES // 4)
    fits = tuple(interface["shape"]) == shape and interface["typestr"] == "<f2"
    given = interface.get("strides")
    if not fits or (given or strides) != strides:
        raise ValueError(
            f"canvas is {interface['typestr']} {tuple(interface['shape'])}, strides {given}; "
            f"the texture takes C-contiguous <f2 {shape}"
        )
    return int(interface["data"][0])
