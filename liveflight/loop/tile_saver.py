"""Save the picture of one tile every few seconds, to be shown while its rank is started again."""

from __future__ import annotations

import logging
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from liveflight.core.contracts import Canvas, Output, Size
from liveflight.core.noise import first_canvas
from liveflight.loop.presenter import Presenter
from liveflight.loop.state_saver import INTERVAL_S, NICENESS, write
from liveflight.media import image_file
from liveflight.render.preview import PreviewPass
from liveflight.storage.saved_state import SavedState
from liveflight.system.worker import Worker
from liveflight.wall.tiles import Tile

if TYPE_CHECKING:
    import moderngl

log = logging.getLogger(__name__)

_CLOSE_S = 2.0


class TileSaver:
    """Draw the picture after one frame, read it after the next, and write it on a thread."""

    def __init__(self, output: Output, presenter: Presenter, folder: Path) -> None:
        self._output, self._presenter, self._folder = output, presenter, folder
        self._preview = PreviewPass(output.ctx)
        self._worker: Worker[bytes] = Worker(True, NICENESS)
        self._due = time.monotonic() + INTERVAL_S

    def after_frame(self) -> None:
        """Save where it is time."""
        if self._worker.busy and self._worker.wait():
            try:
                self._worker.result()
            except OSError as error:
                log.warning("the tile's picture cannot be saved: %s", error)
        picture = self._preview.take()
        if picture is not None and not self._worker.busy:
            state = SavedState(saved=time.time())
            self._worker.submit(partial(write, state, picture, b"", self._folder))
        elif picture is None and time.monotonic() >= self._due:
            self._due = time.monotonic() + INTERVAL_S
            self._preview.draw(self._output.size, self._draw)
            self._output.framebuffer.use()

    def close(self) -> None:
        self._worker.close(_CLOSE_S)
        self._preview.release()

    def _draw(self, framebuffer: moderngl.Framebuffer, size: Size) -> None:
        self._presenter.preview(framebuffer, size)


def start_from(encoded: bytes, tile: Tile, size: Size, seed: int) -> Canvas:
    """Return a first canvas of noise with a tile's saved picture in its place."""
    canvas = first_canvas(size, seed)
    picture = image_file.decode(encoded)
    if picture is not None:
        shown = tile.shown
        upright = np.rot90(picture, tile.turns)
        part = image_file.canvas(np.ascontiguousarray(upright), shown.size)
        canvas[shown.top : shown.bottom, shown.left : shown.right] = part
    return canvas
