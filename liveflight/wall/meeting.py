"""Wait for the other ranks of a wall without standing still."""

from __future__ import annotations

import time
from collections.abc import Callable

from liveflight.wall.membership import Generation, Membership

_LOOK_S = 0.05
"""Seconds between two looks."""


def first(membership: Membership, patience: float, wait: Callable[[], None]) -> Generation:
    """Return the first generation, adopted; `wait` is called again and again until it is there.

    Raises LiveflightError that names the missing ranks after `patience` seconds, and
    WallRefusedError where rank 0 refuses."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if generation := membership.waiting():
            return membership.adopt(generation.number)
        wait()
        time.sleep(_LOOK_S)
    return membership.first(_LOOK_S)
