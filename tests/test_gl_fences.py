"""How long the software driver's fences are kept. That nothing is freed too early then takes
threads that are stopped at the worst moment: benchmarks/stalled_threads.py."""

from __future__ import annotations

import moderngl
import pytest

from liveflight.gl import fences
from liveflight.gl.passes import Pass, Surface

LEAST = 60 * 8
"""Pictures that a show draws in a second, at most."""


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
        self.queries.append(Query(self))
        return self.queries[-1]


def test_a_fence_is_kept_while_a_second_s_pictures_are_drawn() -> None:
    ctx = Context("llvmpipe (LLVM 15.0.6, 256 bits)")
    for _ in range(3 * LEAST):
        ctx.drawn += 1
        fences.keeper(ctx)()  # type: ignore[arg-type]
        held = {query.held for query in ctx.queries}
        assert held >= set(range(max(1, ctx.drawn - LEAST), ctx.drawn + 1))


@pytest.mark.parametrize("renderer", ["NVIDIA H200/PCIe/SSE2", "Apple M3", "softpipe"])
def test_other_drivers_are_asked_nothing(renderer: str) -> None:
    ctx = Context(renderer)
    fences.keeper(ctx)()  # type: ignore[arg-type]
    assert not ctx.queries


@pytest.mark.gl
def test_whatever_is_drawn_is_kept_before_something_else_is_drawn_into(
    ctx: moderngl.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    monkeypatch.setattr(ctx, "extra", lambda: held.append(ctx.fbo.glo))
    surfaces = [Surface(ctx, (6, 4)), Surface(ctx, (6, 4))]
    dim = Pass(ctx, "dim.frag")
    for surface in surfaces:
        dim.draw(surface.framebuffer, (0, 0, 6, 4), None, {"factor": 0.5})
    assert held == [surface.framebuffer.glo for surface in surfaces]
    for part in (*surfaces, dim):
        part.release()
