"""Transfer the canvas between OpenGL textures and the engine's memory."""

from __future__ import annotations

import platform
from typing import Any, Protocol

import moderngl
import numpy as np

from liveflight.core.contracts import Canvas, Size
from liveflight.render.cuda_interop import (
    HYBRID,
    INSTALL,
    CudaImage,
    Cudart,
    InteropError,
    write_array,
)

_PROBE_SIZE = (16, 12)
"""Width and height in pixels of the texture that tests the transfer within the GPU."""

_MAX_DEVICES = 8


class CanvasTransfer(Protocol):
    """Take the canvas to the engine and back."""

    def read(self, texture: moderngl.Texture) -> Canvas:
        """Return the texture's pixels, row 0 at the top; valid until the next `read`."""
        ...

    def write(self, texture: moderngl.Texture, canvas: Canvas) -> None:
        """Write the canvas into a texture of the same size."""
        ...

    def forget(self) -> None:
        """Forget all textures; call it before one that was read or written is released."""
        ...

    def release(self) -> None: ...


class HostCopy:
    """Copy the canvas through the host's memory: works everywhere.

    Pixel buffers are not used: the reader needs the pixels at once, so a buffer would only add a
    copy (with Mesa's software driver, 1.6 to 2 times the time in both directions)."""

    def __init__(self) -> None:
        self._canvas: Canvas = np.empty((0, 0, 4), np.float16)

    def read(self, texture: moderngl.Texture) -> Canvas:
        """Return float16 (H, W, 4), row 0 at the top; reused, valid until the next `read`."""
        shape = (texture.height, texture.width, 4)
        if self._canvas.shape != shape:
            self._canvas = np.empty(shape, np.float16)
        texture.read_into(self._canvas)
        return self._canvas

    def write(self, texture: moderngl.Texture, canvas: Canvas) -> None:
        """Write float16 (H, W, 4) of the texture's size. Raises ValueError for any other."""
        write_array(texture, canvas)

    def forget(self) -> None:
        """Do nothing: no texture is kept."""

    def release(self) -> None:
        self._canvas = np.empty((0, 0, 4), np.float16)


def choose(
    ctx: moderngl.Context, device: str, stream: int, ordinal: int = 0
) -> tuple[CanvasTransfer, str]:
    """Return the fastest transfer that works, and why it is not within the GPU, if it could be.

    `device`: the engine's, `cpu`, `mps` or `cuda`, with its CUDA `stream` and device number
    `ordinal`. The reason is one line, or empty. The context has to be current."""
    if device != "cuda":
        return HostCopy(), ""
    try:
        return _on_the_gpu(ctx, stream, ordinal), ""
    except Exception as error:
        # Any exception: a failing driver must not end a flight that the host copy can serve.
        cause = str(error) if isinstance(error, InteropError) else repr(error)
        return HostCopy(), f"the picture goes through the host's memory: {cause}"


def _on_the_gpu(ctx: moderngl.Context, stream: int, ordinal: int) -> CudaImage:
    """Return a transfer within the GPU that passed a round trip. Raises InteropError."""
    vendor = ctx.info["GL_VENDOR"]
    if "NVIDIA" not in vendor.upper():
        wsl = "microsoft" in platform.uname().release.lower()
        remedy = "WSL2 has no other; on Windows itself it works" if wsl else HYBRID
        raise InteropError(f"OpenGL draws with {vendor!r}, not with NVIDIA's driver; {remedy}")
    cudart = Cudart(_bindings())
    kinds = cudart.bindings.cudaGLDeviceList
    _, here = cudart.call("cudaGLGetDevices", _MAX_DEVICES, kinds.cudaGLDeviceListAll)
    if ordinal not in here:
        raise InteropError(
            f"OpenGL draws on CUDA device {', '.join(map(str, here))}, the engine computes on "
            f"{ordinal}: choose by CUDA_VISIBLE_DEVICES; {HYBRID}"
        )
    image = CudaImage(cudart, ordinal, stream)
    try:
        _test_round_trip(ctx, image)
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


def _test_round_trip(ctx: moderngl.Context, image: CudaImage) -> None:
    """Send two pictures to CUDA and back; raise InteropError where one changes.

    Two, because some drivers show CUDA only a texture's first contents."""
    textures = [ctx.texture(_PROBE_SIZE, 4, dtype="f2") for _ in range(2)]
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
    """Return float16 (H, W, 4) with all values different."""
    width, height = _PROBE_SIZE
    values = np.random.default_rng(seed).permutation(width * height * 4)
    return (values.reshape(height, width, 4) / 1024).astype(np.float16)


def read_picture(
    framebuffer: moderngl.Framebuffer,
    size: Size,
    *,
    bottom_up: bool,
    into: np.ndarray | None = None,
) -> np.ndarray:
    """Return a framebuffer's picture at this size: uint8 (H, W, 3), row 0 at the top.

    `bottom_up`: row 0 of the framebuffer is the bottom of the picture. `into`: memory to read into,
    contiguous uint8 (H, W, 3). Read a window's before it is shown: its contents are undefined
    afterwards."""
    width, height = size
    pixels = np.empty((height, width, 3), np.uint8) if into is None else into
    framebuffer.read_into(pixels, (0, 0, width, height), components=3, alignment=1)
    return pixels[::-1] if bottom_up else pixels
