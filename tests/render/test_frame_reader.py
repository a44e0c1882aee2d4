from __future__ import annotations

from collections.abc import Callable

import moderngl
import numpy as np
import pytest

from liveflight.render.frame_reader import BufferedReader, DirectReader, FrameMemory, FrameReader
from liveflight.render.frame_texture import FrameTexture

pytestmark = pytest.mark.gl
SIZE = WIDTH, HEIGHT = 5, 3
Make = Callable[[moderngl.Context], FrameReader]
READERS: dict[str, Make] = {"direct": lambda ctx: DirectReader(), "buffered": BufferedReader}


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest, ctx: moderngl.Context) -> FrameReader:
    return READERS[request.param](ctx)


def drawn(ctx: moderngl.Context, seed: int) -> tuple[moderngl.Framebuffer, np.ndarray]:
    """Return a framebuffer larger than what is shown, and what is shown of it: (H, W, 3)."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 16, 4), np.uint8)
    texture = ctx.texture((16, 8), 4, pixels.tobytes())
    return ctx.framebuffer([texture]), pixels[:HEIGHT, :WIDTH, :3]


@pytest.mark.parametrize("bottom_up", [False, True])
def test_frames_come_in_order_and_upright(
    ctx: moderngl.Context, reader: FrameReader, bottom_up: bool
) -> None:
    wanted, found = [], []
    for seed in range(6):
        framebuffer, pixels = drawn(ctx, seed)
        wanted.append(pixels[::-1] if bottom_up else pixels)
        found.append(reader.read(framebuffer, SIZE, bottom_up=bottom_up))
    late = sum(frame is None for frame in found)
    assert late == (0 if reader.waits else 2)
    for frame, pixels in zip(found[late:], wanted[: len(wanted) - late], strict=True):
        assert frame is not None and frame.shape == (HEIGHT, WIDTH, 4)
        np.testing.assert_array_equal(frame[..., :3], pixels)
    reader.release()


def test_another_size_begins_anew(ctx: moderngl.Context, reader: FrameReader) -> None:
    framebuffer, _ = drawn(ctx, 1)
    for size in ((5, 3), (7, 2)):
        frames = [reader.read(framebuffer, size, bottom_up=False) for _ in range(3)]
        assert frames[-1] is not None and frames[-1].shape == (size[1], size[0], 4)
    reader.release()


def test_a_frame_stays_as_long_as_somebody_keeps_it(
    ctx: moderngl.Context, reader: FrameReader
) -> None:
    kept = []
    for seed in range(12):
        frame = reader.read(drawn(ctx, seed)[0], SIZE, bottom_up=True)
        if frame is not None:
            kept.append((frame, frame.copy()))
    for frame, before in kept:
        np.testing.assert_array_equal(frame, before)


def test_memory_is_used_again_once_nobody_keeps_it() -> None:
    memory = FrameMemory()
    first = memory.take(SIZE)
    lent = memory.lend(first, True)
    assert memory.take(SIZE) is not first
    del lent
    assert memory.take(SIZE) is first
    memory.lend(first, False)
    assert memory.take((9, 9)).shape == (9, 9, 4)


def test_a_frame_becomes_a_texture_of_the_shown_size(ctx: moderngl.Context) -> None:
    shared = FrameTexture(ctx)
    framebuffer, pixels = drawn(ctx, 3)
    texture = shared.copy(framebuffer, SIZE)
    assert texture.size == SIZE
    found = np.frombuffer(texture.read(), np.uint8).reshape(HEIGHT, WIDTH, 4)
    np.testing.assert_array_equal(found[..., :3], pixels)
    assert shared.copy(drawn(ctx, 4)[0], SIZE) is texture
    shared.release()
    shared.release()
