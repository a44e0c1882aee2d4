"""Atlases of a few flat thumbnails, in place of those that there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from liveflight.networks.atlas import sheets as atlas

SHEETS: dict[str, dict[str, Sequence[int]]] = {
    "vgg16": {"conv3_1": range(99, 29, -1), "conv4_1": range(40)},
    "efficientnet_lite0": {"stem": (7, 3, 30, 0, 12)},
}
"""Filters in the sheet's order, by network and layer: conv3_1's are three rows of 32, 32 and 6."""


def colour(place: int) -> tuple[int, int, int]:
    """Of the thumbnail at a place of a sheet."""
    return 40 + place * 37 % 180, 40 + place * 59 % 180, 40 + place * 83 % 180


def thumbnails(count: int) -> np.ndarray:
    made = np.empty((count, atlas.TILE, atlas.TILE, 3), np.uint8)
    made[:] = np.array([colour(place) for place in range(count)])[:, None, None]
    return made


def lay_out(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Write the atlases into a folder; only they are found from then on."""
    for network, sheets in SHEETS.items():
        made = {name: (filters, thumbnails(len(filters))) for name, filters in sheets.items()}
        atlas.write(folder / network, made, "made by hand")
    patch.setattr(atlas, "find", lambda network: atlas.read(folder / network))
