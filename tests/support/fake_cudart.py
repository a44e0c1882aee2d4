"""Stand in for `cuda.bindings.runtime`, with the true bindings' types and tuples.

It keeps a log of the calls, and copies between textures and its own memory by OpenGL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import moderngl
import numpy as np
import pytest

runtime = pytest.importorskip("cuda.bindings.runtime")


class FakeCudart:
    cudaMemcpyKind = runtime.cudaMemcpyKind  # noqa: N815
    cudaGLDeviceList = runtime.cudaGLDeviceList  # noqa: N815
    cudaGraphicsRegisterFlags = runtime.cudaGraphicsRegisterFlags  # noqa: N815
    cudaGetErrorString = staticmethod(runtime.cudaGetErrorString)  # noqa: N815

    def __init__(self, ctx: moderngl.Context) -> None:
        self.ctx = ctx
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.failing: dict[str, int] = {}
        """Error numbers of the calls that fail, by name."""
        self.left_over = 0
        """The error that the next cudaGetLastError returns."""
        self.devices = [0]
        self.null_handles = False
        self.spoil: Callable[[np.ndarray], np.ndarray] = lambda pixels: pixels
        """Changes pixels on their way to CUDA."""
        self.memory: dict[int, np.ndarray] = {}
        self.registered: dict[int, int] = {}
        """Texture names by handles."""
        self.mapped: dict[int, int] = {}
        """Texture names by arrays: another array at each mapping."""
        self._number = 4096

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def of(self, name: str) -> list[tuple[Any, ...]]:
        """Return the arguments of each call of that name."""
        return [arguments for called, arguments in self.calls if called == name]

    def _enter(self, name: str, *arguments: Any) -> Any:
        self.calls.append((name, arguments))
        code = self.failing.get(name, 0)
        self.left_over = code or self.left_over
        return runtime.cudaError_t(code)

    def _next(self) -> int:
        self._number += 256
        return self._number

    def cudaGetLastError(self) -> tuple[Any]:  # noqa: N802
        code, self.left_over = self.left_over, 0
        return (runtime.cudaError_t(code),)

    def cudaSetDevice(self, device: int) -> tuple[Any]:  # noqa: N802
        return (self._enter("cudaSetDevice", device),)

    def cudaGLGetDevices(self, count: int, kind: Any) -> tuple[Any, Any, Any]:  # noqa: N802
        error = self._enter("cudaGLGetDevices", count, kind)
        return (error, None, None) if error else (error, len(self.devices), self.devices)

    def cudaMalloc(self, size: int) -> tuple[Any, Any]:  # noqa: N802
        if error := self._enter("cudaMalloc", size):
            return (error, None)
        pointer = self._next()
        self.memory[pointer] = np.zeros(size, np.uint8)
        return (error, pointer)

    def cudaFree(self, pointer: int) -> tuple[Any]:  # noqa: N802
        error = self._enter("cudaFree", pointer)
        del self.memory[pointer]
        return (error,)

    def cudaGraphicsGLRegisterImage(self, image: int, target: int, flags: Any) -> Any:  # noqa: N802
        if error := self._enter("cudaGraphicsGLRegisterImage", image, target, flags):
            return (error, None)
        assert image not in self.registered.values(), "registered twice"
        if self.null_handles:
            return (error, runtime.cudaGraphicsResource_t(0))
        handle = self._next()
        self.registered[handle] = image
        return (error, runtime.cudaGraphicsResource_t(handle))

    def cudaGraphicsUnregisterResource(self, resource: Any) -> tuple[Any]:  # noqa: N802
        error = self._enter("cudaGraphicsUnregisterResource", int(resource))
        del self.registered[int(resource)]
        return (error,)

    def cudaGraphicsMapResources(self, count: int, resources: Any, stream: int) -> Any:  # noqa: N802
        # A number would be taken for the address of the handle.
        assert (count, type(resources)) == (1, runtime.cudaGraphicsResource_t)
        if not (error := self._enter("cudaGraphicsMapResources", int(resources), stream)):
            assert not self.mapped, "mapped twice"
            self.mapped[self._next()] = self.registered[int(resources)]
        return (error,)

    def cudaGraphicsUnmapResources(self, count: int, resources: Any, stream: int) -> Any:  # noqa: N802
        assert (count, type(resources)) == (1, runtime.cudaGraphicsResource_t)
        error = self._enter("cudaGraphicsUnmapResources", int(resources), stream)
        self.mapped.clear()
        return (error,)

    def cudaGraphicsSubResourceGetMappedArray(self, resource: Any, index: int, level: int) -> Any:  # noqa: N802
        error = self._enter("cudaGraphicsSubResourceGetMappedArray", int(resource), index, level)
        if error:
            return (error, None)
        return (error, runtime.cudaArray_t(next(iter(self.mapped))))

    def cudaMemcpy2DFromArrayAsync(self, *arguments: Any) -> tuple[Any]:  # noqa: N802
        pointer, pitch, array, column, row, width, height, kind, _ = arguments
        assert (pitch, column, row) == (width, 0, 0)
        assert kind == runtime.cudaMemcpyKind.cudaMemcpyDeviceToDevice
        if not (error := self._enter("cudaMemcpy2DFromArrayAsync", *arguments)):
            texture = self._texture(array, width, height)
            pixels = np.frombuffer(texture.read(), np.float16).reshape(height, width // 8, 4)
            self.memory[pointer][:] = self.spoil(pixels).ravel().view(np.uint8)
            texture.release()
        return (error,)

    def cudaMemcpy2DToArrayAsync(self, *arguments: Any) -> tuple[Any]:  # noqa: N802
        array, column, row, pointer, pitch, width, height, kind, _ = arguments
        assert (pitch, column, row) == (width, 0, 0)
        assert kind == runtime.cudaMemcpyKind.cudaMemcpyDeviceToDevice
        if not (error := self._enter("cudaMemcpy2DToArrayAsync", *arguments)):
            texture = self._texture(array, width, height)
            texture.write(self.memory[pointer].tobytes())
            texture.release()
        return (error,)

    def _texture(self, array: Any, width: int, height: int) -> moderngl.Texture:
        """Return the mapped texture. Releasing it does not release the original."""
        name = self.mapped[int(array)]
        return self.ctx.external_texture(name, (width // 8, height), 4, 0, "f2")
