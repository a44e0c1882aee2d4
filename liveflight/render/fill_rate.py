"""Measure how many pixels can be drawn in a frame."""

from __future__ import annotations

import time
from contextlib import ExitStack

import moderngl

from liveflight.render.passes import RenderTarget
from liveflight.render.present import PresentPass

_SIZE = (640, 360)
_ROUNDS = 9

_SHARE = 0.5
"""Part of a frame's time that its last pass may take."""

_MOST_PIXELS = 3840 * 2160
"""Pixels that no canvas exceeds unless it is asked for: graphics memory is shared."""


def canvas_pixels(ctx: moderngl.Context, interval: float) -> float:
    """Return how many pixels a canvas may have, for frames that are `interval` seconds apart.

    Takes the best of some rounds: other programs only make drawing slower."""
    with ExitStack() as made:
        canvas, output = RenderTarget(ctx, _SIZE), RenderTarget(ctx, _SIZE)
        present = PresentPass(ctx)
        for each in (canvas, output, present):
            made.callback(each.release)
        seconds = []
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            present.draw(canvas.texture, output.framebuffer, _SIZE, bottom_up=False)
            ctx.finish()
            seconds.append(time.perf_counter() - began)
    rate = _SIZE[0] * _SIZE[1] / max(min(seconds), 1e-9)
    return min(rate * interval * _SHARE, _MOST_PIXELS)
