"""Start a show as a child process, hear its heartbeats and its log, and end all of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from liveflight.supervision.process_tree import MARK, ProcessTree
from liveflight.system import child_process
from liveflight.system.heartbeat import MAX_LINE_BYTES, VARIABLE

Beat = Mapping[str, Any]

_KEPT_BEATS = 64
_MAX_LOG_LINE = 4096
_DRAIN_S = 1.0
"""Seconds that the rest of a dead show's log may take."""


class ChildProcess:
    """A show in a process group of its own. Standard output is passed on."""

    def __init__(
        self,
        command: Sequence[str],
        log: Callable[[str], None],
        wake: Callable[[], None] = lambda: None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Start it. `log` gets each line of its standard error, on a thread of its own.

        `wake` is called when a heartbeat has come or the pipe is closed. `more` is added to its
        environment. Raises OSError. Call this
        on the main thread: the child ends with the thread that started it."""
        mark = uuid.uuid4().hex
        reading, writing = os.pipe()
        try:
            self._process = _start(command, writing, {**(more or {}), MARK: mark})
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self.pid = self._process.pid
        self._tree = ProcessTree(self.pid, mark)
        self._log, self._wake = log, wake
        self._beats: deque[Beat] = deque(maxlen=_KEPT_BEATS)
        self._readers = [
            threading.Thread(target=self._read_beats, args=(reading,), daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        try:
            for reader in self._readers:
                reader.start()
        except RuntimeError as error:  # no more threads
            self._tree.kill()
            raise OSError(str(error)) from error

    def poll(self) -> int | None:
        """Return its exit code, minus the number of the signal that killed it; None: it runs."""
        code = self._process.poll()
        if code is not None:
            self._readers[0].join(_DRAIN_S)  # its last heartbeat may say that it was quit
        return code

    def beats(self) -> list[Beat]:
        """Return the heartbeats since the last call."""
        found = []
        with suppress(IndexError):
            while True:
                found.append(self._beats.popleft())
        return found

    def close_input(self) -> None:
        """Ask it to end in order: it takes the end of its input for the supervisor's end."""
        assert self._process.stdin
        with suppress(OSError):
            self._process.stdin.close()

    def terminate(self) -> None:
        """Ask it to end in order, by a signal where there are signals."""
        if sys.platform != "win32":
            with suppress(OSError):
                self._process.send_signal(signal.SIGTERM)
        self.close_input()

    def dump_stacks(self) -> None:
        """Ask it to write its stacks into its log; it may be past answering."""
        if sys.platform != "win32":
            with suppress(OSError):
                self._process.send_signal(signal.SIGUSR2)

    def memory_mib(self) -> float:
        """Return the resident memory of the show and its helpers in MiB."""
        return self._tree.memory_mib()

    def kill_tree(self) -> list[int]:
        """Kill it and all its descendants; return the ids of what is left even so."""
        left = self._tree.kill()
        self.close_input()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_DRAIN_S)
        for reader in self._readers:
            reader.join(_DRAIN_S)
        return left

    def _read_beats(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as pipe, suppress(OSError):
            while line := pipe.readline(MAX_LINE_BYTES):
                with suppress(ValueError, RecursionError):
                    if isinstance(beat := json.loads(line), dict):
                        self._beats.append(beat)
                self._wake()
        self._wake()

    def _read_log(self) -> None:
        assert self._process.stderr
        with self._process.stderr as pipe, suppress(OSError, ValueError):
            while line := pipe.readline(_MAX_LOG_LINE):
                self._log(line.decode(errors="backslashreplace").rstrip())


def _start(
    command: Sequence[str], writing: int, more: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    number = writing
    if sys.platform == "win32":
        import msvcrt

        number = msvcrt.get_osfhandle(writing)
        os.set_handle_inheritable(number, True)
        pipes["startupinfo"] = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [number]})
    else:
        pipes["pass_fds"] = [writing]
    environment = {**child_process.environment(), **more, VARIABLE: str(number)}
    return child_process.start(command, env=environment, **pipes)
