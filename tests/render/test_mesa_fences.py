"""How long the software driver's fences are kept.

Whether anything is freed too early shows only with threads that are stopped at the worst moment:
benchmarks/stalled_threads.py.
"""

from __future__ import annotations

import moderngl
import pytest

from liveflight.render import mesa_fences
from liveflight.render.passes import Pass, RenderTarget

LEAST = 64 * 8
"""Draws while a thread is stopped: in as many pictures as llvmpipe begins, more than one has."""


class Query:
    """Holds what was drawn last as it ended."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.held = 0

    def __enter__(self) -> None:
        self.held = 0

    def __exit__(self, *error: object) -> None:
        self.held = self._ctx.drawn


class Context:
    def __init__(self, renderer: str) -> None:
        self.info = {"GL_RENDERER": renderer}
        self.extra: object = None
        self.queries: list[Query] = []
        self.drawn = 0

    def query(self, **kinds: bool) -> Query:
        assert kinds == {"primitives": True}, "others have the driver count pixel by pixel"
        self.queries.append(Query(self))
        return self.queries[-1]


def test_a_fence_is_kept_for_as_long_as_its_thread_can_be_stopped() -> None:
    ctx = Context("llvmpipe (LLVM 15.0.6, 256 bits)")
    for _ in range(3 * LEAST):
        ctx.drawn += 1
        mesa_fences.keeper(ctx)()  # type: ignore[arg-type]
        held = {query.held for query in ctx.queries}
        assert held >= set(range(max(1, ctx.drawn - LEAST), ctx.drawn + 1))


@pytest.mark.parametrize("renderer", ["NVIDIA H200/PCIe/SSE2", "Apple M3", "virgl (llvmpipe)"])
def test_other_drivers_are_asked_nothing(renderer: str) -> None:
    ctx = Context(renderer)
    mesa_fences.keeper(ctx)()  # type: ignore[arg-type]
    assert not ctx.queries


@pytest.mark.gl
def test_whatever_is_drawn_is_kept_before_something_else_is_drawn_into(
    ctx: moderngl.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, int]] = []
    monkeypatch.setattr(ctx, "extra", lambda: done.append(("kept", ctx.fbo.glo)))
    controllers = [RenderTarget(ctx, (6, 4)), RenderTarget(ctx, (6, 4))]
    dim = Pass(ctx, "dim.frag")
    drawn = moderngl.VertexArray.render

    def render(*args: object, **kinds: object) -> None:
        done.append(("drawn", ctx.fbo.glo))
        drawn(*args, **kinds)  # type: ignore[arg-type]

    monkeypatch.setattr(moderngl.VertexArray, "render", render)
    for surface in controllers:
        dim.draw(surface.framebuffer, (0, 0, 6, 4), None, {"factor": 0.5})
    places = [surface.framebuffer.glo for surface in controllers]
    assert done == [(what, place) for place in places for what in ("drawn", "kept")]
    for part in (*controllers, dim):
        part.release()
