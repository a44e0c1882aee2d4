"""Save a show every few seconds while it runs, so that a restarted program continues it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from liveflight.media import image_file
from liveflight.render.preview import PreviewPass
from liveflight.show.state_capture import capture
from liveflight.storage import named_files, state_file
from liveflight.storage.saved_state import SavedState
from liveflight.system.worker import Worker

if TYPE_CHECKING:
    import moderngl

    from liveflight.app import App
    from liveflight.core.contracts import Size

INTERVAL_S = 5.0
"""Seconds between two saves: no more than this is lost in a crash."""

_CLOSE_TIMEOUT_S = 3.0
"""Seconds that the end of a show waits for the disk."""

NICENESS = 10
"""Niceness of encoding and writing."""


class StateSaver:
    """Capture the show between frames; encode and write it on a thread of its own.

    The picture is drawn after one frame and read after the next, so that the read waits for
    nothing."""

    def __init__(
        self,
        app: App,
        folder: Path,
        interval: float = INTERVAL_S,
        clock: Callable[[], float] = time.time,
        picture: bytes = b"",
        *,
        at_once: bool = False,
        background: bool = True,
    ) -> None:
        """`folder`: of the saved state. `interval`: seconds between two saves.

        `clock`: returns seconds since 1970. `picture`: the encoded one until another is drawn.
        `at_once`: save after the first frame, so that no older show is there to be continued."""
        self._app, self._folder, self._clock = app, folder, clock
        self._interval, self._at_once = interval, at_once
        self._due: float | None = None
        """When to save next, in seconds of the loop's clock; None until the first frame."""
        self._preview = PreviewPass(app.output.ctx)
        self._picture = picture
        self._drawn_at: object = None
        """Where the picture stood when it was last drawn."""
        self._saved: SavedState | None = None
        """The last state that was handed to the disk, without its clocks."""
        self._worker: Worker[bytes] = Worker(background, NICENESS)
        self.failures = 0
        """Number of saves that failed."""

    def after_frame(self) -> None:
        """Save where it is time and something has changed. Called after each displayed frame."""
        guard = self._app.guard
        guard.run("the saved state", self._advance, guard.now)

    def end(self) -> None:
        """Save for the last time."""
        self._app.guard.run_always("the saved state", self._end)

    def _advance(self, now: float) -> None:
        self._take_result()
        if self._due is None:
            self._due = now if self._at_once else now + self._interval
        picture = self._preview.take()
        if picture is None and now >= self._due and not self._worker.busy:
            self._due = now + self._interval
            if self._draw():
                return
            self._save(None)
        elif picture is not None:
            self._save(picture)

    def _draw(self) -> bool:
        """Draw the canvas, small, where it has changed since the last time; return whether."""
        loop, selector = self._app.feedback_loop, self._app.flight.target_selector
        here = loop.ticks, selector.time
        if here == self._drawn_at:
            return False
        self._drawn_at = here
        self._preview.draw(loop.size, self._draw_canvas)
        self._app.output.framebuffer.use()
        return True

    def _draw_canvas(self, framebuffer: moderngl.Framebuffer, size: Size) -> None:
        loop = self._app.feedback_loop
        given = loop.texture(), framebuffer, size
        draw = self._app.presenter.present_pass.draw
        held = loop.renderer.region
        draw(*given, warp=loop.shown, held=held, bottom_up=False, sharp=False, sketch=True)

    def _save(self, picture: np.ndarray | None) -> None:
        state = capture(self._app.flight, self._clock())
        if picture is None and state.steady == self._saved:
            return
        self._saved = state.steady
        job = partial(write, state, picture, self._picture, self._folder)
        self._worker.submit(job)

    def _take_result(self) -> None:
        if not (self._worker.busy and self._worker.wait()):
            return
        try:
            self._picture = self._worker.result()
        except OSError as error:
            self.failures += 1
            self._saved = None  # tried again after the interval, whatever has changed
            why = named_files.why(error)
            self._app.flight.reports.add(
                f"the show cannot be saved in {self._folder}: {why}; it goes on, and is tried again"
            )

    def _end(self) -> None:
        if self._worker.busy and not self._worker.wait(_CLOSE_TIMEOUT_S):
            return
        self._take_result()
        state = capture(self._app.flight, self._clock())
        self._worker.submit(partial(write, state, None, self._picture, self._folder))
        if self._worker.wait(_CLOSE_TIMEOUT_S):
            self._take_result()
        self._worker.close(0.0)
        self._preview.release()


def write(state: SavedState, picture: np.ndarray | None, before: bytes, folder: Path) -> bytes:
    """Write a state with a picture, or the encoded one of before; return the encoded picture."""
    encoded = before if picture is None else image_file.encode(picture)
    state_file.write(replace(state, picture=encoded), folder)
    return encoded
