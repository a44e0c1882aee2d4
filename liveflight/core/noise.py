"""Make the noise that a flight starts from: random, with the spectrum of natural pictures."""

from __future__ import annotations

import math

import numpy as np

from liveflight.core.contracts import Canvas, Size

COLOUR = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
"""Square root of the colour covariance of ImageNet, from Lucid (lucid/optvis/param/color.py).

Each row is one of R, G, B, each column one independent direction of colour."""

LOWEST = 2.0
"""Periods per picture height below which nothing is amplified further: 1/f would diverge there."""

_SOFT_FROM = 40.0
"""Periods per picture height from which the start of a flight is soft."""

_LONGEST_WAVE_PX, _SMALL_SIDE_PX = 90.0, 180
"""Longest wave of brightness that is amplified further, on a canvas of up to this shorter side.

On larger canvases it grows with the root of the shorter side. As long as the canvas, it would fill
large ones with a few blobs of light that leave no contrast to anything within. The same everywhere,
it would fill them with a crowd of small things and no composition."""


def lowest(height: int, width: int) -> float:
    """Return the periods per picture height below which brightness is not amplified further.

    At least LOWEST. Colour may vary as slowly as LOWEST, as it takes no contrast from anything."""
    longest = _LONGEST_WAVE_PX * math.sqrt(max(1.0, min(height, width) / _SMALL_SIDE_PX))
    return max(LOWEST, height / longest)


def frequencies(height: int, width: int, least: float = LOWEST) -> np.ndarray:
    """Return the periods per picture height of each bin of a real 2-D FFT, at least `least`.

    float64 (height, width // 2 + 1)."""
    down = np.fft.fftfreq(height)[:, None] * height
    across = np.fft.rfftfreq(width)[None] * height
    clamped: np.ndarray = np.maximum(np.hypot(down, across), least)
    return clamped


def first_canvas(size: Size, seed: int) -> Canvas:
    """Return what a flight starts from: `pink` noise, soft in what is finer than large views see.

    Else grain would cover the picture until the camera has flown past it."""
    return pink(size, seed, soft_from=_SOFT_FROM)


def pink(
    size: Size, seed: int, mean: float = 0.5, deviation: float = 0.15, soft_from: float = math.inf
) -> Canvas:
    """Return 1/f noise in natural colours as a canvas: float16 (H, W, 4) in 0..1, alpha 1.

    The 1/f amplitude of natural pictures (Field 1987) gives the first ascent steps structure at
    every scale to work on, where white noise offers only the finest. `soft_from`: periods per
    height from which it falls faster."""
    width, height = size
    white = np.random.default_rng(seed).standard_normal((height, width, 3))
    periods = frequencies(height, width, lowest(height, width))
    periods = periods * np.sqrt(1 + (periods / soft_from) ** 4)
    spectrum = np.fft.rfft2(white, axes=(0, 1)) / periods[..., None]
    picture = np.fft.irfft2(spectrum, s=(height, width), axes=(0, 1)) @ COLOUR.T
    picture = (picture - picture.mean()) / max(picture.std(), 1e-9) * deviation + mean
    return opaque(picture.clip(0.0, 1.0))


def opaque(picture: np.ndarray) -> Canvas:
    """Return a float (H, W, 3) picture in 0..1 as a canvas."""
    canvas = np.ones((*picture.shape[:2], 4), np.float16)
    canvas[..., :3] = picture
    return canvas


def periodic_noise(side: int, seed: int = 0) -> np.ndarray:
    """Return 1/f noise of mean 0 and deviation 1 that repeats: float32 (side, side, 3)."""
    white = np.random.default_rng(seed).standard_normal((side, side, 3))
    spectrum = np.fft.rfft2(white, axes=(0, 1)) / frequencies(side, side)[..., None]
    spectrum[0, 0] = 0  # or it would add a colour cast
    field = np.fft.irfft2(spectrum, s=(side, side), axes=(0, 1))
    return np.asarray(field / field.std((0, 1)), np.float32)
