"""Watch the picture for flashes, and decide where it may change at once: all on the GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

import moderngl
import numpy as np

from liveflight.core.contracts import Size
from liveflight.render.passes import Pass, RenderTarget

PLACES: Size = (72, 36)
"""Width and height of the grid of places that are watched."""

CELLS: Size = (12, 12)
"""Columns and rows in which places are counted."""

PARTS: Size = (24, 12)
"""Columns and rows of parts of about a degree whose flicker is counted."""

FIELDS: Size = (9, 9)
"""Positions of a third by third of the picture, in steps of a cell."""

FINEST = 300
"""Parts of the picture's width that its finest watched detail is: 0.1 degree of 30."""

_SAMPLES = 72 * 40
_PLACE = ("shown", "tracks", "wanted", "ages")
_FIELD = ("at_once", "moments", "gradual", "slopes", "told")
_LONG_AGO_S = 9.0


def samples_size(output: Size) -> Size:
    """Return the width and height of a copy of the output that is looked at."""
    aspect = min(max(output[0] / output[1], 1 / 4), 4.0)
    height = round(math.sqrt(_SAMPLES / aspect))
    return max(round(height * aspect), 1), height


class _State:
    """Textures that a shader writes all at once, from what it wrote in the last frame."""

    def __init__(self, ctx: moderngl.Context, size: Size, names: Sequence[str]) -> None:
        self.size, self._names = size, names
        zeros = bytes(size[0] * size[1] * 16)  # a new texture may hold anything
        self._sides = [[ctx.texture(size, 4, zeros, dtype="f4") for _ in names] for _ in range(2)]
        self._framebuffers = [ctx.framebuffer(side) for side in self._sides]
        self._newest = 0

    def write(self, name: str, channels: Sequence[float]) -> None:
        """Fill one texture."""
        filled = np.tile(np.array(channels, np.float32), (self.size[1], self.size[0], 1))
        self.textures[name].write(filled.tobytes())

    @property
    def textures(self) -> dict[str, moderngl.Texture]:
        """Return the newest textures by name."""
        return dict(zip(self._names, self._sides[self._newest], strict=True))

    @property
    def next(self) -> moderngl.Framebuffer:
        """Return what the next frame is drawn into; `step` makes it the newest."""
        return self._framebuffers[1 - self._newest]

    def step(self) -> None:
        self._newest = 1 - self._newest

    def release(self) -> None:
        for framebuffer in self._framebuffers:
            framebuffer.release()
        for texture in (each for side in self._sides for each in side):
            texture.release()


class FlashWatch:
    """Follow what is shown at many places, and limit fields that would flash a fourth time.

    The state goes by places of the picture, so that it survives a change of the output's size."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        names = ("cells", "fields", "limits", "parts", "places")
        self._passes = {name: Pass(ctx, f"flash_{name}.frag") for name in names}
        self._samples: RenderTarget | None = None
        self._places = _State(ctx, PLACES, _PLACE)
        self._cells = _State(ctx, CELLS, ("source", "wishes"))
        self._parts = _State(ctx, PARTS, ("parts", "counts"))
        self._fields = _State(ctx, FIELDS, _FIELD)
        self._limits = _State(ctx, CELLS, ("limits",))
        self._places.write("shown", (0, 0, 0, _LONG_AGO_S))
        self._places.write("ages", (_LONG_AGO_S,) * 4)
        for name in ("at_once", "gradual"):
            self._fields.write(name, (_LONG_AGO_S,) * 4)
        self._fields.write("moments", (_LONG_AGO_S, _LONG_AGO_S, 1, 1))
        self._fields.write("slopes", (_LONG_AGO_S, _LONG_AGO_S, 0, 0))
        self._limits.write("limits", (1, 1, 1, 0))
        self._told = ctx.buffer(data=bytes(FIELDS[0] * FIELDS[1] * 16))

    def samples(self, output: Size) -> RenderTarget:
        """Return where to draw the next frame of an output of this size, small, before `judge`."""
        size = samples_size(output)
        if self._samples is None or self._samples.size != size:
            if self._samples:
                self._samples.release()
            self._samples = RenderTarget(self._ctx, size, dtype="f1")
        return self._samples

    def judge(self, dt: float) -> moderngl.Texture:
        """Return the limits for showing the samples' frame, `dt` seconds after the last one.

        They are those of flash_limits.frag, row 0 at the top."""
        assert self._samples
        given = {**self._places.textures, **self._limits.textures}
        self._draw("cells", self._cells, self._samples.texture, given, dt)
        self._draw("parts", self._parts, self._samples.texture, given | self._parts.textures, dt)
        found = self._cells.textures | self._parts.textures
        self._draw("fields", self._fields, found["source"], found | self._fields.textures, dt)
        self._draw("limits", self._limits, self._fields.textures["moments"], {}, dt)
        self._follow(dt, 1.0)
        # Into a buffer: reading at once would wait for everything that is queued.
        self._fields.textures["told"].read_into(self._told)
        return self._limits.textures["limits"]

    def dimmed(self, factor: float) -> None:
        """Note that the frame has been dimmed by a factor since `judge`."""
        self._follow(0.0, factor)

    def told(self) -> tuple[bool, bool]:
        """Return what the last judged frame led to. Call it before the next one is judged.

        Whether the picture is to be watched, as it may have to be limited from the frame after the
        next one on; and whether it was limited."""
        found = np.frombuffer(self._told.read(), np.float32)
        most = found[::4].max()
        return bool(most > 0.5), bool(most > 1.5)

    def release(self) -> None:
        self._ctx.detect_framebuffer(0).use()  # moderngl binds the last one again later
        for each in self._passes.values():
            each.release()
        for state in (self._places, self._cells, self._parts, self._fields, self._limits):
            state.release()
        self._told.release()
        if self._samples:
            self._samples.release()

    def _follow(self, dt: float, gain: float) -> None:
        given = {**self._places.textures, **self._limits.textures}
        assert self._samples
        self._draw("places", self._places, self._samples.texture, given, dt, gain)

    def _draw(
        self,
        name: str,
        state: _State,
        source: moderngl.Texture,
        given: dict[str, moderngl.Texture],
        dt: float,
        gain: float = 1.0,
    ) -> None:
        uniforms = {"dt": dt, "gain": gain, "cells": CELLS}
        more = {each: texture for each, texture in given.items() if each != "source"}
        self._passes[name].draw(state.next, (0, 0, *state.size), source, uniforms, more)
        state.step()
