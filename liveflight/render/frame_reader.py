"""Read finished frames from the GPU for live sinks."""

from __future__ import annotations

import weakref
from typing import Protocol

import moderngl
import numpy as np
import numpy.typing as npt

from liveflight.core.contracts import Size
from liveflight.render import mesa_fences

Frame = npt.NDArray[np.uint8]

_FRAMES_BEHIND = 2
"""Frames after which the GPU has surely sent what was asked for."""

_MAX_KEPT = 8
"""Frames' memory that is used again; live sinks keep two or three each."""


class FrameReader(Protocol):
    """Read frames; each has memory of its own, which is used again once nobody keeps it."""

    waits: bool
    """Whether `read` waits until the GPU has drawn."""

    def read(
        self, framebuffer: moderngl.Framebuffer, size: Size, *, bottom_up: bool
    ) -> Frame | None:
        """Return a finished frame, uint8 (H, W, 4), row 0 at the top; None for none yet.

        `size`: width and height of the part of the framebuffer that is shown. `bottom_up`: its row
        0 is the bottom of the picture. The fourth byte means nothing."""
        ...

    def release(self) -> None: ...


def choose(ctx: moderngl.Context) -> FrameReader:
    """Return the reader that takes the frame loop the least time here.

    With Mesa's software driver the frame is in memory already, and a buffer only adds a copy."""
    return DirectReader() if mesa_fences.needed(ctx) else BufferedReader(ctx)


class DirectReader:
    """Read the frame that has just been drawn."""

    waits = True

    def __init__(self) -> None:
        self._memory = FrameMemory()

    def read(
        self, framebuffer: moderngl.Framebuffer, size: Size, *, bottom_up: bool
    ) -> Frame | None:
        pixels = self._memory.take(size)
        framebuffer.read_into(pixels, (0, 0, *size), components=4)
        return self._memory.lend(pixels, bottom_up)

    def release(self) -> None:
        self._memory = FrameMemory()


class BufferedReader:
    """Ask the GPU for each frame, and fetch it some frames later, when it has arrived."""

    waits = False

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx, self._memory = ctx, FrameMemory()
        self._ring: list[moderngl.Buffer] = []
        """Pixel buffer objects, used in turn."""
        self._asked: tuple[Size, bool] = ((0, 0), False)
        self._frames = 0

    def read(
        self, framebuffer: moderngl.Framebuffer, size: Size, *, bottom_up: bool
    ) -> Frame | None:
        if self._asked != (size, bottom_up):
            self.release()
            self._asked = size, bottom_up
            count = _FRAMES_BEHIND + 1
            self._ring = [self._ctx.buffer(reserve=4 * size[0] * size[1]) for _ in range(count)]
        # RGBA is how GPUs keep it: no other format is sent without a wait.
        newest = self._ring[self._frames % len(self._ring)]
        framebuffer.read_into(newest, (0, 0, *size), components=4)
        self._frames += 1
        if self._frames < len(self._ring):
            return None
        oldest = self._ring[self._frames % len(self._ring)]
        pixels = self._memory.take(size)
        oldest.read_into(pixels)
        return self._memory.lend(pixels, bottom_up)

    def release(self) -> None:
        for buffer in self._ring:
            buffer.release()
        self._ring, self._frames, self._asked = [], 0, ((0, 0), False)
        self._memory = FrameMemory()


class FrameMemory:
    """Memory of frames, used again once nobody keeps the array that was lent."""

    def __init__(self) -> None:
        self._kept: list[tuple[Frame, weakref.ref[Frame]]] = []

    def take(self, size: Size) -> Frame:
        """Return memory for a frame of this width and height: uint8 (H, W, 4)."""
        shape = (size[1], size[0], 4)
        for index, (pixels, lent) in enumerate(self._kept):
            if lent() is None:
                del self._kept[index]
                if pixels.shape == shape:
                    return pixels
                break
        return np.empty(shape, np.uint8)

    def lend(self, pixels: Frame, bottom_up: bool) -> Frame:
        """Return the frame in this memory, row 0 at the top; it is taken back by itself."""
        lent = pixels[::-1] if bottom_up else pixels[:]
        if len(self._kept) < _MAX_KEPT:
            self._kept.append((pixels, weakref.ref(lent)))
        return lent
