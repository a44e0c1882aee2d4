from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import moderngl
import numpy as np
import pytest

from liveflight.core.camera import IDENTITY
from liveflight.core.tone import Tone
from liveflight.render.measure import MeasurePass

pytestmark = pytest.mark.gl

SIZE = (160, 90)


@pytest.fixture
def measuring(ctx: moderngl.Context) -> Iterator[MeasurePass]:
    measuring = MeasurePass(ctx)
    yield measuring
    measuring.release()


@pytest.fixture
def texture(ctx: moderngl.Context) -> Iterator[moderngl.Texture]:
    texture = ctx.texture(SIZE, 4, dtype="f2")
    yield texture
    texture.release()


def write(texture: moderngl.Texture, picture: np.ndarray | float) -> None:
    canvas = np.ones((SIZE[1], SIZE[0], 4), np.float16)
    canvas[..., :3] = picture
    texture.write(canvas.tobytes())


def test_mean_and_deviation_come_one_call_later(
    measuring: MeasurePass, texture: moderngl.Texture
) -> None:
    write(texture, np.array([0.25, 0.5, 0.75]))
    assert measuring.measure(texture, IDENTITY) is None
    write(texture, 0.125)
    found = measuring.measure(texture, IDENTITY)
    assert found is not None
    assert found == pytest.approx((0.5, math.sqrt(2 / 3) / 4), abs=1e-6)
    for _ in range(3):
        found = measuring.measure(texture, IDENTITY)
    assert found == pytest.approx((0.125, 0.0), abs=1e-6)


def test_a_picture_of_noise_is_measured_well_enough(
    measuring: MeasurePass, texture: moderngl.Texture
) -> None:
    picture = np.random.default_rng(3).normal(0.5, 0.15, (SIZE[1], SIZE[0], 3))
    write(texture, picture)
    found = [measuring.measure(texture, IDENTITY) for _ in range(6)][1:]
    for each in found:
        assert each == pytest.approx((picture.mean(), picture.std()), abs=2e-3)
    assert len(set(found)) == 5, "the samples lie elsewhere each time"


def test_it_measures_what_is_seen(measuring: MeasurePass, texture: moderngl.Texture) -> None:
    write(texture, np.array([0.25, 0.5, 0.75]))
    grey = replace(IDENTITY, amounts={"saturation": 0.0}, tone=Tone(2.0, -0.25))
    stretched = replace(IDENTITY, tone=Tone(2.0, -0.75))
    faded = replace(IDENTITY, amounts={"decay": 1.0})
    for warp in (grey, stretched, faded):
        measuring.measure(texture, warp)
        measuring.forget()
        assert measuring.measure(texture, warp) is None
        found = measuring.measure(texture, IDENTITY)
        measuring.forget()
        expected = {
            id(grey): (0.75, 0.0),
            id(stretched): (0.25, math.sqrt(2 / 3) / 2),
            id(faded): (0.5, 0.0),
        }[id(warp)]
        assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_picture_that_is_not_finite_is_found(
    measuring: MeasurePass, texture: moderngl.Texture, value: float
) -> None:
    write(texture, value)
    measuring.measure(texture, IDENTITY)
    found = measuring.measure(texture, IDENTITY)
    assert found is not None and not math.isfinite(found.mean + found.deviation)


@pytest.mark.parametrize("size", [(160, 90), (640, 360), (2, 2)])
def test_a_patch_that_is_not_finite_is_found_within_five_frames(
    ctx: moderngl.Context, measuring: MeasurePass, size: tuple[int, int]
) -> None:
    """It grows, by the filters; one as large as a 256th of the canvas's sides is always seen."""
    canvas = np.full((size[1], size[0], 4), 0.5, np.float16)
    canvas[size[1] // 3 :, size[0] // 3 :, 1][
        : max(size[1] // 144, 1), : max(size[0] // 256, 1)
    ] = np.nan
    texture = ctx.texture(size, 4, canvas.tobytes(), dtype="f2")
    found = [measuring.measure(texture, IDENTITY) for _ in range(6)][1:]
    assert any(each is None or math.isnan(each.deviation) for each in found)
    texture.release()


def test_it_gives_its_buffers_back(ctx: moderngl.Context, textures) -> None:
    measuring = MeasurePass(ctx)
    assert textures.alive == 1
    measuring.release()
    assert textures.alive == 0
