"""Signals that ask the program to end: none is lost, from the first millisecond on.

A KeyboardInterrupt that comes while a library is imported or called back may be swallowed there. So
while a show starts a signal ends the process at once, there being nothing to close yet; once it
flies, the frame loop looks whether one has come.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""The exit code after Ctrl-C, and after any other of these signals."""

_PATIENCE = 5.0
"""Seconds after a signal that was taken note of in which more of them are of no effect: a second
Ctrl-C must not keep a show from closing what it has open. After that, one ends the process."""

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")

Asked = Callable[[], bool]
"""Whether a signal has come."""


_came: list[int] = []
"""Signals that a KeyboardInterrupt was raised for, since the last `check`."""


def listen() -> None:
    """From now on these signals raise KeyboardInterrupt."""
    _came.clear()
    _install(_interrupt)


def end_at_once(code: int = INTERRUPTED) -> None:
    """From now on these signals end the process, with this exit code: while it has nothing to
    close."""
    _install(lambda signum, frame: os._exit(code))


def note() -> Asked:
    """From now on a signal is taken note of only: what is being closed is closed to its end. Return
    what says whether one has come."""
    came: list[float] = []

    def noted(signum: int, frame: object) -> None:
        came.append(time.monotonic())
        if came[-1] - came[0] > _PATIENCE:
            os._exit(INTERRUPTED)

    _install(noted)
    return lambda: bool(came)


@contextmanager
def noted() -> Iterator[Asked]:
    """Do as `note` does, meanwhile."""
    try:
        yield note()
    finally:
        listen()


def check() -> None:
    """Raise the KeyboardInterrupt of a signal that has come, if some library swallowed it."""
    if _came:
        _came.clear()
        raise KeyboardInterrupt


def _install(handler: Callable[[int, FrameType | None], object]) -> None:
    for name in _NAMES:
        number = getattr(signal, name, None)
        # What whoever started us has switched off, as nohup does, stays so.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _interrupt(signum: int, frame: object) -> None:
    _came.append(signum)
    raise KeyboardInterrupt
