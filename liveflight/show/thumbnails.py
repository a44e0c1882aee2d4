"""Read thumbnails of filters from the sheets of atlases."""

from __future__ import annotations

import numpy as np

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target
from liveflight.networks.atlas import sheets
from liveflight.networks.atlas.sheets import Sheet

_MAX_SHEETS = 4
"""Number of decoded sheets that are kept, up to 13 MB each."""


class Thumbnails:
    """Read and decode sheets, which takes up to 50 ms: for one thread beside the frames."""

    def __init__(self) -> None:
        self.trouble = ""
        """Reason why a sheet could not be read, until somebody clears it."""
        self._sheets: dict[tuple[str, int], np.ndarray] = {}

    def sheet(self, sheet: Sheet) -> np.ndarray:
        """Return `Sheet.picture`, cached."""
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
        while len(self._sheets) > _MAX_SHEETS:
            del self._sheets[next(iter(self._sheets))]
        return self._sheets[key]

    def of(self, target: Target) -> np.ndarray | None:
        """Return a target's thumbnail, uint8 (TILE, TILE, 3); None without a readable one."""
        network = networks.network(target.network)
        sheet = sheets.find(network.name).get(sheets.shown_for(network, target.layer).name)
        if sheet is None or target.filter is None:
            return None
        try:
            return sheet.thumbnail(self.sheet(sheet), target.filter)
        except LiveflightError:
            return None
