"""What Mesa's software driver frees too early is kept for longer.

Each picture that llvmpipe draws has a fence. A thread that draws counts it as done, wakes whoever
waits, and unlocks it; whoever begins the next picture looks at the count without the lock, and lets
go of the fence. A thread that the system stopped in between unlocks freed memory, which may long be
another's by then: seen as "malloc(): unsorted double linked list corrupted" twice in ten hours of
flight on two busy cores (lp_fence.c and lp_setup.c of Mesa 22.3; lp_fence_signalled is the same in
newer ones). A query holds the fence of the picture that it ended in until it is used again.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import moderngl

_KEPT = 1024
"""Pictures: some seconds, at most eight of them in each of sixty frames per second."""


def needed(ctx: moderngl.Context) -> bool:
    """Whether it draws by llvmpipe: then nothing is to be drawn but what is kept."""
    return "llvmpipe" in ctx.info["GL_RENDERER"]


def keeper(ctx: moderngl.Context) -> Callable[[], None]:
    """What keeps the fence of the picture that was just drawn, to be called before another
    framebuffer is used. Kept itself in the context's `extra`."""
    if ctx.extra is None:
        ctx.extra = _holding(ctx) if needed(ctx) else _nothing
    held: Callable[[], None] = ctx.extra
    return held


def _holding(ctx: moderngl.Context) -> Callable[[], None]:
    # Of primitives: the only kind that costs the driver nothing while it draws.
    queries = cycle([ctx.query(primitives=True) for _ in range(_KEPT)])

    def hold() -> None:
        with next(queries):
            pass

    return hold


def _nothing() -> None:
    pass
