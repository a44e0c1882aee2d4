"""Handle the signals that ask the program to end, from the first millisecond on.

A KeyboardInterrupt raised while a library is imported or called back may be swallowed there. So a
signal ends the process at once while a show starts and nothing is open yet. Later the frame loop
checks whether one has come.
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

CLOSING_TIME_S = 5.0
"""Seconds after a deferred signal in which further ones have no effect.

A second Ctrl-C must not keep a show from closing what it has open. After that time a signal ends
the process."""

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")

Asked = Callable[[], bool]
"""Returns whether a signal has come."""

_came: list[int] = []
"""Signals that a KeyboardInterrupt was raised for, since the last `check`."""


def raise_interrupts() -> None:
    """Make these signals raise KeyboardInterrupt from now on."""
    _came.clear()
    _install(_interrupt)


def exit_at_once(code: int = INTERRUPTED) -> None:
    """Make these signals end the process with this exit code, while it has nothing to close."""
    _install(lambda signum, frame: os._exit(code))


def pass_on_stacks(ask: Callable[[], object]) -> None:
    """Call this where the stacks of a show are asked for, which would end this process: SIGUSR2."""
    if hasattr(signal, "SIGUSR2"):
        signal.signal(signal.SIGUSR2, lambda signum, frame: ask())


def defer() -> Asked:
    """Only note signals from now on, so that closing is not cut off.

    Return a function that says whether one has come."""
    came: list[float] = []

    def note(signum: int, frame: object) -> None:
        came.append(time.monotonic())
        if came[-1] - came[0] > CLOSING_TIME_S:
            os._exit(INTERRUPTED)

    _install(note)
    return lambda: bool(came)


@contextmanager
def deferred() -> Iterator[Asked]:
    """Defer signals as `defer` does until the context ends."""
    try:
        yield defer()
    finally:
        raise_interrupts()


def check() -> None:
    """Raise KeyboardInterrupt again if a library swallowed the first one."""
    if _came:
        _came.clear()
        raise KeyboardInterrupt


def _install(handler: Callable[[int, FrameType | None], object]) -> None:
    for name in _NAMES:
        number = getattr(signal, name, None)
        # A signal that the caller switched off, as nohup does, stays off.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _interrupt(signum: int, frame: object) -> None:
    _came.append(signum)
    raise KeyboardInterrupt
