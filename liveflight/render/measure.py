"""Measure the picture's brightness and contrast, without waiting for the GPU."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import moderngl
import numpy as np

from liveflight.core.contracts import Warp
from liveflight.render.region import Region
from liveflight.render.warp import COLOURS, compiled, tone_uniforms

_CELLS = (64, 36)
"""Width and height of the grid of averages; each is of 16 samples."""

_SHIFTS = ((0.5, 0.5), (0.13, 0.71), (0.77, 0.29), (0.31, 0.07), (0.93, 0.87))
"""Where in their parts of the canvas the samples of successive frames lie."""


class Statistics(NamedTuple):
    """Mean and standard deviation of all channels together; not finite if the picture is not."""

    mean: float
    deviation: float


class MeasurePass:
    """Measure a frame, and return what was measured one frame before."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._pass = compiled(ctx, "measure.frag", COLOURS, filtering="texels")
        self._texture = ctx.texture(_CELLS, 4, dtype="f4")
        self._framebuffer = ctx.framebuffer([self._texture])
        self._buffers = [ctx.buffer(reserve=_CELLS[0] * _CELLS[1] * 16) for _ in range(2)]
        self._count = 0

    def measure(
        self,
        texture: moderngl.Texture,
        warp: Warp,
        held: Region | None = None,
        tile: Region | None = None,
        total: Callable[[np.ndarray], np.ndarray] = lambda sums: sums,
    ) -> Statistics | None:
        """Measure the canvas with the colours of `warp`; return what the last call measured.

        `held`: the part of the canvas that the texture holds. `tile`: what is counted of it.
        `total` adds what others have counted to three sums, float64. None at the first call, and at
        the first after `forget`."""
        held = held or Region.whole(texture.size)
        uniforms = tone_uniforms(warp) | {"cells": _CELLS} | held.uniforms
        uniforms["tile"] = (tile or held).edges
        uniforms |= {"shift": _SHIFTS[self._count % len(_SHIFTS)]}
        self._pass.draw(self._framebuffer, (0, 0, *_CELLS), texture, uniforms)
        newer, older = self._buffers[self._count % 2], self._buffers[(self._count + 1) % 2]
        # Into a buffer: reading at once would wait for everything that is queued.
        self._texture.read_into(newer)
        found = _statistics(total(_sums(older.read()))) if self._count else None
        self._count += 1
        return found

    def forget(self) -> None:
        """Forget the last measurement: the canvas is another one now."""
        self._count = 0

    def release(self) -> None:
        self._pass.release()
        self._framebuffer.release()
        self._texture.release()
        for buffer in self._buffers:
            buffer.release()


def _sums(data: bytes) -> np.ndarray:
    """Return the sums of all cells, of their squares, and of how much of them was counted."""
    cells = np.frombuffer(data, np.float32).reshape(-1, 4).astype(np.float64)
    return np.array([cells[:, column].sum() for column in range(3)])


def _statistics(sums: np.ndarray) -> Statistics:
    mean, square = (sums[:2] / max(sums[2], 1 / 16)).tolist()
    variance = square - mean * mean
    return Statistics(mean, math.sqrt(max(variance, 0.0)) if variance == variance else math.nan)
