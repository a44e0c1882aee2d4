"""Darken the edges of a projector's picture that another projector shows, too."""

from __future__ import annotations

import moderngl
import numpy as np

from liveflight.core.contracts import Size
from liveflight.render.passes import Pass, blending
from liveflight.wall import soft_edge
from liveflight.wall.tiles import Tile


class SoftEdgePass:
    """Multiply a finished frame by the soft edges of its tile."""

    def __init__(self, ctx: moderngl.Context, tile: Tile) -> None:
        """Prepare the factors of a tile, as it stands on its display."""
        self._ctx = ctx
        self._pass = Pass(ctx, "soft_edge.frag", filtering="bilinear")
        columns, rows = soft_edge.gains(tile)
        factors = np.rot90(rows[:, None] * columns, -tile.turns).astype(np.float16)
        self._factors = ctx.texture(factors.shape[::-1], 1, factors.tobytes(), dtype="f2")

    def draw(self, framebuffer: moderngl.Framebuffer, size: Size, *, bottom_up: bool) -> None:
        """Darken what is in a framebuffer of this width and height; its alpha stays."""
        factors = moderngl.ZERO, moderngl.SRC_COLOR, moderngl.ZERO, moderngl.ONE
        with blending(self._ctx, *factors):
            uniforms = {"size": size, "bottom_up": bottom_up}
            self._pass.draw(framebuffer, (0, 0, *size), self._factors, uniforms)

    def release(self) -> None:
        self._pass.release()
        self._factors.release()
