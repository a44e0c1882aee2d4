"""Saves pictures beside the show: compressing one takes longer than a frame."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import numpy as np

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.sinks import save_png
from liveflight.system import folders
from liveflight.system.worker import Worker

_GRACE = 5.0
"""Seconds that `close` waits for a picture to be saved."""


class Screenshots:
    def __init__(self, background: bool) -> None:
        self._worker: Worker[str] = Worker(background, niceness=5)

    def take(self, picture: np.ndarray) -> None:
        """Begins to save uint8 (H, W, 3), row 0 at the top, under the time of day;
        of several in a second the later ones have a number.

        Raises LiveflightError while the last one is still being saved."""
        if self._worker.busy:
            raise LiveflightError("the last screenshot is still being saved: try again")
        path = folders.pictures() / time.strftime("%Y-%m-%d %H.%M.%S.png")
        self._worker.submit(partial(_save, path, picture))

    def saved(self) -> str:
        """What became of it, once, when it is done; empty else. Raises LiveflightError where it
        could not be saved."""
        return self._worker.result() if self._worker.busy and self._worker.wait() else ""

    def close(self) -> None:
        self._worker.close(_GRACE)


def _save(path: Path, picture: np.ndarray) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = folders.unwritable(path.parent) or error.strerror
        raise LiveflightError(f"{path.parent} cannot be made: {why}") from error
    return f"saved {save_png(path, picture)}"
