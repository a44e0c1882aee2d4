"""Between the GPU's textures and whoever works on the picture elsewhere."""

from __future__ import annotations

from typing import Protocol

import moderngl
import numpy as np

from liveflight.core.contracts import Canvas


class HandOver(Protocol):
    """Takes the canvas to the engine and back. One interface for every way there is."""

    def read(self, texture: moderngl.Texture) -> Canvas:
        """The texture's pixels, row 0 at the top; good until the next `read`."""
        ...

    def write(self, texture: moderngl.Texture, canvas: Canvas) -> None:
        """The other way; the sizes must be the same."""
        ...

    def release(self) -> None: ...


class HostCopy:
    """Through the host's memory: works everywhere."""

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
        shape = (texture.height, texture.width, 4)
        if canvas.shape != shape or canvas.dtype != np.float16:
            raise ValueError(
                f"canvas is {canvas.dtype} {canvas.shape}; the texture takes float16 {shape}"
            )
        texture.write(np.ascontiguousarray(canvas))

    def release(self) -> None:
        self._canvas = np.empty((0, 0, 4), np.float16)


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
