"""Keep the last lines of a show's log."""

from __future__ import annotations

from collections import deque
from pathlib import Path

_KEPT_LINES = 200


class ShowLog:
    """Take the supervisor's lines and those of the show."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)

    def write(self, level: str, text: str) -> None:
        """Add a line of the supervisor."""
        self._lines.append(f"{level} {text}")

    def child_line(self, text: str) -> None:
        """Add a line that the show wrote to its standard error."""
        self._lines.append(text)

    def tail(self, count: int) -> list[str]:
        """Return the last lines."""
        return list(self._lines)[-count:]
