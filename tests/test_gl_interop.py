from __future__ import annotations

from collections.abc import Iterator

import moderngl
import numpy as np
import pytest

from liveflight.gl.interop import HandOver, HostCopy, read_picture

pytestmark = pytest.mark.gl


@pytest.fixture
def texture(ctx: moderngl.Context) -> Iterator[moderngl.Texture]:
    made = ctx.texture((7, 5), 4, dtype="f2")
    yield made
    made.release()


def numbered() -> np.ndarray:
    """Every value another one, so that no mix-up of rows, columns or channels goes unseen."""
    return (np.arange(5 * 7 * 4).reshape(5, 7, 4) / 1024).astype(np.float16)


def test_canvas_survives_the_round_trip(texture: moderngl.Texture) -> None:
    hand_over: HandOver = HostCopy()
    hand_over.write(texture, numbered())
    read = hand_over.read(texture)
    assert read.dtype == np.float16
    np.testing.assert_array_equal(read, numbered())
    hand_over.release()


def test_writes_any_memory_layout(texture: moderngl.Texture) -> None:
    hand_over = HostCopy()
    hand_over.write(texture, numbered()[::-1, ::-1])
    np.testing.assert_array_equal(hand_over.read(texture), numbered()[::-1, ::-1])


def test_row_0_is_the_texture_s_first_row(texture: moderngl.Texture) -> None:
    HostCopy().write(texture, numbered())
    first = np.frombuffer(texture.read(), np.float16)[: 7 * 4]
    np.testing.assert_array_equal(first, numbered()[0].ravel())


def test_reads_into_the_same_memory_until_the_size_changes(
    ctx: moderngl.Context, texture: moderngl.Texture
) -> None:
    hand_over = HostCopy()
    first = hand_over.read(texture)
    assert hand_over.read(texture) is first
    other = ctx.texture((4, 3), 4, dtype="f2")
    assert hand_over.read(other).shape == (3, 4, 4)
    other.release()


@pytest.mark.parametrize(
    "canvas",
    [np.zeros((7, 5, 4), np.float16), np.zeros((5, 7, 3), np.float16), np.zeros((5, 7, 4))],
    ids=["turned", "no alpha", "float64"],
)
def test_refuses_another_size_or_type(texture: moderngl.Texture, canvas: np.ndarray) -> None:
    hand_over = HostCopy()
    hand_over.write(texture, numbered())
    with pytest.raises(ValueError, match=r"the texture takes float16 \(5, 7, 4\)"):
        hand_over.write(texture, canvas)
    np.testing.assert_array_equal(hand_over.read(texture), numbered())


def test_read_picture_has_the_top_first(ctx: moderngl.Context) -> None:
    texture = ctx.texture((7, 5), 4)
    framebuffer = ctx.framebuffer([texture])
    framebuffer.clear(0.0, 0.0, 1.0)
    framebuffer.clear(1.0, 0.2, 0.0, viewport=(0, 0, 7, 1))
    for bottom_up, row in ((False, 0), (True, 4)):
        expected = np.tile(np.array([0, 0, 255], np.uint8), (5, 7, 1))
        expected[row] = 255, 51, 0
        picture = read_picture(framebuffer, (7, 5), bottom_up=bottom_up)
        assert picture.dtype == np.uint8
        np.testing.assert_array_equal(picture, expected)
    framebuffer.release()
    texture.release()
