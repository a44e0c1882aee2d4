from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import moderngl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_textures import Textures

from liveflight.core.camera import IDENTITY
from liveflight.core.contracts import Warp
from liveflight.core.rect import Rect
from liveflight.core.tone import Tone
from liveflight.render.canvas_transfer import HostCopy
from liveflight.render.present import Fit, PresentPass, placed

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


def shouldered(value: np.ndarray) -> np.ndarray:
    """Do as tone.glsl does, in 0..255."""
    away = np.asarray(value, np.float64) - 0.5
    return 255 * (0.5 + away / (1 + (away / 0.494) ** 4) ** 0.25)


WHITE, BLACK = shouldered(np.array(1.0)) - 1.5, shouldered(np.array(0.0)) + 1.5
"""Levels beyond which a pixel is white or black, with dither and rounding."""


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
    whole = Rect.whole(output)
    cover, contain = placed(canvas, output, "cover"), placed(canvas, output, "contain")
    assert cover.within(Rect.whole(output)) == whole
    assert contain.within(Rect.whole(output)) == contain
    for place in (cover, contain):
        assert 0 <= output[0] - place.width - 2 * place.left <= 1
        assert 0 <= output[1] - place.height - 2 * place.top <= 1
        assert place.width == output[0] or place.height == output[1]


@pytest.mark.parametrize("bottom_up", [False, True])
def test_contain_leaves_exact_black_bars(shown: Shown, bottom_up: bool) -> None:
    tall = shown(flat(1), (16, 15), bottom_up, fit="contain")
    assert np.all(tall[3:12] > WHITE)
    assert np.all(tall[:3] == 0) and np.all(tall[12:] == 0)
    wide = shown(flat(1), (21, 9), bottom_up, fit="contain")
    assert np.all(wide[:, 2:18] > WHITE)
    assert np.all(wide[:, :2] == 0) and np.all(wide[:, 18:] == 0)


def test_an_odd_bar_is_on_the_same_side_whatever_the_framebuffer_s_order(shown: Shown) -> None:
    down = shown(flat(1), (16, 14), False, fit="contain")
    up = shown(flat(1), (16, 14), True, fit="contain")
    assert np.all(down[2:11] > WHITE) and np.all(down[:2] == 0) and np.all(down[11:] == 0)
    np.testing.assert_array_equal(up, down[::-1])


def test_cover_crops_what_is_too_much(shown: Shown) -> None:
    canvas = flat(0, 18, 6)
    canvas[:, 6:12] = 1
    assert np.all(shown(canvas, (6, 6), fit="cover") > WHITE)


def test_up_stays_up(shown: Shown) -> None:
    canvas = flat(0, 7, 5)
    canvas[0], canvas[1, 0] = 1, (1, 0, 0)
    expected = shouldered(canvas)
    np.testing.assert_allclose(shown(canvas, (7, 5), False).astype(float), expected, atol=1.5)
    np.testing.assert_allclose(shown(canvas, (7, 5), True).astype(float), expected[::-1], atol=1.5)


@pytest.mark.parametrize("fit", ["cover", "contain"])
@pytest.mark.parametrize("size", [(21, 13), (9, 17), (4, 3)])
def test_bottom_up_is_the_same_picture_to_the_last_bit(
    shown: Shown, size: tuple[int, int], fit: Fit
) -> None:
    down, up = (shown(noise(), size, order, fit=fit, frame=5) for order in (False, True))
    np.testing.assert_array_equal(up, down[::-1])


def smooth(width: int, height: int) -> np.ndarray:
    """Long waves, another in each channel."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    waves = [np.cos(math.pi * x), np.cos(math.pi * y), np.cos(math.pi * (x + y))]
    return 0.5 + 0.3 * np.stack(waves, -1)


@pytest.mark.parametrize("fit", ["cover", "contain"])
@pytest.mark.parametrize("sharp", [True, False])
@pytest.mark.parametrize("size", [(96, 54), (48, 27), (64, 36), (100, 40), (30, 60), (24, 13)])
def test_every_filter_shows_a_smooth_picture_where_it_is(
    shown: Shown, size: tuple[int, int], fit: Fit, sharp: bool
) -> None:
    place = placed((48, 27), size, fit)
    part = place.within(Rect.whole(size))
    top, left = part.top - place.top, part.left - place.left
    expected = np.zeros((size[1], size[0], 3))
    expected[part.top : part.top + part.height, part.left : part.left + part.width] = shouldered(
        smooth(place.width, place.height)
    )[top : top + part.height, left : left + part.width]
    seen = shown(smooth(48, 27), size, fit=fit, sharp=sharp).astype(float)
    # One step of dither, half a step of rounding; the filters flatten the waves' ends a little,
    # and a whole pixel of another shape stretches the picture by half a pixel.
    np.testing.assert_allclose(seen, expected, atol=5.5)
    assert np.abs(seen - expected).mean() < 1


def test_sharp_keeps_more_of_what_is_fine(shown: Shown) -> None:
    def fine(sharp: bool) -> float:
        seen = shown(noise(48, 27), (64, 36), sharp=sharp, frame=1).astype(float)
        return float(np.abs(np.diff(seen, axis=1)).mean())

    assert fine(True) > 1.1 * fine(False)


@pytest.mark.parametrize("sharp", [True, False])
@pytest.mark.parametrize("warp", [IDENTITY, replace(IDENTITY, folded=0.0, phase=3.0)])
def test_pixel_for_pixel_it_is_the_canvas_itself(shown: Shown, sharp: bool, warp: Warp) -> None:
    """Neither filter blurs, and no level is off by more than dither and rounding."""
    canvas = noise(48, 27)
    seen = shown(canvas, (48, 27), sharp=sharp, warp=warp).astype(float)
    np.testing.assert_allclose(seen, shouldered(canvas), atol=1.5)
    assert (seen - shouldered(canvas)).mean() == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("sharp", [True, False])
def test_it_is_seen_through_the_motion_since(shown: Shown, sharp: bool) -> None:
    canvas = noise(48, 27)
    moved = Warp(np.float32([[1, 0, 4 / 27], [0, 1, -2 / 27], [0, 0, 1]]))
    seen = shown(canvas, (48, 27), sharp=sharp, warp=moved).astype(float)
    around = np.pad(canvas, ((4, 4), (4, 4), (0, 0)), mode="symmetric")
    expected = shouldered(around[6 : 6 + 27, 8 : 8 + 48])
    np.testing.assert_allclose(seen, expected, atol=2.0)


def test_it_is_seen_in_the_colours_and_folds_since(shown: Shown) -> None:
    canvas = noise(48, 27)
    warp = replace(IDENTITY, mirror_x=True, amounts={"saturation": 0.0}, tone=Tone(0.5, 0.125))
    seen = shown(canvas, (48, 27), sharp=True, warp=warp).astype(float)
    left = canvas.astype(float).mean(-1, keepdims=True)[:, :24] * 0.5 + 0.125
    expected = np.repeat(np.concatenate([left, left[:, ::-1]], axis=1), 3, 2)
    np.testing.assert_allclose(seen, shouldered(expected), atol=2.0)


def test_folds_dissolve_in(shown: Shown) -> None:
    canvas = flat(0.2, 48, 27)
    canvas[:, 24:] = 0.6
    warp = replace(IDENTITY, mirror_x=True, folded=0.25)
    seen = shown(canvas, (48, 27), warp=warp).astype(float)
    assert seen[:, :23].mean() == pytest.approx(shouldered(0.2), abs=0.3)
    expected = 0.75 * shouldered(0.6) + 0.25 * shouldered(0.2)
    assert seen[:, 25:].mean() == pytest.approx(expected, abs=0.5)


# Highlights and shadows


def test_the_shoulder_rises_everywhere_and_reaches_no_end(shown: Shown) -> None:
    ramp = np.linspace(-0.25, 1.25, 512).astype(np.float16)
    canvas = np.repeat(np.tile(ramp, (8, 1))[..., None], 3, 2)
    mean = np.mean(
        [shown(canvas, (512, 8), sharp=False, frame=frame) for frame in range(24)], axis=(0, 1, 3)
    )
    np.testing.assert_allclose(mean, shouldered(ramp), atol=0.35)
    coarse = mean.reshape(64, 8).mean(1)
    assert (np.diff(coarse) > 0).all(), "even the brightest keep their drawing"
    assert coarse[0] > 1 and coarse[-1] < 254
    middle = (ramp > 0.35) & (ramp < 0.65)
    np.testing.assert_allclose(mean[middle], 255 * ramp[middle], atol=1.0)


def test_shrinking_a_fine_pattern_gives_its_mean(shown: Shown) -> None:
    rows, columns = np.indices((36, 64))
    checks = np.repeat(((rows + columns) % 2)[..., None], 3, axis=2)
    seen = shown(checks, (16, 9)).astype(float)
    np.testing.assert_allclose(seen, 127.5, atol=1.5)


def test_shrinking_averages_what_a_pixel_covers(shown: Shown) -> None:
    canvas = 0.4 + 0.2 * noise(64, 36)
    means = canvas.astype(float).reshape(9, 4, 16, 4, 3).mean((1, 3))
    seen = shown(canvas, (16, 9)).astype(float)
    np.testing.assert_allclose(seen, shouldered(means), atol=1.75)


def test_dither_keeps_the_mean_and_shades_between_the_steps(shown: Shown) -> None:
    value = 100.3 / 255
    seen = shown(flat(value, 96, 54), (96, 54)).astype(float)
    stored = shouldered(np.float16(value))
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


def test_bars_and_a_blackout_are_pure_black(shown: Shown) -> None:
    assert np.all(shown(noise(), (32, 18), master=0.0) == 0)


def test_master_dims(shown: Shown) -> None:
    seen = shown(flat(0.8, 64, 36), (64, 36), master=0.25).astype(float)
    assert seen.mean() == pytest.approx(shouldered(0.8) / 4, abs=0.1)


def test_holds_one_texture_and_frees_it(ctx: moderngl.Context, textures: Textures) -> None:
    canvas, output = ctx.texture((7, 5), 4, dtype="f2"), ctx.texture((64, 64), 4)
    framebuffer = ctx.framebuffer([output])
    present = PresentPass(ctx)
    for size in ((7, 5), (9, 5), (64, 64), (3, 2)):
        present.draw(canvas, framebuffer, size, bottom_up=True)
        assert textures.alive == 3  # one of its own, of displacements
    present.picture(canvas, (20, 10))
    assert textures.alive == 3
    present.release()
    assert textures.alive == 2
    ctx.detect_framebuffer(0).use()
    framebuffer.release()
    canvas.release()
    output.release()


def test_a_picture_is_sharp_and_upright(ctx: moderngl.Context) -> None:
    canvas = flat(0, 7, 5)
    canvas[0], canvas[1, 0] = 1, (1, 0, 0)
    full = np.ones((5, 7, 4), np.float16)
    full[..., :3] = canvas
    texture, present = ctx.texture((7, 5), 4, full.tobytes(), dtype="f2"), PresentPass(ctx)
    seen = present.picture(texture, (7, 5)).astype(float)
    np.testing.assert_allclose(seen, shouldered(canvas), atol=1.5)
    present.release()
    texture.release()


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
