"""Replace the atlases by some of a few flat thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from liveflight.networks.atlas import sheets

SHEETS: dict[str, dict[str, Sequence[int]]] = {
    "vgg16": {"conv3_1": range(99, 29, -1), "conv4_1": range(40)},
    "efficientnet_lite0": {"stem": (7, 3, 30, 0, 12)},
}
"""Filters in the sheet's order, by network and layer: conv3_1's are three rows of 32, 32 and 6."""


def colour(index: int) -> tuple[int, int, int]:
    """Return the colour of the thumbnail at an index of a sheet."""
    return 40 + index * 37 % 180, 40 + index * 59 % 180, 40 + index * 83 % 180


def thumbnails(count: int) -> np.ndarray:
    made = np.empty((count, sheets.TILE, sheets.TILE, 3), np.uint8)
    made[:] = np.array([colour(index) for index in range(count)])[:, None, None]
    return made


def lay_out(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Write the atlases into a folder, and let only them be found."""
    for network, layers in SHEETS.items():
        made = {name: (filters, thumbnails(len(filters))) for name, filters in layers.items()}
        sheets.write(folder / network, made, "made by hand")
    patch.setattr(sheets, "find", lambda network: sheets.read(folder / network))
