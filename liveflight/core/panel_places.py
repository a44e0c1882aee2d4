"""Place the performer's panels on an output so that none lies over another. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from liveflight.core.contracts import Size

Place = Literal["corner", "main", "foot"]
"""`corner`: the HUD, top left; `main`: what was opened last; `foot`: one line at the bottom."""

Corner = tuple[int, int]
"""Left and top in pixels."""


def places(sizes: Mapping[Place, Size], output: Size, margin: int) -> dict[Place, Corner]:
    """Return where panels of these sizes go, keeping this margin in pixels.

    A panel that was opened is in the middle, or beside or below the HUD; where there is no room for
    both, the HUD is left out. The line at the bottom is left out where it would cover any of
    them."""
    found: dict[Place, Corner] = {}
    if "main" in sizes:
        found["main"] = _centred(sizes["main"], output)
    if "corner" in sizes:
        found |= _beside_hud(sizes, output, margin)
    if "foot" in sizes:
        width, height = sizes["foot"]
        foot = ((output[0] - width) // 2, output[1] - height - margin)
        if not any(_overlap(foot, sizes["foot"], at, sizes[each]) for each, at in found.items()):
            found["foot"] = foot
    return found


def _beside_hud(sizes: Mapping[Place, Size], output: Size, margin: int) -> dict[Place, Corner]:
    """Return the HUD's corner and that of what was opened; nothing where only that has room."""
    corner, (wide, high) = (margin, margin), sizes["corner"]
    if "main" not in sizes:
        return {"corner": corner}
    width, height = sizes["main"]
    left, top = _centred(sizes["main"], output)
    if wide + width + 3 * margin <= output[0]:
        left = max(left, wide + 2 * margin)
    elif high + height + 3 * margin <= output[1]:
        top = max(top, high + 2 * margin)
    else:
        return {}
    return {"corner": corner, "main": (left, top)}


def _centred(size: Size, output: Size) -> Corner:
    return (output[0] - size[0]) // 2, (output[1] - size[1]) // 2


def _overlap(one: Corner, one_size: Size, other: Corner, other_size: Size) -> bool:
    return all(
        one[axis] < other[axis] + other_size[axis] and other[axis] < one[axis] + one_size[axis]
        for axis in (0, 1)
    )
