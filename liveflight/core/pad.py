"""The XY pad: four targets at the corners of a square, blended by where the finger is."""

from __future__ import annotations

from collections.abc import Sequence

from liveflight.core.contracts import Mix, Target

CORNERS = ("pad.a", "pad.b", "pad.c", "pad.d")
"""Bottom left, bottom right, top left, top right: the controls that name their targets."""


def blend(corners: Sequence[Target], x: float, y: float) -> Mix:
    """Return the weights of four corners, together 1, with the finger at `x`, `y` in 0..1:
    bilinear, so that a corner is 100 % and an edge mixes two. All four stay in the mix, at 0 too:
    moving the finger never asks for layers that are not prepared."""
    mix: dict[Target, float] = {}
    for corner, weight in zip(
        corners, ((1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y), strict=True
    ):
        mix[corner] = mix.get(corner, 0.0) + weight
    return mix
