"""Keep the machine from sleeping and its screen from going dark while a show runs."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from contextlib import suppress

from liveflight.system import child_process

_CONTINUOUS, _SYSTEM, _DISPLAY = 0x80000000, 0x1, 0x2
"""Flags of SetThreadExecutionState."""

_LINUX = ("--what=idle:sleep", "--who=liveflight", "--why=a show is running", "--mode=block", "cat")
"""systemd-inhibit holds its lock as long as the program it runs: `cat` ends with its input."""


class SleepInhibitor:
    """Ask the system to stay awake until `close`, or until this process ends in any way."""

    def __init__(self) -> None:
        """Ask: systemd on Linux, caffeinate on macOS, a call on Windows, of this thread."""
        self._process: subprocess.Popen[bytes] | None = None
        self._reported = False
        self._trouble = ""
        if sys.platform == "win32":
            ctypes.windll.kernel32.SetThreadExecutionState(_CONTINUOUS | _SYSTEM | _DISPLAY)
            return
        try:
            self._process = child_process.start(
                _command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            self._trouble = error.strerror or str(error)

    def trouble(self) -> str:
        """Return, once, why the system may sleep after all; empty otherwise."""
        if self._process and self._process.poll() is not None and not self._trouble:
            self._trouble = f"{_command()[0]} ended with code {self._process.returncode}"
        if self._reported or not self._trouble:
            return ""
        self._reported = True
        return f"{self._trouble}: switch sleep and screen saver off in the system's settings"

    def close(self) -> None:
        """Let the system sleep again; may be called twice."""
        if sys.platform == "win32":
            ctypes.windll.kernel32.SetThreadExecutionState(_CONTINUOUS)
        if self._process:
            with suppress(OSError):
                child_process.end(self._process, 1.0)


def _command() -> list[str]:
    if sys.platform == "darwin":
        return ["/usr/bin/caffeinate", "-d", "-i", "-s", "-w", str(os.getpid())]
    return [child_process.program("systemd-inhibit") or "systemd-inhibit", *_LINUX]
