"""The C library's memory, as far as glibc lets us say how it is kept. Elsewhere nothing is done."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # from malloc.h

_LARGE = 1 << 16
"""Bytes that the C library neither has in a cache nor maps by themselves."""

_MOST = 1024
"""Heaps: more than there ever are threads."""


def one_arena_per_thread() -> None:
    """Gives each thread a heap of its own, where by default they share eight per core. Before there
    are many threads.

    What ends a session or a plan frees tens of thousands of pieces, and whoever then asks the same
    heap for more than 1 KiB has them all put in order (malloc_consolidate): milliseconds of the
    frame loop's time, for a string."""
    _mallopt(_ARENA_MAX, _MOST)


def keep_freed_memory() -> None:
    """Keeps what one ascent step frees for the next. By default some 20 MB are handed back to the
    system after each and have to be mapped and zeroed anew: a fifth of the step."""
    _mallopt(_TRIM_THRESHOLD, 256 << 20)
    _mallopt(_MMAP_THRESHOLD, 32 << 20)  # the most that glibc accepts


def consolidate_freed_memory() -> None:
    """Has what this thread's heap was given back put in order now, while Python goes on. glibc puts
    that off to the next request of more than 1 KiB, which may then take 20 ms, wherever it comes
    from (malloc_consolidate, the unsorted chunks)."""
    malloc, free = _of_glibc("malloc"), _of_glibc("free")
    if malloc is not None:
        malloc.restype, free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
        free(malloc(_LARGE))


def return_freed_memory() -> None:
    """Hands what is freed back to the system after all, once: what a network's loading took for
    the moment is a multiple of what steps take."""
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _mallopt(parameter: int, value: int) -> None:
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(parameter, value)


@cache
def _of_glibc(name: str) -> Any:
    """A function; None where the C library is another. To look it up takes twenty times what frames
    call it for."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
