"""Thumbnails of filters, from the sheets of atlases."""

from __future__ import annotations

import numpy as np

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target
from liveflight.networks.atlas import sheets
from liveflight.networks.atlas.sheets import Sheet

_SHEETS = 4
"""Decoded sheets that are kept: up to 13 MB each."""


class Thumbnails:
    """Reads and decodes files, up to 50 ms: for one thread beside the frames."""

    def __init__(self) -> None:
        self.trouble = ""
        """Why a sheet could not be read, until somebody has taken notice."""
        self._sheets: dict[tuple[str, int], np.ndarray] = {}

    def sheet(self, sheet: Sheet) -> np.ndarray:
        """As `Sheet.picture`, kept for the next time."""
        try:
            key = str(sheet.path), sheet.path.stat().st_mtime_ns
        except OSError:
            key = str(sheet.path), 0
        kept = self._sheets.pop(key, None)
        try:
            self._sheets[key] = sheet.picture() if kept is None else kept
        except LiveflightError as error:
            self.trouble = str(error)
            raise
        while len(self._sheets) > _SHEETS:
            del self._sheets[next(iter(self._sheets))]
        return self._sheets[key]

    def of(self, target: Target) -> np.ndarray | None:
        """Return a target's thumbnail, uint8 (TILE, TILE, 3), if its network's atlas has one that
        can be read."""
        network = networks.network(target.network)
        sheet = sheets.find(network.name).get(sheets.shown_for(network, target.layer).name)
        if sheet is None or target.filter is None:
            return None
        try:
            return sheet.thumbnail(self.sheet(sheet), target.filter)
        except LiveflightError:
            return None
