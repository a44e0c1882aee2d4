"""Keep a window with the last picture under the show's, in a process of its own."""

from __future__ import annotations

import json
import logging
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from liveflight.system import child_process
from liveflight.system.worker import start_thread

log = logging.getLogger(__name__)

_WINDOW = "liveflight.outputs.curtain_window"
_LOOK_INTERVAL_S = 1.0
"""Seconds between two looks at whether the process still runs."""
_PAUSES_S = (0.0, 2.0, 10.0, 60.0)
"""Seconds before it is started again; a process that ran for the longest begins anew."""
_STUCK_S = 15.0
"""Seconds after which a process that takes no picture is ended."""
_END_S = 2.0


class Curtain:
    """The audience sees this window while no process of the show draws.

    Every call returns at once: a thread starts the process, starts it again when it ends, and
    hands it the pictures. A process that does not start leaves the show as it is."""

    def __init__(
        self,
        display: int | None = None,
        *,
        command: list[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Choose a display, numbered from 0; None is for a show in a window: nothing is opened.

        `command` is run in place of the window's program."""
        self._wanted = display is not None
        self._command = command or child_process.python(_WINDOW, str(display))
        self._clock = clock
        self._file: Path | None = None
        self._picture: Callable[[], tuple[bytes, float]] = lambda: (b"", 0.0)
        self._is_open: Callable[[], bool] = lambda: True
        self._looked: tuple[int, bool] | None = None
        """When the followed file was written and whether it was open, at the last look."""
        self._changed = threading.Condition()
        self._message = b""
        """The last picture, as it is sent."""
        self._waits = self._closing = False
        self._process: subprocess.Popen[bytes] | None = None
        self._sending = False
        self._began, self._starts = 0.0, 0
        """When the process was started, and how often since one ran for long."""
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Show a black window, or the picture given before."""
        if self._wanted:
            self._thread = self._thread or start_thread(self._run, "curtain")

    def show_picture(self, data: bytes, brightness: float = 1.0) -> None:
        """Show a picture, the bytes of a JPEG or PNG, scaled to cover the display; empty: black.

        `brightness`: factor of its levels, from 0 to 1."""
        head = json.dumps({"picture": len(data), "brightness": brightness})
        self._put(head.encode() + b"\n" + data)

    def follow(
        self,
        file: Path,
        picture: Callable[[], tuple[bytes, float]],
        is_open: Callable[[], bool] = lambda: True,
    ) -> None:
        """Show what `picture` returns, as for `show_picture`, whenever a file has been written.

        Black while `is_open` returns False. Both are called on the curtain's thread."""
        self._file, self._picture, self._is_open = file, picture, is_open

    def close(self) -> None:
        """Close the window; it cannot be opened again."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._process:
            self._end(self._process)
        if self._thread:
            self._thread.join(_END_S)

    def _put(self, message: bytes) -> None:
        with self._changed:
            self._waits = self._waits or message != self._message
            self._message = message
            self._changed.notify()

    def _run(self) -> None:
        while not self._closing:
            sent = False
            try:
                self._look()
                sent = self._tend()
            except Exception as error:
                log.warning("the curtain's window cannot be kept: %s", error)
            with self._changed:
                if not sent and not self._closing:
                    self._changed.wait(_LOOK_INTERVAL_S)

    def _look(self) -> None:
        """Take the picture of the followed file if it is new, or black while it is closed."""
        if self._file is None:
            return
        try:
            written = self._file.stat().st_mtime_ns
        except OSError:  # not there yet, or just being replaced
            return
        looked = written, self._is_open()
        if looked != self._looked:
            self._looked = looked
            picture, brightness = self._picture() if looked[1] else (b"", 0.0)
            self.show_picture(picture, brightness)

    def _tend(self) -> bool:
        """Keep the process running; return whether a picture that waited was sent."""
        if self._process and self._process.poll() is not None:
            self._end(self._process)
            self._process = None
        self._process = self._process or self._start()
        if not (self._process and self._waits):
            return False
        self._send(self._process)
        return True

    def _start(self) -> subprocess.Popen[bytes] | None:
        """Start the process, unless that has to wait."""
        lived = self._clock() - self._began
        if lived > _PAUSES_S[-1]:
            self._starts = 0
        if self._starts and lived < _PAUSES_S[min(self._starts, len(_PAUSES_S)) - 1]:
            return None
        with self._changed:
            if self._closing:
                return None
            self._began, self._starts = self._clock(), self._starts + 1
            self._waits = bool(self._message)
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
            return child_process.start(self._command, **pipes)

    def _send(self, process: subprocess.Popen[bytes]) -> None:
        with self._changed:
            message, self._waits = self._message, False
        assert process.stdin
        stuck = threading.Timer(_STUCK_S, process.kill)  # the write ends with an error then
        stuck.daemon = True
        stuck.start()
        self._sending = True
        try:
            process.stdin.write(message)
            process.stdin.flush()
        finally:
            self._sending = False
            stuck.cancel()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if self._sending:  # its standard input cannot be closed meanwhile
            process.kill()
        with suppress(OSError):
            child_process.end(process, _END_S)
