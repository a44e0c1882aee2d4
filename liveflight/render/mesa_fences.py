"""What Mesa's software driver frees too early is kept for longer.

Each picture that llvmpipe draws has a fence. A thread that draws counts it as done, wakes whoever
waits, and unlocks it; whoever begins the next picture looks at the count without the lock, and the
fence is freed as that picture is queued. A thread that the system stopped in between unlocks freed
memory, which may long be another's by then: seen as "malloc(): unsorted double linked list
corrupted" twice in some ten hours of flight on two busy cores (lp_fence.c and lp_setup.c of Mesa
22.3; newer ones look at the count alike). A query holds the fence of the picture that it ended in
until it is used again.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import moderngl

_KEPT = 1024
"""However long a thread is stopped, the others wait for it before they go on to the next picture
(lp_rast.c), and 64 pictures are begun at most (MAX_SCENES): so many, each held up to 16 times."""


def needed(ctx: moderngl.Context) -> bool:
    """Whether it draws by llvmpipe: then whatever is drawn again and again is to be kept."""
    return ctx.info["GL_RENDERER"].startswith("llvmpipe")


def keeper(ctx: moderngl.Context) -> Callable[[], None]:
    """What keeps the fence of the picture that was just drawn, to be called before another
    framebuffer is used; the same for all of a context, in its `extra`."""
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
