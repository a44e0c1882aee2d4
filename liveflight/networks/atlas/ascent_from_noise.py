"""Ascend a filter from noise on the host, for its thumbnail.

Each step sees the picture shifted and scaled at random, against grids and for things of several
sizes. A flight draws views for that; a thumbnail needs no GL.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np

from liveflight.core.contracts import Ascent, Canvas, Engine, Size, Target, ViewStep
from liveflight.core.noise import opaque, pink

_SCALES_PER_OCTAVE = 8
"""Fixed scales in an octave: engines plan their steps for each size."""

_MIN_SIDE_PX = 48
"""Least side of a scaled picture: below it deep layers have nothing left."""

_BRIGHTNESS = 0.5
"""The mean that a picture is held at."""


@dataclass(frozen=True)
class ThumbnailRecipe:
    """Say how a thumbnail is made. Another recipe makes another atlas.

    Its name covers only these fields: raise `version` where the code changes the look."""

    version: int = 1
    steps: int = 32
    amount: float = 0.05
    """RMS by which the first step moves the picture, of 0..1. Later steps move it less."""
    slower: float = 0.6
    """Part of `amount` that the last step lacks."""
    octaves: float = 0.3
    """Largest random octaves by which a step sees the picture smaller."""
    smoothing: float = 1.5
    """Exponent of the 1/f filter on the gradient."""
    soften: float = 0.02
    """Share of the difference to each neighbour that a step diffuses."""
    contrast: float = 0.2
    """The standard deviation that the picture is held at."""
    pull: float = 0.15
    """Share of the distance to that contrast, and to the mean, that a step covers."""
    seed: int = 5

    @property
    def name(self) -> str:
        """Return a name that no other recipe has."""
        return hashlib.sha256(repr(asdict(self)).encode()).hexdigest()[:12]


def sizes(size: Size, recipe: ThumbnailRecipe) -> list[Size]:
    """Return the sizes at which steps see a picture of this width and height, its own first."""
    most = round(recipe.octaves * _SCALES_PER_OCTAVE)
    return [_scaled(size, 2.0 ** (-number / _SCALES_PER_OCTAVE)) for number in range(most + 1)]


def _scaled(size: Size, scale: float) -> Size:
    scale = max(scale, min(1.0, _MIN_SIDE_PX / min(size)))
    return round(size[0] * scale), round(size[1] * scale)


def optimised(engine: Engine, target: Target, size: Size, recipe: ThumbnailRecipe) -> Canvas:
    """Return the picture of this width and height that a filter's ascent makes from noise.

    The same recipe shifts and scales the pictures of all filters alike."""
    rng = np.random.default_rng(recipe.seed)
    seen_at = sizes(size, recipe)
    jitter = min(size) // 8
    ascent = Ascent(smoothing=recipe.smoothing)
    step = ViewStep({target: 1.0})
    picture: np.ndarray = pink(size, recipe.seed)[..., :3].astype(np.float32)
    for number in range(recipe.steps):
        shift = rng.integers(0, jitter + 1, 2) - jitter // 2  # mean about 0
        view = np.roll(picture, shift, (0, 1))
        seen = opaque(resized(view, seen_at[int(rng.integers(len(seen_at)))]))
        found = engine.directions(seen, [step], ascent)[..., :3].astype(np.float32)
        direction = np.roll(resized(found, size), -shift, (0, 1))
        amount = recipe.amount * (1 - recipe.slower * number / recipe.steps)
        grown = softened(picture + amount * _unit(direction), recipe.soften)
        picture = held(grown, recipe.contrast, recipe.pull).clip(0.0, 1.0)
    return opaque(picture)


def _unit(direction: np.ndarray) -> np.ndarray:
    """Return a direction at RMS 1: the engine's limit and an enlargement shorten it."""
    unit: np.ndarray = direction / (np.sqrt(np.square(direction).mean()) + np.float32(1e-12))
    return unit


def softened(picture: np.ndarray, amount: float) -> np.ndarray:
    """Return a picture (H, W, 3) diffused by one step, this share from each of four neighbours."""
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), "edge")
    around = padded[1:-1, :-2] + padded[1:-1, 2:] + padded[:-2, 1:-1] + padded[2:, 1:-1]
    return picture + (around - 4 * picture) * np.float32(amount)


def held(picture: np.ndarray, contrast: float, pull: float) -> np.ndarray:
    """Return a picture pulled towards this standard deviation and a mean of one half.

    `pull`: the part of the way, 0..1."""
    mean = picture.mean()
    wider = contrast / (picture.std() + 1e-6) - 1
    return picture + np.float32(pull) * ((picture - mean) * wider + (_BRIGHTNESS - mean))


def resized(picture: np.ndarray, size: Size) -> np.ndarray:
    """Return a float32 picture (H, W, C) at another width and height, antialiased."""
    width, height = size
    if picture.shape[:2] == (height, width):
        return picture
    rows, columns = _weights(picture.shape[0], height), _weights(picture.shape[1], width)
    stretched = np.einsum("yh,hwc->ywc", rows, picture)
    return np.einsum("xw,ywc->yxc", columns, stretched)


@lru_cache(maxsize=16)
def _weights(side: int, other: int) -> np.ndarray:
    """Return the weights of old pixels in each new one: float32 (other, side), triangle filters."""
    new = (np.arange(other)[:, None] + 0.5) / other
    old = (np.arange(side) + 0.5) / side
    weights = np.clip(1 - np.abs(new - old) * min(side, other), 0, None)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
