"""Blend four targets at the corners of a square by the position on an XY pad."""

from __future__ import annotations

from collections.abc import Sequence

from liveflight.core.contracts import Mix, Target

CORNERS = ("pad.a", "pad.b", "pad.c", "pad.d")
"""Controls that name the targets: bottom left, bottom right, top left, top right."""


def blend(corners: Sequence[Target], x: float, y: float) -> Mix:
    """Return the weights of four corners, together 1, at the position `x`, `y` in 0..1.

    Bilinear: a corner is 100 % and an edge mixes two. All four stay in the mix, at 0 too, so that
    moving on the pad never needs layers that are not prepared."""
    mix: dict[Target, float] = {}
    for corner, weight in zip(
        corners, ((1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y), strict=True
    ):
        mix[corner] = mix.get(corner, 0.0) + weight
    return mix
