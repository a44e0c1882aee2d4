"""Save single frames as PNG files in the background."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.sinks.frame_sink import FrameSink, Picture
from liveflight.outputs.sinks.png_folder import save_png
from liveflight.system import folders
from liveflight.system.worker import Worker

_MAX_CLOSE_WAIT_S = 5.0
"""Seconds that `close` waits for a picture to be saved."""


class Screenshots(FrameSink):
    """Save each picture under the time of day, in the user's folder of pictures.

    The app gives it a frame when the performer asks for a screenshot. Compressing one takes longer
    than a frame, so a worker does it."""

    name = "the screenshots"

    def __init__(self, background: bool) -> None:
        """Save on another thread where `background` is set, else within `write`."""
        self._worker: Worker[str] = Worker(background, niceness=5)

    def write(self, picture: Picture) -> None:
        """Begin to save a picture; several within one second are numbered.

        Raises LiveflightError while the last one is still being saved."""
        if self._worker.busy:
            raise LiveflightError("the last screenshot is still being saved: try again")
        path = folders.pictures() / time.strftime("%Y-%m-%d %H.%M.%S.png")
        self._worker.submit(partial(_save, path, picture.copy()))

    def saved(self) -> str:
        """Return once what was saved and where; empty while there is nothing to tell.

        Raises LiveflightError where the picture could not be saved."""
        return self._worker.result() if self._worker.busy and self._worker.wait() else ""

    def close(self, *, whole: bool = True) -> None:
        self._worker.close(_MAX_CLOSE_WAIT_S)


def _save(path: Path, picture: Picture) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = folders.unwritable(path.parent) or error.strerror
        raise LiveflightError(f"{path.parent} cannot be made: {why}") from error
    return f"saved {save_png(path, picture)}"
