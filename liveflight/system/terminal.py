"""Make standard output and error unable to fail, and standard error unable to block.

Their reader may be closed, gone, full or stopped (Ctrl-S), or its encoding may lack a character.
None of that ends or delays a show: what cannot be written is dropped.
"""

from __future__ import annotations

import atexit
import errno
import io
import os
import select
import sys
import threading
from queue import SimpleQueue
from typing import Any, TextIO

_MAX_QUEUED_WRITES = 1000
"""Writes that wait for standard error; more are dropped and counted."""

_MAX_DRAIN_S = 1.0
"""Seconds that the end of the program waits for standard error."""


class _Unfailing(io.RawIOBase):
    """Write a stream's bytes, drop what cannot be written, and keep the first error."""

    def __init__(self, raw: Any) -> None:
        self.name = raw.name
        self.error: Exception | None = None
        self._raw = raw

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def write(self, data: Any) -> int:
        self._put(bytes(data))
        return len(data)

    def _put(self, data: bytes) -> None:
        try:
            while data:
                written = self._raw.write(data)
                if written is None:  # a full pipe that another program has made non-blocking
                    select.select([], [self._raw], [])
                data = data[written or 0 :]
        except (OSError, ValueError) as error:
            self.error = self.error or error


class _Queued(_Unfailing):
    """Write on a thread of its own: `write` only puts the bytes on a queue."""

    def __init__(self, raw: Any) -> None:
        super().__init__(raw)
        self._dropped = self._reported = 0
        self._process = os.getpid()
        self._ended = False
        # Queue would deadlock: a signal handler may write while the interrupted thread is in `put`.
        self._queue: SimpleQueue[bytes | threading.Event] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="standard error", daemon=True)
        self._thread.start()

    def write(self, data: Any) -> int:
        if self._ended or os.getpid() != self._process:  # a forked process lacks the thread
            return super().write(data)
        if self._queue.qsize() < _MAX_QUEUED_WRITES:
            self._queue.put(bytes(data))
        else:
            self._dropped += 1
        return len(data)

    def drain(self, seconds: float) -> None:
        """Wait until all is written, for this many seconds at most.

        Later writes go out directly, since the thread ends with the program."""
        written = threading.Event()
        self._queue.put(written)
        self._ended = written.wait(seconds)

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if isinstance(item, bytes):
                self._put(item)
            dropped = self._dropped - self._reported
            if dropped and self._queue.empty():
                self._reported += dropped
                self._put(f"liveflight: {dropped} lines dropped: nobody read them\n".encode())
            if isinstance(item, threading.Event):
                item.set()  # last: the program may end at once


def secure(*, queued: bool) -> None:
    """Make this process's standard output and error unable to fail.

    With `queued`, a thread is started that keeps standard error from blocking. Call this in a
    program of its own, before it opens anything."""
    for number in range(3):
        _occupy(number)
    sys.stdout = _stream(sys.stdout, 1, _Unfailing)
    try:
        sys.stderr = _stream(sys.stderr, 2, _Queued if queued else _Unfailing)
    except RuntimeError:  # no more threads
        sys.stderr = _stream(sys.stderr, 2, _Unfailing)
    atexit.register(drain)


def drain() -> None:
    """Wait until standard error is written, for _MAX_DRAIN_S seconds at most."""
    sys.stderr.flush()
    if isinstance(raw := _raw(sys.stderr), _Queued):
        raw.drain(_MAX_DRAIN_S)


def reader_gone() -> bool:
    """Return whether nobody reads standard output any more."""
    error = getattr(_raw(sys.stdout), "error", None)
    return isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.EINVAL)


def undelivered() -> str:
    """Return why standard output was not written; empty where it was, or its reader had enough."""
    error = getattr(_raw(sys.stdout), "error", None)
    return "" if error is None or reader_gone() else getattr(error, "strerror", "") or str(error)


def _occupy(number: int) -> None:
    """Open a closed descriptor as the null device.

    Otherwise the next file to be opened gets its number, and receives what libraries print."""
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
        os.set_inheritable(opened, True)


def _stream(stream: TextIO | None, number: int, kind: type[_Unfailing]) -> TextIO:
    """Return the stream, or the descriptor where there is none, written through `kind`.

    Its errors are `backslashreplace`: a file's name may hold any character and any byte."""
    if stream is None:
        raw: Any = io.FileIO(number, "w", closefd=False)
        return _text(kind(raw), "utf-8")
    if isinstance(_raw(stream), _Unfailing):
        return stream
    stream.flush()
    inner: Any = stream.buffer
    return _text(kind(getattr(inner, "raw", inner)), stream.encoding, stream)


def _text(raw: _Unfailing, encoding: str, like: Any = None) -> TextIO:
    at_once = like is None or like.line_buffering or like.write_through
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=encoding,
        errors="backslashreplace",
        newline="\n",
        line_buffering=at_once,
    )


def _raw(stream: Any) -> object:
    return getattr(getattr(stream, "buffer", None), "raw", None)
