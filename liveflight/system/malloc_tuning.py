"""Tune glibc's memory allocator. With another C library, nothing is done."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # from malloc.h

_CONSOLIDATING_BYTES = 1 << 16
"""Size of a request that glibc serves neither from a cache nor by a mapping of its own."""

_MAX_ARENAS = 1024
"""More heaps than there ever are threads."""


def one_arena_per_thread() -> None:
    """Give each thread a heap of its own; call this before there are many threads.

    By default threads share eight heaps per core. Ending a session or a plan frees tens of
    thousands of pieces. The next request for more than 1 KiB from that heap sorts them all
    (malloc_consolidate), which can cost the frame loop milliseconds for a string."""
    _mallopt(_ARENA_MAX, _MAX_ARENAS)


def keep_freed_memory() -> None:
    """Keep what one ascent step frees for the next.

    By default some 20 MB go back to the system after each step and have to be mapped and zeroed
    again, which takes a fifth of the step."""
    _mallopt(_TRIM_THRESHOLD, 256 << 20)
    _mallopt(_MMAP_THRESHOLD, 32 << 20)  # the most that glibc accepts


def consolidate_freed_memory() -> None:
    """Sort the freed pieces of this thread's heap now, while Python goes on.

    glibc puts that off to the next request for more than 1 KiB, which may then take 20 ms wherever
    it comes from (malloc_consolidate, the unsorted chunks)."""
    malloc, free = _of_glibc("malloc"), _of_glibc("free")
    if malloc is not None:
        malloc.restype, free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
        free(malloc(_CONSOLIDATING_BYTES))


def return_freed_memory() -> None:
    """Return freed memory to the system, once.

    Loading a network needs, for a moment, several times the memory of its steps."""
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _mallopt(parameter: int, value: int) -> None:
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(parameter, value)


@cache
def _of_glibc(name: str) -> Any:
    """Return a function of glibc, or None where the C library is another.

    Cached: the look-up takes twenty times as long as the call."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
