"""Write the figures of a run to a file, for comparing runs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from liveflight import __version__
from liveflight.core.contracts import LiveflightError
from liveflight.diagnostics.bench.suite import Topic
from liveflight.storage import new_files
from liveflight.storage.new_files import IfTaken

VERSION = 1


def check(path: Path) -> None:
    """Raise LiveflightError if a run's figures could not be written in the end."""
    folder = os.path.isdir(path)
    if folder or not os.path.isdir(path.absolute().parent):
        why = "it is a folder" if folder else f"there is no folder {str(path.parent)!r}"
        raise LiveflightError(f"cannot write {str(path)!r}: {why}")


def write(path: Path, topics: Sequence[Topic], if_taken: IfTaken = "next") -> Path:
    """Write all figures by topic as JSON, completely or not at all, and return the path.

    Times are in seconds, sizes in bytes, rates per second. Raises LiveflightError where the file
    cannot be written."""
    figures = {
        "version": VERSION,
        "liveflight": __version__,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        **{topic.name: topic.raw for topic in topics},
    }
    try:
        return new_files.write(json.dumps(figures, indent=1).encode(), path, if_taken)
    except OSError as error:
        raise LiveflightError(f"cannot write {str(path)!r}: {error.strerror}") from error
