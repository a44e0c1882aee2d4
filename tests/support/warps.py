"""Warps for tests, written with the amounts of their effects as keywords."""

from __future__ import annotations

from typing import Any

import numpy as np

from liveflight.core.contracts import Warp

_FIELDS = ("mirror_x", "mirror_y", "kaleidoscope", "phase", "folded", "tone")


def make_warp(matrix: np.ndarray, **given: Any) -> Warp:
    """Return a warp; what is no field of `Warp` is the amount of an effect."""
    fields = {name: given.pop(name) for name in _FIELDS if name in given}
    return Warp(matrix, amounts=given, **fields)
