"""Write a report of each crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write(folder: Path, how: str, status: Mapping[str, Any], tail: Sequence[str]) -> Path | None:
    """Write a report; return its path, or None where it cannot be written."""
    return None
