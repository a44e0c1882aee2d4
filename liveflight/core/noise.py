"""The noise every flight starts from: random, but with the spectrum of natural pictures."""

from __future__ import annotations

import math

import numpy as np

from liveflight.core.contracts import Canvas

COLOUR = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
"""Square root of the colour covariance of ImageNet, from Lucid (lucid/optvis/param/color.py): each
row one of R, G, B, each column one independent direction of colour."""

LOWEST = 2.0
"""Periods per picture height below which nothing is amplified further; 1/f would run away there."""

_LONGEST, _PLAIN = 90.0, 180
"""The wave of brightness, in pixels, longer than which none is amplified further on a canvas of up
to this shorter side, in pixels; on larger ones it grows as the root of the side. Were it as long as
the canvas, a large one would fill with a few blobs of light that leave no contrast to what is in
them; were it the same everywhere, with a crowd of small things and no composition."""


def lowest(height: int, width: int) -> float:
    """Periods per picture height, at least LOWEST, below which brightness is not amplified further.
    Colour may vary as slowly as LOWEST: it takes no contrast from what is in it."""
    longest = _LONGEST * math.sqrt(max(1.0, min(height, width) / _PLAIN))
    return max(LOWEST, height / longest)


def frequencies(height: int, width: int, least: float = LOWEST) -> np.ndarray:
    """Periods per picture height of each bin of a real 2-D FFT, float64 (height, width // 2 + 1),
    clamped to at least `least`."""
    down = np.fft.fftfreq(height)[:, None] * height
    across = np.fft.rfftfreq(width)[None] * height
    clamped: np.ndarray = np.maximum(np.hypot(down, across), least)
    return clamped


def pink(size: tuple[int, int], seed: int, mean: float = 0.5, deviation: float = 0.15) -> Canvas:
    """1/f noise in natural colours as a canvas: float16 (H, W, 4) in 0..1, alpha 1. `size` is
    width, height.

    The 1/f amplitude of natural pictures (Field 1987) gives the first ascent steps structure at
    every scale to take hold of, where white noise offers only the finest."""
    width, height = size
    white = np.random.default_rng(seed).standard_normal((height, width, 3))
    periods = frequencies(height, width, lowest(height, width))
    spectrum = np.fft.rfft2(white, axes=(0, 1)) / periods[..., None]
    picture = np.fft.irfft2(spectrum, s=(height, width), axes=(0, 1)) @ COLOUR.T
    picture = (picture - picture.mean()) / max(picture.std(), 1e-9) * deviation + mean
    return opaque(picture.clip(0.0, 1.0))


def opaque(picture: np.ndarray) -> Canvas:
    """A canvas of a float (H, W, 3) picture in 0..1."""
    canvas = np.ones((*picture.shape[:2], 4), np.float16)
    canvas[..., :3] = picture
    return canvas
