"""Collect garbage while a frame waits, never in the middle of one.

A collection stops every Python thread, so in a show the frame loop says when it runs.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from liveflight.system import malloc_tuning

_SWITCH_INTERVAL_S = 0.001
"""Seconds after which a thread that computes in Python gives way: the frame loop must not wait."""

_MIN_IDLE_S = 0.005
"""Seconds of waiting time that a collection needs."""

_OVERDUE = 50
"""Multiple of Python's own threshold above which garbage is collected within a frame."""


@contextmanager
def manual_collection() -> Iterator[None]:
    """Leave garbage to `collect`, and make threads take short turns, until the context ends."""
    interval, collecting = sys.getswitchinterval(), gc.isenabled()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.disable()
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        if collecting:
            gc.enable()


def collect(seconds: float, let_go: Callable[[], None]) -> None:
    """Collect garbage in a frame that has this many seconds left to wait.

    `let_go` frees, or starts freeing, what else keeps Python waiting; a few milliseconds at most.
    """
    if seconds > _MIN_IDLE_S:
        let_go()
        malloc_tuning.consolidate_freed_memory()
    counts, most = gc.get_count(), gc.get_threshold()
    if gc.isenabled() or (seconds <= _MIN_IDLE_S and counts[0] < _OVERDUE * most[0]):
        return
    due = [generation for generation in range(3) if counts[generation] > most[generation] > 0]
    if due:
        gc.collect(due[-1])
