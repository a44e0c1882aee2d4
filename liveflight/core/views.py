"""Define views: rectangles of the canvas that the network looks at. Pure.

A view is a rectangle of the canvas, whatever that shows. Views of level 0 see the whole canvas and
compose it; each further level sees half as much and draws finer things. Lengths are in picture
heights, with the origin in the middle, x to the right and y up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liveflight.core.contracts import Mix, Size, ViewStep

MASK_MARGIN = 0.25
"""Part of a view's sides over which its mask rises from 0 to 1, as a raised cosine."""

_HIGH_PASS = 1.5
"""Cycles per view height below which a view of a part of the canvas changes nothing.

Patches of brightness would show where it lands."""

_LOW_PASS = 0.3
"""Cycles per pixel above which a view changes little, if there are finer ones.

The finest that a large view has to say is grain."""

_PART_SMOOTHING = 0.65
"""Factor on the smoothing of partial views: what is slow in them is removed in any case."""

_MAX_PART_AMOUNT = 0.08
"""How far a view of a part moves the picture at most: a large step there is grain, not detail."""

_CHROMA = 0.35
"""Factor on the colour of what is drawn, from level to level.

Eyes resolve colour coarsely, and in pictures of the world it varies slowly, too."""

_LEVEL_RATIO = 0.62
"""How often a level is looked at compared with the next coarser one, at detail 0.5."""

_MAX_RATIO = 8.0
"""The same at detail 1: nearly all views are of the finest level."""

_FINEST = 0.1
"""Octaves by which a pixel of the finest level may be smaller than one of the canvas."""


@dataclass(frozen=True, slots=True)
class View:
    """A rectangle of the canvas that the network looks at."""

    x: float
    y: float
    span: float
    """Its height."""
    rotation: float = 0.0
    """Radians, counterclockwise."""
    level: int = 0
    finest: bool = False
    """Whether no level is finer."""

    @property
    def whole(self) -> bool:
        """Return whether it covers the whole canvas."""
        return self.level == 0

    def amount(self, whole: float) -> float:
        """Return how far it moves the picture, where a view of the whole moves it by `whole`."""
        return whole if self.whole else min(whole, _MAX_PART_AMOUNT)

    @property
    def chroma(self) -> float:
        """Return the factor on the colour of what it draws."""
        return _CHROMA**self.level

    def step(self, mix: Mix) -> ViewStep:
        """Return what the engine does with it."""
        return ViewStep(
            mix,
            high_pass=0.0 if self.whole else _HIGH_PASS,
            low_pass=0.0 if self.finest else _LOW_PASS,
            smoothing=1.0 if self.whole else _PART_SMOOTHING,
        )

    @property
    def matrix(self) -> np.ndarray:
        """Return the map from places of the canvas to the view's own, float64 (3, 3).

        The view's own places are in heights of the view, from its middle."""
        c, s = math.cos(self.rotation) / self.span, math.sin(self.rotation) / self.span
        turn = np.array([[c, s], [-s, c]])
        matrix = np.eye(3)
        matrix[:2, :2] = turn
        matrix[:2, 2] = -turn @ (self.x, self.y)
        return matrix


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """Hold what the controls say about views."""

    detail: float = 0.7
    """How much of the effort goes to small views: 0 none, 1 nearly all."""
    octaves: float = 0.5
    """Range of the random size of a view, octaves."""
    jitter: float = 16.0
    """Largest random shift of a view of the whole canvas, pixels of the view."""
    spread: float = 0.0
    """Part of the views of the whole canvas that are left out, 0..1."""


def level_count(canvas: Size, view: Size) -> int:
    """Return how many levels there are, at least 1. The sizes are widths and heights in pixels."""
    return 1 + max(0, math.floor(math.log2(widest_scale(canvas, view)) + _FINEST))


def level_shares(detail: float, count: int) -> list[float]:
    """Return which part of the views each of `count` levels gets, the coarsest first."""
    ratio = _MAX_RATIO
    if detail < 1:
        ratio = min(_LEVEL_RATIO * detail / (1 - detail), _MAX_RATIO)
    weights = [ratio**level for level in range(count)]
    return [weight / sum(weights) for weight in weights]


def mask(place: np.ndarray) -> np.ndarray:
    """Return a view's weight along one side; `place` in its sides, from its middle."""
    rise = np.clip((0.5 - np.abs(place)) / MASK_MARGIN, 0.0, 1.0)
    weight: np.ndarray = 0.5 - 0.5 * np.cos(np.pi * rise)
    return weight


def widest_scale(canvas: Size, view: Size) -> float:
    """Return the canvas pixels per view pixel of a view that just covers the canvas."""
    return max(canvas[0] / view[0], canvas[1] / view[1])
