"""Judge the end of a show: in order, to be repeated, or a crash. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Literal

from liveflight.system import exit_codes
from liveflight.system.signals import INTERRUPTED

Kind = Literal["quit", "crash", "planned", "no display"]


@dataclass(frozen=True)
class Ending:
    """Say how a show ended, and what that means."""

    kind: Kind
    cause: str
    """Word that restarts are counted by."""
    text: str
    """The end in words, for the log."""
    code: int = 0
    """Exit code of the supervisor after a `quit`."""


_REASONS = {
    exit_codes.GPU_LOST: ("gpu_lost", "the GPU is lost"),
    exit_codes.OUT_OF_MEMORY: ("out_of_memory", "out of memory"),
    exit_codes.STALLED: ("stalled", "the picture grew no more"),
}


def judge(code: int, *, quit: bool, begun: bool, display: bool) -> Ending:
    """Judge an exit code; minus a signal's number for one that was killed.

    `quit`: whether the show has said that somebody quit it: it stays ended, even where a driver
    crashes as it closes. `begun`: whether a show of this
    supervisor, or of the one before, has displayed a frame. `display`: whether there is a desktop.
    """
    if code in (0, INTERRUPTED) and (quit or code):
        return Ending("quit", "quit", "the show has ended in order", code)
    if quit:
        return Ending("quit", "quit", f"the show was quit, and {_how(code)} as it closed")
    if code == exit_codes.NO_DISPLAY or not display:
        return Ending("no display", "no_display", "there is no display")
    if code == exit_codes.CANNOT and not begun:
        return Ending("quit", "refused", "the show cannot start", code)
    if code in _REASONS:
        return Ending("crash", *_REASONS[code])
    return Ending("crash", "signal" if code < 0 else "crash", _how(code))


def _how(code: int) -> str:
    return f"killed by {_signal_name(-code)}" if code < 0 else f"ended with code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
