from __future__ import annotations

from collections.abc import Iterator

import moderngl
import pytest


@pytest.fixture
def screen(ctx: moderngl.Context, request: pytest.FixtureRequest) -> Iterator[moderngl.Framebuffer]:
    """A framebuffer of the test module's `SIZE`."""
    texture = ctx.texture(request.module.SIZE, 4)
    framebuffer = ctx.framebuffer([texture])
    yield framebuffer
    ctx.detect_framebuffer(0).use()
    framebuffer.release()
    texture.release()
