"""Where ffmpeg is, the one that imageio-ffmpeg carries or the system's, and how it is spoken to."""

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
"""Seconds without progress after which an ffmpeg that is waited for is ended."""

_MOST_CHANNELS = 64
"""Channels of a sound that ffmpeg's filters take."""

MEAN_OF_CHANNELS = "pan=mono|c0<" + "+".join(f"c{number}" for number in range(_MOST_CHANNELS))
"""A filter: the mean of all channels, however many there are and whether or not it is known where
each of them belongs. ffmpeg's own mono is louder than any of them, and needs to know."""

MAX_MESSAGE_BYTES = 1 << 16
"""Bytes of an ffmpeg's messages that are looked at."""

_MOST_SAID = 1 << 20
"""Bytes of them that are kept: a damaged file that loops gives hundreds of megabytes a day."""

_LOOKS = 60
"""How often STALL_LIMIT_S is divided: where this process was stopped and goes on, its ffmpeg has then
lost one part of it, not all."""


def find() -> str | None:
    """The program's path; None where there is none."""
    try:
        import imageio_ffmpeg

        found = str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        found = "ffmpeg"
    return found if os.path.dirname(found) else child_process.program(found)


def rate(fps: float) -> Fraction:
    """Frames per second as the fraction that they were given as, such as 30000/1001."""
    return Fraction(fps).limit_denominator(100_000)


def trim_messages(said: IO[bytes]) -> None:
    """Empty a file that an ffmpeg writes its messages into, where it has grown too large."""
    if os.fstat(said.fileno()).st_size > _MOST_SAID:
        os.lseek(said.fileno(), 0, os.SEEK_SET)  # ffmpeg's place in it too: it is the same file
        os.ftruncate(said.fileno(), 0)


class Watch:
    """Kills a process that keeps its caller waiting without progress for STALL_LIMIT_S seconds: what the
    caller waits for then ends as with any that died. `with watch:` around what may wait: each time
    that it is over is progress."""

    def __init__(
        self, process: subprocess.Popen[bytes], progress: Callable[[], object] = lambda: None
    ) -> None:
        """`progress` returns anything that changes while the process works."""
        self._process, self._progress = process, progress
        self._waiting, self._waits = False, 0
        self._ended = threading.Event()
        self.killed = False
        start_thread(self._run, "ffmpeg's watch")

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
        while not self._ended.wait(STALL_LIMIT_S / _LOOKS):
            now = self._state()
            idle = idle + 1 if self._waiting and now == before else 0
            before = now
            if idle >= _LOOKS:
                self.killed = True
                self._process.kill()
                return

    def _state(self) -> tuple[int, object]:
        return self._waits, self._progress()
