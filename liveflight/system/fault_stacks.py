"""Write every thread's stack to standard error when the process crashes, or is asked to."""

from __future__ import annotations

import faulthandler
import signal
import sys
from contextlib import suppress

_STDERR = 2
"""The descriptor itself: `sys.stderr` puts what is written on a queue, for a thread to write."""


def enable() -> None:
    """Write stacks on SIGSEGV, SIGFPE, SIGABRT, SIGBUS and SIGILL, before the process ends.

    On POSIX also on SIGUSR2, after which it goes on: a supervisor asks so for the stacks of a show
    that hangs."""
    with suppress(OSError, RuntimeError):  # no such descriptor
        faulthandler.enable(_STDERR, all_threads=True)
        if sys.platform != "win32":
            faulthandler.register(signal.SIGUSR2, _STDERR, all_threads=True)
