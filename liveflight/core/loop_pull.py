"""Compute the change that pulls a picture towards another one while it is dreamed. Pure.

Not everything changes at once, which would show both pictures through each other. Places follow one
after the other, in patches that move with the camera, and in each place what is large comes before
what is small: the network draws its details onto the new composition meanwhile.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from liveflight.core.contracts import Size

_LEVELS = 5
"""Octaves of detail that are told apart, beside what is larger."""
_SMALLEST_SIDE_PX = 8
"""Pixels that the coarsest level has at least."""
_PLACE_WIDTH = 0.35
"""Part of the whole time that one place takes."""
_FINE_BEGINS, _COARSE_ENDS = 0.4, 0.65
"""Parts of a place's time when its details begin, and when its composition is complete."""
_MAX_GAIN = 1.2
"""Factor by which a step raises the contrast at most."""
_WAVES = 8
"""Plane waves that the patches are made of."""
_PATCHES = 0.6, 1.8
"""Slowest and fastest of them, cycles per picture height."""


class LoopPull:
    """Pull pictures of one size, step by step."""

    def __init__(self, size: Size, seed: int = 0) -> None:
        """Take the width and height in pixels, and the seed of the patches."""
        self._size = size
        fitting = max(math.floor(math.log2(max(min(size) / _SMALLEST_SIDE_PX, 2))), 1)
        self._levels = min(_LEVELS, fitting)
        chance = np.random.default_rng(seed)
        angles = chance.uniform(0, 2 * math.pi, _WAVES)
        speeds = 2 * math.pi * chance.uniform(*_PATCHES, _WAVES)
        self._waves = np.array([speeds * np.cos(angles), speeds * np.sin(angles)])
        self._phases = chance.uniform(0, 2 * math.pi, _WAVES)

    def change(
        self,
        shown: np.ndarray,
        wanted: np.ndarray,
        before: float,
        after: float,
        moved: np.ndarray,
    ) -> np.ndarray:
        """Return what to add to the picture that is shown: float32 (H, W, 3), for 0..1.

        `shown`, `wanted`: uint8 (H, W, 3). `before`, `after`: the progress that has been made and
        that which this step is to reach, 0..1; at 1 nothing of the difference is left. `moved` maps
        places of the picture to those of the first step's, in heights: the camera's motion."""
        bands = (split(each.astype(np.float32) / 255, self._levels) for each in (shown, wanted))
        order = self._order(moved, shown.shape[:2])
        changes = []
        for level, (now, goal) in enumerate(zip(*bands, strict=True)):
            shares = (follows(step, order, level / self._levels) for step in (before, after))
            mean = now.mean() if level == self._levels else 0.0
            changes.append(_step(now - mean, goal - mean, *shares))
            order = _halved(order)
        return joined(changes)

    def _order(self, moved: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return when each place follows, 0 first and 1 last: float32 (H, W, 1).

        It is smooth, so it is computed at a quarter of the size."""
        x, y = ((4 * np.arange(-(-side // 4)) + 2 - side / 2) / shape[0] for side in shape[1::-1])
        places = np.stack(np.broadcast_arrays(x, -y[:, None], 1.0), axis=-1) @ moved.T
        phases = places[..., :2] @ self._waves + self._phases
        waves = np.cos(phases).sum(axis=-1, keepdims=True) / math.sqrt(_WAVES / 2)
        order = (0.5 + 0.5 * np.tanh(0.8 * waves)).astype(np.float32)  # about evenly spread
        between = (-(-shape[0] // 2), -(-shape[1] // 2))
        return _doubled(_doubled(order, between), (shape[0], shape[1]))


def follows(progress: float, order: np.ndarray, coarse: float) -> np.ndarray:
    """Return how much of the other picture is wanted, 0..1, where places have this order.

    `coarse`: 0 for the finest details, 1 for the composition."""
    place = (progress - order * (1 - _PLACE_WIDTH)) / _PLACE_WIDTH
    begins = _FINE_BEGINS * (1 - coarse)
    ends = 1 - (1 - _COARSE_ENDS) * coarse
    return eased((place - begins) / (ends - begins))


def _step(now: np.ndarray, goal: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the change of one octave, of which the shares `before` and `after` are the goal's.

    A blend of two pictures has less contrast than either: what is lost in a place is put back."""
    share = 1 - (1 - after) / np.maximum(1 - before, 1e-6)
    products = [
        (one * other).mean(axis=2) for one, other in ((now, now), (goal, goal), (now, goal))
    ]
    own, others, common = np.split(_blurred(np.stack(products, axis=2)), 3, axis=2)
    wanted = (1 - share) * np.sqrt(own) + share * np.sqrt(others)
    blended = (1 - share) ** 2 * own + share**2 * others + 2 * share * (1 - share) * common
    gain = np.minimum(wanted / np.sqrt(np.maximum(blended, 1e-9)), _MAX_GAIN)
    change: np.ndarray = gain * (now + share * (goal - now)) - now
    return change


def _blurred(picture: np.ndarray) -> np.ndarray:
    """Return a picture of the same size without its two finest octaves."""
    half = _halved(picture)
    return _doubled(_doubled(_halved(half), half.shape[:2]), picture.shape[:2])


def eased(share: np.ndarray | float) -> np.ndarray:
    """Return a rise from 0 to 1 that begins and ends slowly."""
    clipped = np.clip(share, 0.0, 1.0)
    risen: np.ndarray = clipped * clipped * (3 - 2 * clipped)
    return risen


def split(picture: np.ndarray, levels: int) -> list[np.ndarray]:
    """Return the picture's octaves, the finest first, each half as large as the last.

    The last one holds all that is larger. `picture`: (H, W, C)."""
    sizes = [picture]
    for _ in range(levels):
        sizes.append(_halved(sizes[-1]))
    bands = [fine - _doubled(coarse, fine.shape[:2]) for fine, coarse in pairwise(sizes)]
    return [*bands, sizes[-1]]


def joined(bands: list[np.ndarray]) -> np.ndarray:
    """Return the picture that `split` took apart."""
    picture = bands[-1]
    for band in reversed(bands[:-1]):
        picture = band + _doubled(picture, band.shape[:2])
    return picture


def _halved(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    rows = even[0::2] + even[1::2]
    halved: np.ndarray = (rows[:, 0::2] + rows[:, 1::2]) / 4
    return halved


def _doubled(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the picture twice as large, bilinear, cut to this height and width."""
    return _longer(_longer(picture, shape[0]).swapaxes(0, 1), shape[1]).swapaxes(0, 1)


def _longer(picture: np.ndarray, rows: int) -> np.ndarray:
    before = np.concatenate([picture[:1], picture[:-1]])
    after = np.concatenate([picture[1:], picture[-1:]])
    doubled = np.empty((2 * len(picture), *picture.shape[1:]), picture.dtype)
    doubled[0::2] = 0.75 * picture + 0.25 * before
    doubled[1::2] = 0.75 * picture + 0.25 * after
    return doubled[:rows]
