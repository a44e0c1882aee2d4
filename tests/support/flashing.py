"""Flashing pictures, and a limiter to show them through."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import moderngl
import numpy as np

from liveflight.render.canvas_transfer import read_picture
from liveflight.render.flash_limiter import FlashLimiter

Frame = np.ndarray
"""uint8 (H, W, 3), row 0 at the top."""
HIGH, WIDE = 90, 160


def coded(light: float | np.ndarray) -> np.ndarray:
    """Return light, 0..1, as sRGB-coded bytes."""
    light = np.clip(np.asarray(light, np.float64), 0, 1)
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255 * code).astype(np.uint8)


def frames(light: Callable[[float], object], seconds: float, fps: float) -> Iterator[Frame]:
    """Yield frames of this light, 0..1: a number, (H, W), a colour or (H, W, 3), by its time."""
    for number in range(round(seconds * fps)):
        shown = coded(np.asarray(light(number / fps + 1e-6), np.float64))
        if shown.ndim == 2:
            shown = shown[..., None]
        yield np.broadcast_to(shown, (HIGH, WIDE, 3)).copy()


def square(hertz: float, low: object, high: object) -> Callable[[float], object]:
    return lambda now: high if int(2 * hertz * now) % 2 else low


def sine(hertz: float, low: float, high: float) -> Callable[[float], object]:
    return lambda now: low + (high - low) * (0.5 - 0.5 * np.cos(2 * np.pi * hertz * now))


def part(share: float, of: float = 1.0) -> np.ndarray:
    """Return 1 in a square of that share of a third by third of the picture, 0 elsewhere."""
    side = share**0.5 / 3 * of
    mask = np.zeros((HIGH, WIDE))
    high, wide = round(HIGH * side), round(WIDE * side)
    mask[20 : 20 + high, 30 : 30 + wide] = 1.0
    return mask


class Screen:
    """An output that shows frames through the limiter."""

    def __init__(self, ctx: moderngl.Context, bottom_up: bool = False) -> None:
        self._ctx, self._bottom_up = ctx, bottom_up
        self.limiter = FlashLimiter(ctx)
        self._count = 0

    def show(self, frame: Frame, dt: float) -> Frame:
        """Return what is shown of a frame."""
        high, wide = frame.shape[:2]
        target, _ = self.limiter.samples((wide, high))
        rows = (np.arange(target.size[1]) * 2 + 1) * high // (2 * target.size[1])
        columns = (np.arange(target.size[0]) * 2 + 1) * wide // (2 * target.size[0])
        target.texture.write(_opaque(frame[rows][:, columns]))
        rgba = _opaque(frame[::-1] if self._bottom_up else frame)
        texture = self._ctx.texture((wide, high), 4, rgba)
        framebuffer = self._ctx.framebuffer([texture])
        given = framebuffer, (wide, high), dt
        self.limiter.limit(*given, bottom_up=self._bottom_up, frame=self._count)
        self._count += 1
        shown = read_picture(framebuffer, (wide, high), bottom_up=self._bottom_up).copy()
        self._ctx.detect_framebuffer(0).use()
        framebuffer.release()
        texture.release()
        return shown

    def play(self, given: Iterator[Frame], fps: float) -> list[Frame]:
        return [self.show(frame, 1 / fps) for frame in given]

    def release(self) -> None:
        self.limiter.release()


def _opaque(rgb: Frame) -> bytes:
    full = np.full((*rgb.shape[:2], 4), 255, np.uint8)
    full[..., :3] = rgb
    return full.tobytes()
