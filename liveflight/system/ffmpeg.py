"""Find ffmpeg, and watch over its processes."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from fractions import Fraction
from typing import IO

from liveflight.system import child_process
from liveflight.system.worker import start_thread

STALL_LIMIT_S = 60.0
"""Seconds without progress after which an ffmpeg that somebody waits for is killed."""

_MAX_CHANNELS = 64
"""Channels of a sound that ffmpeg's filters take."""

MEAN_OF_CHANNELS = "pan=mono|c0<" + "+".join(f"c{number}" for number in range(_MAX_CHANNELS))
"""A filter that takes the mean of all channels, in any number and without a known layout.

ffmpeg's own mono is louder than each channel, and needs to know the layout."""

MAX_MESSAGE_BYTES = 1 << 16
"""Bytes of an ffmpeg's messages that are read."""

MAX_KEPT_MESSAGE_BYTES = 1 << 20
"""Bytes of messages that are kept: a damaged file that loops gives hundreds of megabytes a day."""

_CHECKS = 60
"""Progress checks within STALL_LIMIT_S.

Where this process was stopped and goes on, its ffmpeg has lost one check, not all of them."""


def find() -> str | None:
    """Return the path of imageio-ffmpeg's program or the system's; None where there is none."""
    try:
        import imageio_ffmpeg

        found = str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        found = "ffmpeg"
    return found if os.path.dirname(found) else child_process.program(found)


def rate(fps: float) -> Fraction:
    """Return frames per second as a fraction such as 30000/1001."""
    return Fraction(fps).limit_denominator(100_000)


def trim_messages(said: IO[bytes]) -> None:
    """Empty the file that an ffmpeg writes its messages into, once it is too large."""
    if os.fstat(said.fileno()).st_size > MAX_KEPT_MESSAGE_BYTES:
        os.lseek(said.fileno(), 0, os.SEEK_SET)  # moves ffmpeg's position too: it is the same file
        os.ftruncate(said.fileno(), 0)


class Watch:
    """Kill a process that keeps its caller waiting without progress for STALL_LIMIT_S seconds.

    The waiting call then ends as if the process had died. Put `with watch:` around each call that
    may wait: its end counts as progress."""

    def __init__(
        self, process: subprocess.Popen[bytes], progress: Callable[[], object] = lambda: None
    ) -> None:
        """Watch `process`; `progress` returns anything that changes while it works."""
        self._process, self._progress = process, progress
        self._waiting, self._waits = False, 0
        self._ended = threading.Event()
        self.killed = False
        start_thread(self._run, "ffmpeg watch")

    def __enter__(self) -> None:
        self._waiting = True

    def __exit__(self, *exception: object) -> None:
        self._waiting = False
        self._waits += 1

    def close(self) -> None:
        """End the watch. May be called twice."""
        self._ended.set()

    def _run(self) -> None:
        idle, before = 0, self._state()
        while not self._ended.wait(STALL_LIMIT_S / _CHECKS):
            now = self._state()
            idle = idle + 1 if self._waiting and now == before else 0
            before = now
            if idle >= _CHECKS:
                self.killed = True
                self._process.kill()
                return

    def _state(self) -> tuple[int, object]:
        return self._waits, self._progress()
