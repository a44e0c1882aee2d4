"""Keep fences of Mesa's software driver alive: it frees them too early.

Each picture that llvmpipe draws has a fence. A drawing thread counts it as done, wakes the waiting
threads and unlocks it. The thread that begins the next picture reads the count without the lock,
and the fence is freed when that picture is queued. A drawing thread that the system stopped in
between then unlocks freed memory, which may already have another owner. This was seen as "malloc():
unsorted double linked list corrupted" twice in some ten hours of flight on two busy cores
(lp_fence.c and lp_setup.c of Mesa 22.3; newer versions read the count in the same way). A query
holds the fence of the picture that it ended in until the query is used again.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import moderngl

_KEPT_FENCES = 1024
"""Fences that are kept: up to 16 for each of the 64 pictures that may be in progress.

The other threads wait for a stopped one before they begin the next picture (lp_rast.c), and at most
64 pictures are begun (MAX_SCENES)."""


def needed(ctx: moderngl.Context) -> bool:
    """Return whether llvmpipe draws, so that fences of repeated draws must be kept."""
    return ctx.info["GL_RENDERER"].startswith("llvmpipe")


def keeper(ctx: moderngl.Context) -> Callable[[], None]:
    """Return a function that keeps the fence of the picture just drawn.

    Call it before another framebuffer is used. All users of a context share one, in its `extra`."""
    if ctx.extra is None:
        ctx.extra = _holding(ctx) if needed(ctx) else _nothing
    held: Callable[[], None] = ctx.extra
    return held


def _holding(ctx: moderngl.Context) -> Callable[[], None]:
    # Primitive queries are the only kind that costs the driver no time while it draws.
    queries = cycle([ctx.query(primitives=True) for _ in range(_KEPT_FENCES)])

    def hold() -> None:
        with next(queries):
            pass

    return hold


def _nothing() -> None:
    pass
