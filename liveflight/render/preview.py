"""Draw a small copy of what the audience sees, and read it without waiting for the GPU."""

from __future__ import annotations

import math
from collections.abc import Callable

import moderngl
import numpy as np

from liveflight.core.contracts import Size
from liveflight.render import mesa_fences
from liveflight.render.canvas_transfer import read_picture
from liveflight.render.passes import RenderTarget

_PIXELS = 320 * 180
"""Pixels of a preview, whatever the output's shape."""


def preview_size(output: Size) -> Size:
    """Return the width and height of the preview of an output."""
    aspect = min(max(output[0] / output[1], 1 / 4), 4.0)
    height = 2 * round(math.sqrt(_PIXELS / aspect) / 2)
    return max(2 * round(height * aspect / 2), 2), height


class PreviewPass:
    """Draw a preview, and read it once that waits for nothing.

    Where a processor draws, that is at the end of the frame, which has waited for its drawing;
    where a GPU does, in the next frame."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._software = mesa_fences.needed(ctx)
        self._target: RenderTarget | None = None
        self._buffer: moderngl.Buffer | None = None
        self._drawn = self._due = False

    def draw(self, output: Size, draw: Callable[[moderngl.Framebuffer, Size], None]) -> None:
        """Draw what an output of that size shows.

        `draw` draws it into a framebuffer of that width and height, row 0 at the top."""
        size = preview_size(output)
        if self._target is None or self._target.size != size:
            self.release()
            self._target = RenderTarget(self._ctx, size, dtype="f1")
            self._buffer = self._ctx.buffer(reserve=size[0] * size[1] * 3)
        assert self._buffer
        framebuffer = self._target.framebuffer
        draw(framebuffer, size)
        if not self._software:
            # Into a buffer: reading at once would wait for everything that is queued. Mesa's
            # software driver waits here too.
            framebuffer.read_into(self._buffer, (0, 0, *size), components=3, alignment=1)
        self._drawn, self._due = True, self._software

    def take(self) -> np.ndarray | None:
        """Return the picture once it is ready: uint8 (H, W, 3), row 0 at the top.

        Call it once per frame, after the frame's drawing."""
        if not self._drawn or self._target is None or self._buffer is None:
            return None
        if not self._due:
            self._due = True
            return None
        self._drawn = False
        width, height = self._target.size
        if self._software:
            return read_picture(self._target.framebuffer, self._target.size, bottom_up=False)
        return np.frombuffer(self._buffer.read(), np.uint8).reshape(height, width, 3)

    def release(self) -> None:
        if self._target and self._buffer:
            self._target.release()
            self._buffer.release()
        self._target = self._buffer = None
        self._drawn = False
