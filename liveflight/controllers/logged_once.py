"""Log faults of a device or sender once each."""

from __future__ import annotations

import logging


class LoggedOnce:
    """Log each text the first time, and no more than `most` different ones."""

    def __init__(self, log: logging.Logger, most: int) -> None:
        self._log, self._most = log, most
        self._logged: set[str] = set()

    def warn(self, text: str) -> None:
        if text not in self._logged and len(self._logged) < self._most:
            self._logged.add(text)
            self._log.warning("%s", text)
