"""Limit the flashes of pictures in memory: frames that are changed after they were drawn."""

from __future__ import annotations

import moderngl
import numpy as np
import numpy.typing as npt

from liveflight.core.contracts import Size
from liveflight.render.canvas_transfer import read_picture
from liveflight.render.flash_limiter import FlashLimiter
from liveflight.render.flash_watch import FINEST
from liveflight.render.passes import RenderTarget

Picture = npt.NDArray[np.uint8]
"""(H, W, 3), row 0 at the top."""


class PictureLimiter:
    """Limit pictures of one size that follow each other at one rate."""

    def __init__(self, ctx: moderngl.Context, fps: float) -> None:
        self._ctx, self._fps = ctx, fps
        self._limiter = FlashLimiter(ctx)
        self._target: RenderTarget | None = None
        self._count = 0

    def limited(self, picture: Picture) -> Picture:
        """Return the next picture as it may be shown: the same, bit by bit, unless it flashes."""
        size = picture.shape[1], picture.shape[0]
        target = self._target = self._target or RenderTarget(self._ctx, size, dtype="f1")
        small, _ = self._limiter.samples(size)
        small.texture.write(_opaque(coarse(picture, small.size)))
        target.texture.write(_opaque(picture))
        given = target.framebuffer, size, 1 / self._fps
        self._limiter.limit(*given, bottom_up=False, frame=self._count)
        self._count += 1
        return read_picture(target.framebuffer, size, bottom_up=False)

    def close(self) -> None:
        """Release everything."""
        self._limiter.release()
        if self._target:
            self._target.release()


def coarse(picture: Picture, size: Size) -> Picture:
    """Return pixels evenly spread over a picture, without detail finer than what is watched."""
    high, wide = picture.shape[:2]
    side = max(1, wide // FINEST)
    rows, columns = (
        (2 * np.arange(count) + 1) * length // (2 * count) - side // 2
        for count, length in ((size[1], high), (size[0], wide))
    )
    total = np.zeros((size[1], size[0], 3), np.uint32)
    for down in range(side):
        for across in range(side):
            at = np.ix_(np.clip(rows + down, 0, high - 1), np.clip(columns + across, 0, wide - 1))
            total += picture[at]
    return np.rint(total / side**2).astype(np.uint8)


def _opaque(picture: Picture) -> bytes:
    full = np.full((*picture.shape[:2], 4), 255, np.uint8)
    full[..., :3] = picture
    return full.tobytes()
