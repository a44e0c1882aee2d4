"""Blend the overlap of two projectors: how bright each shows it."""

from __future__ import annotations

import numpy as np

from liveflight.wall.tiles import Tile

GAMMA = 2.2
"""Exponent from levels to light: the light of two edges adds up, their levels do not."""


def ramp(length: int) -> np.ndarray:
    """Return factors of the levels (sRGB-coded) from the outermost pixel inwards, float32.

    In light they follow smoothstep, so that with those of the other projector, which come from the
    other side, they add up to 1."""
    t = (np.arange(length, dtype=np.float32) + 0.5) / max(length, 1)
    light = t * t * (3 - 2 * t)
    return (light ** (1 / GAMMA)).astype(np.float32)


def gains(tile: Tile) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors of a tile's columns and of its rows; a pixel's is their product."""
    left, top, right, bottom = tile.soft
    width, height = tile.shown.size
    return _side(width, left, right), _side(height, top, bottom)


def _side(length: int, before: int, after: int) -> np.ndarray:
    factors = np.ones(length, np.float32)
    factors[:before] = ramp(before)
    factors[length - after :] *= ramp(after)[::-1]
    return factors
