"""Write the log of a supervised show into files of bounded size, faults to standard error too."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from liveflight.system import folders

_SHOW = "show"
"""Level of the lines that the show's own process wrote."""

NAME = "liveflight.log"
"""The newest file; older ones are `liveflight.log.1` and so on."""

_FILES, _FILE_BYTES = 10, 5 * 2**20
_LONGEST_LINE = 1000
"""Characters of a line that are kept."""
_KEPT_LINES = 1000
"""Lines that are kept in memory, whatever becomes of the files."""
_RETRY_S = 10.0
"""Seconds after which a log that could not be written is tried again."""
_BURST_BYTES, _BYTES_PER_S = 2**20, 300.0
"""A show that floods its standard error fills one file at once, and all of them in two days."""
_REPORT_S = 60.0
"""Seconds after which the number of lines left out is written."""


class ShowLog:
    """Take lines from several threads; never fail, never wait for a full disk.

    Every line has its local time with the offset from UTC, and a level."""

    def __init__(
        self,
        folder: Path,
        *,
        time_of_day: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        file_bytes: int = _FILE_BYTES,
    ) -> None:
        """Go on with the files in a folder, which is made with the first line.

        `time_of_day`: seconds since 1970; `clock`: seconds that never go back."""
        self._path = folder / NAME
        self._time_of_day, self._clock = time_of_day, clock
        self._file_bytes = file_bytes
        self._lock = threading.Lock()
        self._lines: deque[str] = deque(last_lines(folder, _KEPT_LINES), maxlen=_KEPT_LINES)
        self._failed_at: float | None = None
        self._left, self._filled = float(_BURST_BYTES), clock()
        """Bytes that the show may still write, and when that was reckoned."""
        self._left_out, self._reported = 0, 0.0

    def write(self, level: str, text: str) -> None:
        """Write a line of the supervisor's own; `level`: info, warning or error."""
        with self._lock:
            self._add(level, clean(text))

    def child_line(self, text: str) -> None:
        """Write a line that the show wrote to its standard error, unless it writes too many.

        Those are counted; the newest are kept for `tail` all the same."""
        text = clean(text)
        if not text:
            return
        with self._lock:
            if not self._allowed(len(text)):
                self._lines.append(self._stamped(_SHOW, text))
                self._left_out += 1
                return
            self._report_left_out()
            self._add(_SHOW, text)

    def tail(self, count: int) -> list[str]:
        """Return the last lines."""
        with self._lock:
            return list(self._lines)[-count:] if count > 0 else []

    def _allowed(self, characters: int) -> bool:
        now = self._clock()
        self._left = min(self._left + (now - self._filled) * _BYTES_PER_S, _BURST_BYTES)
        self._filled = now
        if self._left < characters:
            return False
        self._left -= characters
        return True

    def _report_left_out(self) -> None:
        now = self._clock()
        if self._left_out and now - self._reported >= _REPORT_S:
            self._add("warning", f"{self._left_out} lines of the show left out: too many at once")
            self._left_out, self._reported = 0, now

    def _add(self, level: str, text: str) -> None:
        line = self._stamped(level, text)
        self._lines.append(line)
        if level != "info":
            _tell(text if level == _SHOW else f"liveflight: {text}")
        now = self._clock()
        if self._failed_at is not None and now - self._failed_at < _RETRY_S:
            return
        try:
            self._append(f"{line}\n".encode(errors="backslashreplace"))
        except OSError as error:
            if self._failed_at is None:
                _tell(f"liveflight: the log cannot be written, the show goes on: {error}")
            self._failed_at = now
        else:
            if self._failed_at is not None:
                self._failed_at = None
                self._add("warning", "the log can be written again: lines are missing before")

    def _stamped(self, level: str, text: str) -> str:
        now = datetime.fromtimestamp(self._time_of_day()).astimezone()
        return f"{now.isoformat(timespec='seconds')} {level:<7} {text}"

    def _append(self, line: bytes) -> None:
        folders.make(self._path.parent)
        # Opened for each line: the file may have been deleted, or its disk taken away.
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _PLAIN, 0o600)
        try:
            size = os.fstat(file).st_size
            if os.write(file, line) < len(line):
                os.ftruncate(file, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(file)
        if size + len(line) >= self._file_bytes:
            self._rotate()

    def _rotate(self) -> None:
        for number in range(_FILES - 2, -1, -1):
            source = _numbered(self._path, number)
            if source.exists():
                os.replace(source, _numbered(self._path, number + 1))


_PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def last_lines(folder: Path, count: int) -> list[str]:
    """Return the last lines of a folder's log; none where there is none."""
    found: list[str] = []
    for number in range(_FILES):
        if len(found) >= count:
            break
        with suppress(OSError), open(_numbered(folder / NAME, number), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(size - count * _LONGEST_LINE, 0)
            file.seek(start)
            lines = file.read(size - start).decode(errors="replace").splitlines()
            found = lines[1 if start else 0 :] + found
    return found[-count:] if count > 0 else []


def clean(text: str, most: int = _LONGEST_LINE) -> str:
    """Return a line of bounded length whose control characters are escaped.

    A terminal that shows the log must not obey what a file's name or a device's says."""
    kept = text.rstrip()[:most]
    more = "..." if len(text.rstrip()) > most else ""
    return "".join(_escaped(kept)) + more


def _escaped(text: str) -> Iterable[str]:
    for each in text.expandtabs(4):
        yield each if each.isprintable() else each.encode("unicode_escape").decode("ascii")


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


def _tell(text: str) -> None:
    with suppress(OSError, ValueError):  # nobody reads it any more
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
