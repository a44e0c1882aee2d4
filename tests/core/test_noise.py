from __future__ import annotations

import itertools

import numpy as np
import pytest

from liveflight.core.noise import (
    LOWEST,
    first_canvas,
    frequencies,
    lowest,
    opaque,
    periodic_noise,
    pink,
)

SIZES = [(64, 36), (37, 50), (16, 16), (1, 1), (3, 200)]


@pytest.mark.parametrize("size", SIZES)
def test_a_canvas_of_that_size(size: tuple[int, int]) -> None:
    canvas = pink(size, seed=3)
    assert canvas.shape == (size[1], size[0], 4)
    assert canvas.dtype == np.float16
    assert canvas.flags.c_contiguous
    assert (canvas[..., 3] == 1).all()
    assert np.isfinite(canvas).all()
    assert canvas.min() >= 0 and canvas.max() <= 1


def test_a_seed_gives_the_same_noise_and_another_seed_another() -> None:
    np.testing.assert_array_equal(pink((32, 18), 7), pink((32, 18), 7))
    assert (pink((32, 18), 7) != pink((32, 18), 8)).mean() > 0.5


@pytest.mark.parametrize(("mean", "deviation"), [(0.5, 0.15), (0.4, 0.1), (0.6, 0.02)])
def test_mean_and_deviation(mean: float, deviation: float) -> None:
    rgb = pink((160, 90), 1, mean, deviation)[..., :3].astype(np.float64)
    assert rgb.mean() == pytest.approx(mean, abs=0.01)
    assert rgb.std() == pytest.approx(deviation, rel=0.05)


def test_every_amplitude_stays_in_range() -> None:
    canvas = pink((40, 30), 1, deviation=5.0)
    assert canvas.min() == 0 and canvas.max() == 1


def test_coarse_structure_is_stronger_than_fine() -> None:
    grey = np.mean([pink((192, 108), seed)[..., :3].mean(2) for seed in range(4)], axis=0)
    power = np.abs(np.fft.rfft2(grey - grey.mean())) ** 2
    found = frequencies(108, 192)
    bands = [(2.5, 5), (5, 10), (10, 20), (20, 40)]
    means = [power[(found >= low) & (found < high)].mean() for low, high in bands]
    for coarse, fine in itertools.pairwise(means):
        assert coarse / fine == pytest.approx(4, rel=0.5)  # amplitude 1/f, power 1/f^2


def test_the_colours_hang_together_as_in_natural_pictures() -> None:
    rgb = pink((160, 90), 2)[..., :3].reshape(-1, 3).astype(np.float64)
    correlation = np.corrcoef(rgb.T)
    assert correlation.min() > 0.5
    assert correlation[0, 2] < correlation[0, 1]


def test_frequencies_count_periods_per_height() -> None:
    found = frequencies(8, 12)
    assert found.shape == (8, 7)
    assert found[0, 0] == found[1, 0] == LOWEST == 2
    # Row 3: three periods down. Column 6: half a period per pixel, 8 pixels high.
    assert found[3, 0] == 3
    assert found[-3, 0] == 3
    assert found[0, 6] == pytest.approx(4)
    assert found[3, 6] == pytest.approx(5)


def test_frequencies_are_clamped_where_asked() -> None:
    found = frequencies(8, 12, 3.5)
    assert found[0, 0] == found[3, 0] == 3.5
    assert found[0, 6] == pytest.approx(4)


@pytest.mark.parametrize(
    ("height", "width", "least", "longest"),
    [(90, 160, 2, 45), (180, 320, 2, 90), (720, 1280, 4, 180), (1280, 720, 1280 / 180, 180)],
)
def test_brightness_is_not_amplified_in_waves_as_long_as_a_large_canvas(
    height: int, width: int, least: float, longest: float
) -> None:
    assert lowest(height, width) == pytest.approx(least)
    assert height / lowest(height, width) == pytest.approx(longest)


def test_opaque_adds_full_alpha() -> None:
    picture = np.linspace(0, 1, 5 * 7 * 3).reshape(5, 7, 3)
    canvas = opaque(picture)
    assert canvas.shape == (5, 7, 4) and canvas.dtype == np.float16
    np.testing.assert_array_equal(canvas[..., :3], picture.astype(np.float16))
    assert (canvas[..., 3] == 1).all()


def test_periodic_noise_has_no_cast_one_deviation_and_no_seam() -> None:
    field = periodic_noise(64, seed=3)
    assert field.shape == (64, 64, 3) and field.dtype == np.float32
    np.testing.assert_allclose(field.mean((0, 1)), 0, atol=1e-6)
    np.testing.assert_allclose(field.std((0, 1)), 1, atol=1e-5)
    inside = np.abs(np.diff(field, axis=1)).mean()
    over_the_seam = np.abs(field[:, 0] - field[:, -1]).mean()
    assert over_the_seam == pytest.approx(inside, rel=0.3)
    assert inside < 0.7 * np.abs(field - field[:, ::-1]).mean(), "it is coarser than white noise"
    np.testing.assert_array_equal(field, periodic_noise(64, seed=3))
    assert not np.array_equal(field, periodic_noise(64, seed=4))


def test_a_first_canvas_is_soft_in_the_finest_only() -> None:
    soft, plain = (
        np.mean([make((320, 180), seed)[..., :3].mean(2) for seed in range(3)], axis=0)
        for make in (first_canvas, pink)
    )
    assert np.array_equal(first_canvas((32, 18), 3), first_canvas((32, 18), 3))
    power = [np.abs(np.fft.rfft2(each - each.mean())) ** 2 for each in (soft, plain)]
    found = frequencies(180, 320)
    coarse, fine = found < 15, found > 80
    assert power[0][coarse].sum() == pytest.approx(power[1][coarse].sum(), rel=0.4)  # same contrast
    assert power[0][fine].sum() < 0.1 * power[1][fine].sum()
