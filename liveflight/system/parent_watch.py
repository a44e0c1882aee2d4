"""End this process with the supervisor that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress

from liveflight.system.signals import INTERRUPTED
from liveflight.system.worker import start_thread

GRACE_S = 3.0
"""Seconds in which the show may still close what it has open."""

_PR_SET_PDEATHSIG = 1


def begin() -> None:
    """End with the supervisor: as standard input ends, and as the kernel tells, on Linux.

    Either way the process gets SIGTERM, which closes a show in order."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    start_thread(_wait, "parent watch")


def _wait() -> None:
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGTERM)
    else:
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(INTERRUPTED)
