"""What Python does for itself, and keeps every thread waiting for: in a show, the frame loop says
when."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from liveflight.system import malloc_tuning

_SWITCH = 0.001
"""Seconds after which a thread that computes in Python lets another one: the frame loop must not
wait for it."""

_ENOUGH = 0.005
"""Seconds of rest in which there is time for it."""

_OVERDUE = 50
"""Times Python's own threshold, at which garbage is collected in the midst of a frame."""


@contextmanager
def manual_collection() -> Iterator[None]:
    """Meanwhile no garbage is collected but by `collect`, and threads take short turns."""
    interval, collecting = sys.getswitchinterval(), gc.isenabled()
    sys.setswitchinterval(_SWITCH)
    gc.disable()
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        if collecting:
            gc.enable()


def collect(seconds: float, let_go: Callable[[], None]) -> None:
    """For a frame that has so many seconds left to wait for anyway. `let_go` is, or begins,
    what else keeps Python waiting, some milliseconds at most."""
    if seconds > _ENOUGH:
        let_go()
        malloc_tuning.consolidate_freed_memory()
    counts, most = gc.get_count(), gc.get_threshold()
    if gc.isenabled() or (seconds <= _ENOUGH and counts[0] < _OVERDUE * most[0]):
        return
    due = [generation for generation in range(3) if counts[generation] > most[generation] > 0]
    if due:
        gc.collect(due[-1])
