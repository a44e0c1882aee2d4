"""The host's own ascent, for thumbnails."""

import math

import numpy as np
import pytest
from fake_engine import FakeEngine

from liveflight.core.contracts import Ascent, Canvas, Mix, Target
from liveflight.core.noise import pink
from liveflight.networks.atlas.ascent_from_noise import (
    ThumbnailRecipe,
    held,
    optimised,
    resized,
    sizes,
    softened,
)

TARGET = Target("vgg16", "conv1_1", 1)


def ready(step) -> FakeEngine:
    engine = FakeEngine(step)
    engine.prepare("vgg16")
    return engine


def test_a_picture_is_the_same_every_time_and_its_steps_differ():
    seen: list[Canvas] = []

    def note(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        assert mix == {TARGET: 1.0} and ascent.smoothing == 1.25
        seen.append(view)
        return (view - np.float16(0.5)) * np.float16(4)

    recipe = ThumbnailRecipe(steps=12, smoothing=1.25)
    first = optimised(ready(note), TARGET, (80, 60), recipe)
    assert first.shape == (60, 80, 4) and first.dtype == np.float16
    assert {(view.shape[1], view.shape[0]) for view in seen} == set(sizes((80, 60), recipe))
    again = optimised(ready(note), TARGET, (80, 60), recipe)
    np.testing.assert_array_equal(first, again)
    another = ThumbnailRecipe(steps=12, smoothing=1.25, seed=6)
    other = optimised(ready(note), TARGET, (80, 60), another)
    assert not np.array_equal(first, other)


def test_a_direction_lands_where_its_view_was_taken():
    """Ascending each pixel away from mid grey at random shifts keeps the picture in its place."""

    def further(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        return view - np.float16(0.5)

    size = (96, 96)
    recipe = ThumbnailRecipe(steps=8, amount=0.02, pull=0.0, soften=0.0)
    start = pink(size, recipe.seed)[..., :3].astype(float)
    grown = optimised(ready(further), TARGET, size, recipe)[..., :3].astype(float)
    assert np.corrcoef(start.ravel(), grown.ravel())[0, 1] > 0.95
    assert grown.std() > 1.5 * start.std()


def test_later_steps_are_smaller_however_short_the_engines_directions_are():
    def alternate(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        direction = np.zeros_like(view)
        direction[..., :3] = 0.1
        return direction

    def moved(steps: int) -> float:
        recipe = ThumbnailRecipe(steps=4, amount=0.02 * steps / 4, slower=0.6, pull=0.0, soften=0)
        return float(optimised(ready(alternate), TARGET, (64, 64), recipe)[..., :3].mean())

    assert moved(4) - moved(0) == pytest.approx(0.02 * (1 + 0.85 + 0.7 + 0.55), abs=2e-3)


def test_sizes_are_fixed_steps_of_an_octave_with_a_floor():
    recipe = ThumbnailRecipe()
    assert sizes((96, 96), recipe) == [(96, 96), (88, 88), (81, 81)]
    assert sizes((96, 96), ThumbnailRecipe(octaves=0.0)) == [(96, 96)]
    assert min(min(size) for size in sizes((96, 64), ThumbnailRecipe(octaves=2.0))) == 48
    assert sizes((40, 30), recipe) == [(40, 30)] * 3  # never enlarged


def test_resizing_keeps_a_plain_picture_and_the_place_of_a_slope():
    plain = np.full((20, 30, 3), 0.25, np.float32)
    np.testing.assert_allclose(resized(plain, (17, 25)), 0.25, rtol=1e-5)
    slope = np.linspace(0, 1, 64, dtype=np.float32)[None, :, None].repeat(8, 0)
    there = resized(slope, (48, 8))
    assert there.shape == (8, 48, 1) and (np.diff(there[0, :, 0]) > 0).all()
    np.testing.assert_allclose(resized(there, (64, 8))[:, 2:-2], slope[:, 2:-2], atol=5e-3)


def test_softening_takes_the_finest_first_and_no_brightness():
    checks = np.indices((16, 16)).sum(0)[..., None] % 2 * np.ones(3, np.float32)
    softer = softened(checks, 0.1)
    assert softer.mean() == pytest.approx(0.5, abs=1e-4)
    assert np.ptp(softer[4:-4, 4:-4]) == pytest.approx(0.2, abs=1e-5)
    ramp = np.arange(16.0)[None, :, None] * np.ones((16, 1, 3))
    np.testing.assert_allclose(softened(ramp, 0.1)[:, 1:-1], ramp[:, 1:-1], atol=1e-5)


@pytest.mark.parametrize(("pull", "mean", "deviation"), [(1.0, 0.5, 0.2), (0.0, 0.3, 0.1)])
def test_contrast_and_brightness_are_held(pull, mean, deviation):
    picture = np.random.default_rng(1).normal(0.3, 0.1, (64, 64, 3))
    found = held(picture, 0.2, pull)
    assert math.isclose(found.mean(), mean, abs_tol=3e-3)
    assert math.isclose(found.std(), deviation, abs_tol=3e-3)
