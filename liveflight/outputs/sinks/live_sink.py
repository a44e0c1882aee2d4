"""Send frames to a receiver of a live show, on a thread beside the frame loop.

A receiver may be slow, stall, die and return: the show never waits for it. Frames that it does not
take in time are dropped and counted.
"""

from __future__ import annotations

import math
import threading
import time
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from liveflight.core.contracts import LiveflightError, Size
from liveflight.outputs.sinks.frame_sink import FrameSink, Picture
from liveflight.system.worker import start_thread

MAX_WAITING = 2
"""Frames that wait for a sink's thread; of more, the oldest is dropped."""

RETRY_S = (0.5, 8.0)
"""Seconds until a lost receiver is tried again, at first and at most; they double."""

WORKING_S = 1.0
"""Seconds without a fault after which a receiver counts as working."""

SETTLED_S = 0.5
"""Seconds for which frames keep a new size before a receiver is opened for it.

A window that is dragged has another size in each frame, and a file or a connection for each would
be of no use."""

DROPS_SHOWN_S = 10.0
"""Seconds for which dropped frames are shown to the performer."""

_INTERRUPTED_S = 2.0
"""Seconds that `close` waits for what it interrupted."""


class LiveSink(FrameSink):
    """Take frames without waiting, and send them from a thread of its own.

    A subclass has `open`, `send` and `end`, which run on that thread and may raise anything, and
    may have `interrupt`. A fault ends the connection, and after a while it is opened again. So it
    is where the size of the frames changes.

    Pictures are uint8 (H, W, 4), RGB and a byte without meaning. Nobody may change one, but a sink
    may keep it: keep the array itself, not a part of it."""

    channels = 4
    reconnects = True
    """Whether it is opened again after a fault."""
    stall_s = 5.0
    """Seconds without progress after which the receiver counts as lost."""
    close_s = 5.0
    """Seconds that `close` waits for the last frames."""

    def __init__(self, name: str, clock: Callable[[], float] = time.perf_counter) -> None:
        """Wait for the first frame, which says the size. `name`: for messages."""
        self.name = name
        self.sent = self.dropped = 0
        """Frames that the receiver took, and those that it did not."""
        self.trouble = ""
        """Why the receiver has no picture now; empty where it has."""
        self._dropped_at = -math.inf
        """When the last frame was dropped."""
        self._clock = clock
        self._frames: SimpleQueue[tuple[float, Picture] | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._whole = True
        self._begun: float | None = None
        """When the frame that is being sent was begun."""
        self._stalled = False
        self._thread = start_thread(self._run, "live sink")
        if self._thread is None:
            self.trouble = "the system has no thread left"

    @abstractmethod
    def open(self, size: Size) -> None:
        """Connect, for frames of this width and height."""

    @abstractmethod
    def send(self, picture: Picture, at: float) -> None:
        """Send a frame that was shown `at` this time, in seconds of the sink's clock."""

    @abstractmethod
    def end(self, *, whole: bool) -> None:
        """Disconnect; called after each `open`, even one that failed.

        `whole`: everything was sent, and nothing failed."""

    def progress(self) -> None:
        """Say that a part of a long `send` was taken: the receiver has not stalled."""
        self._begun = self._clock()

    def interrupt(self) -> None:
        """Make a `send` that takes too long end with an error; called by another thread."""

    @property
    def ended(self) -> bool:
        """Return whether the thread has ended: nothing is sent any more."""
        return self._thread is None or not self._thread.is_alive()

    def status_lines(self) -> list[str]:
        """Return trouble for the performer; mostly nothing."""
        recently = self._clock() - self._dropped_at < DROPS_SHOWN_S
        dropped = f"frames dropped: {self.dropped}" if recently else ""
        said = "; ".join(filter(None, (self.trouble, dropped)))
        return [f"{self.name}: {said}"] if said else []

    def write(self, picture: Picture) -> None:
        """Hand a frame over, which takes microseconds; never raises."""
        if self._stopping.is_set() or self.ended:
            return
        if self._frames.qsize() >= MAX_WAITING:
            with suppress(Empty):  # the thread has taken it meanwhile
                self._frames.get_nowait()
                self._drop()
        self._frames.put((self._clock(), picture))
        self.check_stall()

    def check_stall(self) -> None:
        """Interrupt a frame that takes too long; call it now and then."""
        begun = self._begun
        if begun is not None and self._clock() - begun > self.stall_s and not self._stalled:
            self._stalled = True
            self.interrupt()

    def stop(self) -> None:
        """Begin to end: what waits is still sent. Does not wait; `ended` says when."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._frames.put(None)

    def close(self, *, whole: bool = True) -> None:
        self._whole = self._whole and whole
        self.stop()
        if self._thread:
            self._thread.join(self.close_s)
            if self._thread.is_alive():
                self.interrupt()
                self._thread.join(_INTERRUPTED_S)

    def _run(self) -> None:
        wait, item = RETRY_S[0], self._frames.get()
        while item:
            begun = self._clock()
            try:
                item = self._connection(*item)
                continue
            except Exception as error:
                self.trouble = self._described(error)
            if self._clock() - begun > WORKING_S:
                wait = RETRY_S[0]
            if not self.reconnects or self._stopping.wait(wait):
                return
            wait = min(2 * wait, RETRY_S[1])
            item = self._frames.get()

    def _connection(self, at: float, picture: Picture) -> tuple[float, Picture] | None:
        """Send frames of one size; return the first of another, or None at the end."""
        height, width, _ = shape = picture.shape
        self._stalled, whole = False, False
        item: tuple[float, Picture] | None = (at, picture)
        try:
            self.open((width, height))
            while item and item[1].shape == shape:
                self._send(item[1], item[0])
                if item[0] - at > WORKING_S:
                    self.trouble = ""
                item = self._frames.get()
            whole = self._whole
        finally:
            self.end(whole=whole)
        return self._settled(*item) if item else None

    def _settled(self, at: float, picture: Picture) -> tuple[float, Picture]:
        """Return the newest frame once the size has stayed for a while, or the end comes."""
        since = self._clock()
        while self._clock() - since < SETTLED_S:
            try:
                following = self._frames.get(timeout=SETTLED_S)
            except Empty:  # the show stands still
                break
            if following is None:
                self._frames.put(None)  # nothing comes after it
                break
            if following[1].shape != picture.shape:
                since = self._clock()
            at, picture = following
            self._drop()
        return at, picture

    def _drop(self) -> None:
        self.dropped += 1
        self._dropped_at = self._clock()

    def _send(self, picture: Picture, at: float) -> None:
        self._begun = self._clock()
        try:
            self.send(picture, at)
        finally:
            self._begun = None
        self.sent += 1

    def _described(self, error: Exception) -> str:
        if self._stalled:
            return f"it took nothing for {self.stall_s:g} s"
        if isinstance(error, LiveflightError):
            return str(error)
        return (error.strerror or str(error)).lower() if isinstance(error, OSError) else repr(error)
