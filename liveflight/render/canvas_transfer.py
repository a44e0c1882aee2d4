"""Between the GPU's textures and whoever works on the picture elsewhere."""

from __future__ import annotations

import platform
from typing import Any, Protocol

import moderngl
import numpy as np

from liveflight.core.contracts import Canvas
from liveflight.render.cuda_interop import (
    HYBRID,
    INSTALL,
    CudaImage,
    Cudart,
    InteropError,
    write_array,
)

_PROBE = (16, 12)
"""Width and height of the texture that is sent round to see whether the GPU's way works."""

_MOST_DEVICES = 8


class CanvasTransfer(Protocol):
    """Takes the canvas to the engine and back. One interface for every way there is."""

    def read(self, texture: moderngl.Texture) -> Canvas:
        """The texture's pixels, row 0 at the top; good until the next `read`."""
        ...

    def write(self, texture: moderngl.Texture, canvas: Canvas) -> None:
        """The other way; the sizes must be the same."""
        ...

    def forget(self) -> None:
        """To be called before a texture that was read or written is released."""
        ...

    def release(self) -> None: ...


class HostCopy:
    """Through the host's memory: works everywhere.

    Not by pixel buffers: who reads needs the pixels at once, so that a buffer only adds a copy
    (with Mesa's software driver, 1.6 to 2 times the time in both directions)."""

    def __init__(self) -> None:
        self._canvas: Canvas = np.empty((0, 0, 4), np.float16)

    def read(self, texture: moderngl.Texture) -> Canvas:
        """float16 (H, W, 4), row 0 at the top. The array is reused: good until the next `read`."""
        shape = (texture.height, texture.width, 4)
        if self._canvas.shape != shape:
            self._canvas = np.empty(shape, np.float16)
        texture.read_into(self._canvas)
        return self._canvas

    def write(self, texture: moderngl.Texture, canvas: Canvas) -> None:
        """`canvas`: float16 (H, W, 4), as large as the texture. Raises ValueError for any other."""
        write_array(texture, canvas)

    def forget(self) -> None:
        """Nothing is kept of a texture."""

    def release(self) -> None:
        self._canvas = np.empty((0, 0, 4), np.float16)


def choose(
    ctx: moderngl.Context, device: str, stream: int, ordinal: int = 0
) -> tuple[CanvasTransfer, str]:
    """The fastest hand-over that works between this context and an engine's device (`cpu`, `mps`,
    `cuda`), whose CUDA stream and number are given, and why it is not the GPU's own where it could
    be: one line, or nothing. The context has to be current."""
    if device != "cuda":
        return HostCopy(), ""
    try:
        return _on_the_gpu(ctx, stream, ordinal), ""
    except Exception as error:
        # Any: what an unknown driver fails with must not end a flight that the host can serve.
        cause = str(error) if isinstance(error, InteropError) else repr(error)
        return HostCopy(), f"the picture goes through the host's memory: {cause}"


def _on_the_gpu(ctx: moderngl.Context, stream: int, ordinal: int) -> CudaImage:
    """A hand-over that has just carried a picture there and back. Raises InteropError."""
    vendor = ctx.info["GL_VENDOR"]
    if "NVIDIA" not in vendor.upper():
        wsl = "microsoft" in platform.uname().release.lower()
        remedy = "WSL2 has no other; on Windows itself it works" if wsl else HYBRID
        raise InteropError(f"OpenGL draws with {vendor!r}, not with NVIDIA's driver; {remedy}")
    cudart = Cudart(_bindings())
    kinds = cudart.bindings.cudaGLDeviceList
    _, here = cudart.call("cudaGLGetDevices", _MOST_DEVICES, kinds.cudaGLDeviceListAll)
    if ordinal not in here:
        raise InteropError(
            f"OpenGL draws on CUDA device {', '.join(map(str, here))}, the engine computes on "
            f"{ordinal}: choose by CUDA_VISIBLE_DEVICES; {HYBRID}"
        )
    image = CudaImage(cudart, ordinal, stream)
    try:
        _go_round(ctx, image)
    except BaseException:
        image.release()
        raise
    return image


def _bindings() -> Any:
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise InteropError(f"cuda-bindings cannot be imported ({error}); {INSTALL}") from error
    return runtime


def _go_round(ctx: moderngl.Context, image: CudaImage) -> None:
    """Twice, because some drivers show CUDA what a texture held at first and nothing later."""
    textures = [ctx.texture(_PROBE, 4, dtype="f2") for _ in range(2)]
    try:
        for seed in range(2):
            pattern = _pattern(seed)
            textures[0].write(pattern)
            image.write(textures[1], image.read(textures[0]))
            if textures[1].read() != pattern.tobytes():
                raise InteropError("a picture sent to CUDA and back comes out another one")
    finally:
        image.forget()
        for texture in textures:
            texture.release()


def _pattern(seed: int) -> np.ndarray:
    """float16 (H, W, 4), no two values alike."""
    width, height = _PROBE
    values = np.random.default_rng(seed).permutation(width * height * 4)
    return (values.reshape(height, width, 4) / 1024).astype(np.float16)


def read_picture(
    framebuffer: moderngl.Framebuffer, size: tuple[int, int], *, bottom_up: bool
) -> np.ndarray:
    """What a framebuffer of that width and height shows: uint8 (H, W, 3), row 0 at the top.

    `bottom_up`: row 0 of the framebuffer is the bottom of what is seen. Read a window's before it
    is shown: its contents are undefined afterwards."""
    width, height = size
    pixels = framebuffer.read((0, 0, width, height), components=3)
    picture = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    return np.array(picture[::-1] if bottom_up else picture)
