"""Take the picture that another program sends as a camera, on a thread beside the show."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections import deque

import numpy as np

from liveflight.core.contracts import LiveflightError
from liveflight.media.video_source import MAX_SIDE_PX, RETRY_S

log = logging.getLogger("liveflight.media")


class ReceivedVideo(ABC):
    """A `VideoSource` in its own time: only its newest frame counts.

    A subclass has `open`, `receive` and `end`, which run on the thread and may raise anything.
    Where the sender is not there, or goes away, it is looked for again, with a line in the log at
    each change."""

    def __init__(self, name: str) -> None:
        """Begin to look for a sender. `name`: for messages."""
        self.name = name
        self._newest: deque[np.ndarray] = deque(maxlen=1)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="received video", daemon=True)
        self._thread.start()

    @abstractmethod
    def open(self) -> None:
        """Connect to the sender. Raises LiveflightError where there is none."""

    @abstractmethod
    def receive(self) -> np.ndarray | None:
        """Return the next frame, uint8 (H, W, 3), row 0 at the top; None where none came.

        Waits for a part of a second at most. Raises LiveflightError where the sender is gone."""

    @abstractmethod
    def end(self) -> None:
        """Disconnect; called after each `open`, even one that failed."""

    def newest(self, now: float) -> np.ndarray | None:
        return self._newest.pop() if self._newest else None

    def close(self) -> None:
        """End the thread; may be called twice."""
        self._ends.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        wait, lost = RETRY_S[0], False
        while not self._ends.is_set():
            try:
                try:
                    self.open()
                    while not self._ends.is_set():
                        frame = self.receive()
                        if frame is None:
                            continue
                        if lost:
                            log.warning("camera %s: it is back", self.name)
                        wait, lost = RETRY_S[0], False
                        self._newest.append(reduced(frame))
                finally:
                    self.end()
            except Exception as error:
                if not lost:
                    why = str(error) if isinstance(error, LiveflightError) else repr(error)
                    log.warning("camera %s: %s; it is tried again", self.name, why)
                lost = True
            self._ends.wait(wait)
            wait = min(2 * wait, RETRY_S[1])


def reduced(frame: np.ndarray) -> np.ndarray:
    """Return a copy of a frame, uint8 (H, W, 3), reduced by a whole number to what a seed needs."""
    factor = -(-max(frame.shape[:2]) // MAX_SIDE_PX)
    if factor == 1:
        return frame.copy()
    down, across = (min(factor, side) for side in frame.shape[:2])  # it may be a single line
    height, width = frame.shape[0] // down, frame.shape[1] // across
    tiles = frame[: height * down, : width * across].reshape(height, down, width, across, 3)
    return tiles.mean(axis=(1, 3), dtype=np.float32).astype(np.uint8)
