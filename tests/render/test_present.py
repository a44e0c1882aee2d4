from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import moderngl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_textures import Textures

from liveflight.render.canvas_transfer import HostCopy
from liveflight.render.present import Fit, PresentPass, Rectangle, placed

pytestmark = pytest.mark.gl

Shown = Callable[..., np.ndarray]


@pytest.fixture
def shown(ctx: moderngl.Context) -> Iterator[Shown]:
    """Return the framebuffer's rows in order after a canvas (H, W, 3) was presented."""
    present = PresentPass(ctx)
    made: list[moderngl.Texture | moderngl.Framebuffer] = []

    def show(
        canvas: np.ndarray, size: tuple[int, int], bottom_up: bool = False, **how: Any
    ) -> np.ndarray:
        texture = ctx.texture((canvas.shape[1], canvas.shape[0]), 4, dtype="f2")
        full = np.ones((*canvas.shape[:2], 4), np.float16)
        full[..., :3] = canvas
        HostCopy().write(texture, full)
        output = ctx.texture(size, 4)
        framebuffer = ctx.framebuffer([output])
        framebuffer.clear(1, 0, 1)
        made.extend([framebuffer, texture, output])
        present.draw(texture, framebuffer, size, bottom_up=bottom_up, **how)
        assert framebuffer.viewport == (0, 0, *size)
        rgba = np.frombuffer(framebuffer.read(components=4), np.uint8)
        assert np.all(rgba[3::4] == 255)
        return rgba.reshape(size[1], size[0], 4)[..., :3]

    yield show
    present.release()
    ctx.detect_framebuffer(0).use()
    for one in made:
        one.release()


def noise(width: int = 7, height: int = 5) -> np.ndarray:
    return np.random.default_rng(3).random((height, width, 3)).astype(np.float16)


def flat(value: float, width: int = 16, height: int = 9) -> np.ndarray:
    return np.full((height, width, 3), value)


@pytest.mark.parametrize(
    "canvas, output, fit, expected",
    [
        ((320, 180), (1280, 720), "cover", (0, 0, 1280, 720)),
        ((320, 180), (1280, 720), "contain", (0, 0, 1280, 720)),
        ((320, 180), (500, 400), "contain", (0, 59, 500, 281)),
        ((320, 180), (500, 400), "cover", (-106, 0, 711, 400)),
        ((320, 180), (1000, 300), "contain", (233, 0, 533, 300)),
        ((320, 180), (1000, 300), "cover", (0, -131, 1000, 562)),
        ((1280, 720), (160, 90), "cover", (0, 0, 160, 90)),
        ((3, 1000), (10, 10), "contain", (4, 0, 1, 10)),
    ],
)
def test_placed(
    canvas: tuple[int, int], output: tuple[int, int], fit: Fit, expected: tuple[int, ...]
) -> None:
    assert placed(canvas, output, fit) == expected


sides = st.tuples(st.integers(2, 4000), st.integers(2, 4000))


@given(sides, sides)
def test_cover_covers_contain_is_contained_and_both_are_centred(
    canvas: tuple[int, int], output: tuple[int, int]
) -> None:
    whole = Rectangle(0, 0, *output)
    cover, contain = placed(canvas, output, "cover"), placed(canvas, output, "contain")
    assert cover.within(output) == whole
    assert contain.within(output) == contain
    for place in (cover, contain):
        assert 0 <= output[0] - place.width - 2 * place.left <= 1
        assert 0 <= output[1] - place.height - 2 * place.top <= 1
        assert place.width == output[0] or place.height == output[1]


@pytest.mark.parametrize("bottom_up", [False, True])
def test_contain_leaves_exact_black_bars(shown: Shown, bottom_up: bool) -> None:
    tall = shown(flat(1), (16, 15), bottom_up, fit="contain")
    assert np.all(tall[3:12] == 255)
    assert np.all(tall[:3] == 0) and np.all(tall[12:] == 0)
    wide = shown(flat(1), (21, 9), bottom_up, fit="contain")
    assert np.all(wide[:, 2:18] == 255)
    assert np.all(wide[:, :2] == 0) and np.all(wide[:, 18:] == 0)


def test_an_odd_bar_is_on_the_same_side_whatever_the_framebuffer_s_order(shown: Shown) -> None:
    down = shown(flat(1), (16, 14), False, fit="contain")
    up = shown(flat(1), (16, 14), True, fit="contain")
    assert np.all(down[2:11] == 255) and np.all(down[:2] == 0) and np.all(down[11:] == 0)
    np.testing.assert_array_equal(up, down[::-1])


def test_cover_crops_what_is_too_much(shown: Shown) -> None:
    canvas = flat(0, 18, 6)
    canvas[:, 6:12] = 1
    np.testing.assert_array_equal(shown(canvas, (6, 6), fit="cover"), np.full((6, 6, 3), 255))


def test_up_stays_up(shown: Shown) -> None:
    canvas = flat(0, 7, 5)
    canvas[0], canvas[1, 0] = 1, (1, 0, 0)
    expected = (canvas * 255).astype(np.uint8)
    np.testing.assert_array_equal(shown(canvas, (7, 5), False), expected)
    np.testing.assert_array_equal(shown(canvas, (7, 5), True), expected[::-1])


@pytest.mark.parametrize("fit", ["cover", "contain"])
@pytest.mark.parametrize("size", [(21, 13), (9, 17), (4, 3)])
def test_bottom_up_is_the_same_picture_to_the_last_bit(
    shown: Shown, size: tuple[int, int], fit: Fit
) -> None:
    down, up = (shown(noise(), size, order, fit=fit, frame=5) for order in (False, True))
    np.testing.assert_array_equal(up, down[::-1])


def scaling(source: int, whole: int) -> np.ndarray:
    """Catmull-Rom along one axis as a matrix, (whole, source), borders going on beyond the edge."""
    step = source / whole
    stretch = max(step, 1)
    weights = np.zeros((whole, source))
    for pixel in range(whole):
        place = (pixel + 0.5) * step - 0.5
        for texel in range(int(place - 2 * stretch) - 2, int(place + 2 * stretch) + 3):
            x = abs(texel - place) / stretch
            inner = 1 - 2.5 * x**2 + 1.5 * x**3
            outer = 2 - 4 * x + 2.5 * x**2 - 0.5 * x**3
            weight = inner if x < 1 else outer if x < 2 else 0
            weights[pixel, min(max(texel, 0), source - 1)] += weight
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("fit", ["cover", "contain"])
@pytest.mark.parametrize("size", [(28, 20), (7, 5), (30, 11), (9, 40), (5, 3), (3, 2)])
def test_scales_with_catmull_rom(shown: Shown, size: tuple[int, int], fit: Fit) -> None:
    canvas = noise()
    place = placed((7, 5), size, fit)
    down, across = scaling(5, place.height), scaling(7, place.width)
    picture = np.einsum("yr,xc,rcd->yxd", down, across, canvas.astype(float))
    part = place.within(size)
    top, left = part.top - place.top, part.left - place.left
    expected = np.zeros((size[1], size[0], 3))
    expected[part.top : part.top + part.height, part.left : part.left + part.width] = picture[
        top : top + part.height, left : left + part.width
    ]
    seen = shown(canvas, size, fit=fit).astype(float)
    # One step of dither, half a step of rounding, and the half floats in between.
    np.testing.assert_allclose(seen, 255 * expected.clip(0, 1), atol=1.75)


def test_shrinking_a_fine_pattern_gives_its_mean(shown: Shown) -> None:
    rows, columns = np.indices((36, 64))
    checks = np.repeat(((rows + columns) % 2)[..., None], 3, axis=2)
    seen = shown(checks, (16, 9)).astype(float)[2:-2, 2:-2]
    np.testing.assert_allclose(seen, 127.5, atol=6)


def test_dither_keeps_the_mean_and_shades_between_the_steps(shown: Shown) -> None:
    value = 100.3 / 255
    seen = shown(flat(value, 96, 54), (96, 54)).astype(float)
    stored = float(np.float16(value)) * 255
    assert seen.mean() == pytest.approx(stored, abs=0.03)
    # Triangular noise of one step, then rounding: a variance of 1/6 + 1/12, whatever the value.
    assert seen.var() == pytest.approx(0.25, abs=0.02)


def test_dither_is_made_of_pixel_and_frame_alone(shown: Shown) -> None:
    canvas = flat(0.4, 32, 18)
    first = shown(canvas, (32, 18), frame=3)
    np.testing.assert_array_equal(shown(canvas, (32, 18), frame=3), first)
    other = shown(canvas, (32, 18), frame=4)
    assert 0.3 < np.mean(other != first) < 0.9
    assert 0.3 < np.mean(first[..., 0] != first[..., 1]) < 0.9
    assert shown(canvas, (32, 18), frame=2**40 - 1).shape == (18, 32, 3)


def test_black_and_white_are_pure(shown: Shown) -> None:
    assert np.all(shown(flat(0), (32, 18)) == 0)
    assert np.all(shown(flat(1), (32, 18)) == 255)
    assert np.all(shown(noise(), (32, 18), master=0.0) == 0)


def test_master_dims(shown: Shown) -> None:
    seen = shown(flat(0.8, 64, 36), (64, 36), master=0.25).astype(float)
    assert seen.mean() == pytest.approx(0.2 * 255, abs=0.1)


def test_holds_one_texture_and_frees_it(ctx: moderngl.Context, textures: Textures) -> None:
    canvas, output = ctx.texture((7, 5), 4, dtype="f2"), ctx.texture((64, 64), 4)
    framebuffer = ctx.framebuffer([output])
    present = PresentPass(ctx)
    for size in ((7, 5), (9, 5), (64, 64), (64, 64), (3, 2)):
        present.draw(canvas, framebuffer, size, bottom_up=True)
        present.draw(canvas, framebuffer, size, bottom_up=True)
        assert textures.alive == 3
    # The three sizes that differ in width from the one before, and the two given ones.
    assert len(textures) == 6
    present.release()
    assert textures.alive == 2
    framebuffer.release()
    canvas.release()
    output.release()


@pytest.mark.parametrize(
    ("factor", "expected"), [(1.0, 0.4), (0.93, 0.372), (1.5, 0.6), (0.0, 0.0), (9.0, 0.8)]
)
def test_what_is_drawn_is_dimmed_or_lit_up(
    ctx: moderngl.Context, factor: float, expected: float
) -> None:
    present = PresentPass(ctx)
    output = ctx.texture((12, 5), 4)
    framebuffer = ctx.framebuffer([output])
    framebuffer.clear(0.4, 0.4, 0.4, 1.0)
    present.dim(framebuffer, (12, 5), factor)
    pixels = np.frombuffer(framebuffer.read(components=4), np.uint8).reshape(-1, 4)
    assert np.abs(pixels[:, :3] / 255 - expected).max() < 0.006
    assert (pixels[:, 3] == 255).all()
    present.release()
    ctx.detect_framebuffer(0).use()
    framebuffer.release()
    output.release()
