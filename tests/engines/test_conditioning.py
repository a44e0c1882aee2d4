"""Test each conditioning function against an independent formula, and its neutral argument."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from liveflight.core.contracts import MAX_DIRECTION, Ascent, ViewStep
from liveflight.core.noise import COLOUR, LOWEST
from liveflight.engines import conditioning

CPU = torch.device("cpu")

SIZES = [(5, 7), (7, 10), (8, 5)]
"""Height and width: odd and even, wide and tall."""


def field(height: int, width: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 3, height, width, generator=generator)


def shape(x: torch.Tensor, step: ViewStep, ascent: Ascent, normalised: bool) -> torch.Tensor:
    return conditioning.shape(x, conditioning.curve(step, ascent, x.shape[-2]), normalised)


def smooth(x: torch.Tensor, exponent: float, decorrelation: float) -> torch.Tensor:
    ascent = Ascent(smoothing=exponent, decorrelation=decorrelation)
    return shape(x, ViewStep({}), ascent, normalised=False)


def band(x: torch.Tensor, high_pass: float, low_pass: float = 0.0) -> torch.Tensor:
    return shape(x, ViewStep({}, high_pass, low_pass), Ascent(smoothing=0.0), normalised=False)


def gains(size: tuple[int, int], step: ViewStep, ascent: Ascent) -> conditioning.Gains:
    """Return the gains for one view, (H, W // 2 + 1)."""
    curve = torch.tensor([conditioning.curve(step, ascent, size[0])])
    found = conditioning.Frequencies(*size, CPU).gains(curve)
    return conditioning.Gains(*(each[0, 0] for each in (found.grey, found.colour, found.band)))


def rms(tensor: torch.Tensor) -> float:
    return float(tensor.double().square().mean().sqrt())


@pytest.mark.parametrize(
    "neutral",
    [
        lambda x: conditioning.decorrelate(x, 0.0),
        lambda x: smooth(x, 0.0, 0.0),
        lambda x: smooth(x, 0.0, 1.0),
        lambda x: band(x, 0.0, 0.0),
    ],
    ids=["decorrelate", "smooth", "smooth without grey", "band"],
)
def test_the_neutral_argument_leaves_the_picture_exactly(neutral):
    x = field(5, 7)
    assert torch.equal(neutral(x.clone()), x)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: conditioning.decorrelate(x, 1.0),
        lambda x: smooth(x, 1.5, 1.0),
        conditioning.normalise,
        lambda x: band(x, 1.5),
        lambda x: band(x, 0.0, 0.2),
        conditioning.limit,
    ],
    ids=["decorrelate", "smooth", "normalise", "high_pass", "low_pass", "limit"],
)
def test_what_is_given_is_left_alone_and_what_comes_is_alike(function):
    x = field(5, 7)
    before = x.clone()
    result = function(x)
    assert torch.equal(x, before)
    assert not torch.equal(result, before)
    assert (result.shape, result.dtype) == (x.shape, torch.float32)


def periods(height: int, width: int, least: float = LOWEST) -> np.ndarray:
    """Return the periods per picture height of every bin of a full FFT, found bin by bin."""
    found = np.empty((height, width))
    for row in range(height):
        for column in range(width):
            down = min(row, height - row)
            across = min(column, width - column) * height / width
            found[row, column] = max(np.hypot(down, across), least)
    return found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("exponent", [0.5, 1.5, 2.0])
def test_smoothing_is_a_power_of_frequency_with_mean_one(size, exponent):
    mask = gains(size, ViewStep({}), Ascent(smoothing=exponent)).grey
    assert (mask.shape, mask.dtype) == ((size[0], size[1] // 2 + 1), torch.float32)
    assert float(mask.mean()) == pytest.approx(1.0, abs=1e-6)
    expected = periods(*size)[:, : size[1] // 2 + 1] ** -exponent
    np.testing.assert_allclose(mask.numpy(), expected / expected.mean(), rtol=1e-5)


def test_smoothing_never_rises_with_frequency():
    size = (18, 32)
    order = np.argsort(periods(*size)[:, :17], axis=None, kind="stable")
    falling = gains(size, ViewStep({}), Ascent()).grey.numpy().ravel()[order]
    assert (np.diff(falling) <= 1e-6).all()
    assert falling[0] > 5 * falling[-1]


@pytest.mark.parametrize("size", [(6, 9), (180, 320), (183, 321)])
def test_the_gains_of_a_neutral_curve_are_exactly_one(size):
    for step, ascent in [
        (ViewStep({}), Ascent(smoothing=0.0)),
        (ViewStep({}, smoothing=0.0), Ascent()),
    ]:
        assert conditioning.curve(step, ascent, size[0]) == conditioning.NEUTRAL
        found = gains(size, step, ascent)
        for each in (found.grey, found.colour, found.band):
            assert torch.equal(each, torch.ones(size[0], size[1] // 2 + 1))


def test_a_views_smoothing_is_a_factor_on_that_of_the_ascent():
    given = field(24, 42)
    found = shape(given, ViewStep({}, smoothing=0.6), Ascent(smoothing=2.0), normalised=False)
    torch.testing.assert_close(found, smooth(given, 1.2, 1.0))


def test_gains_of_several_views_are_those_of_each():
    size = (18, 32)
    views = [
        (ViewStep({}), Ascent()),
        (ViewStep({}, 1.5, 0.3, 0.75), Ascent()),
        (ViewStep({}, 0.0, 0.1, 0.0), Ascent(decorrelation=0.0)),
    ]
    curves = torch.tensor([conditioning.curve(*view, size[0]) for view in views])
    together = conditioning.Frequencies(*size, CPU).gains(curves)
    for number, view in enumerate(views):
        alone = gains(size, *view)
        for name in ("grey", "colour", "band"):
            found = getattr(together, name)[number, 0]
            torch.testing.assert_close(found, getattr(alone, name), rtol=1e-5, atol=1e-7)


def smoothed(
    gradient: np.ndarray, exponent: float, decorrelation: float, least: float = LOWEST
) -> np.ndarray:
    """Smooth in float64 by a full complex FFT.

    Grey by 1/f^exponent, what differs from grey by half the decorrelation more; both alike at the
    lowest frequency of grey."""
    height, width = gradient.shape[-2:]
    f, colour = periods(height, width, least), periods(height, width)
    level = (f[:, : width // 2 + 1] ** -exponent).mean()
    fall = f**-exponent / level
    chroma = colour**-exponent / level * (colour / least) ** (-0.5 * decorrelation)
    spectrum = np.fft.fft2(gradient.astype(np.float64))
    grey = spectrum.mean(1, keepdims=True)
    return np.fft.ifft2(grey * fall + (spectrum - grey) * chroma).real


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("exponent", "decorrelation"), [(1.5, 1.0), (2.0, 0.0), (0.7, 0.4)])
def test_smooth_agrees_with_a_full_fft(size, exponent, decorrelation):
    gradient = field(*size)
    found = smooth(gradient, exponent, decorrelation).numpy()
    np.testing.assert_allclose(
        found, smoothed(gradient.numpy(), exponent, decorrelation), atol=2e-6
    )


def test_smooth_leaves_a_large_canvas_contrast_for_what_is_in_it():
    gradient, least = field(200, 230), 200 / (90 * (200 / 180) ** 0.5)
    found = smooth(gradient, 1.5, 1.0).numpy()
    np.testing.assert_allclose(found, smoothed(gradient.numpy(), 1.5, 1.0, least), atol=1e-5)


def test_smooth_takes_more_from_fine_colour_than_from_fine_grey():
    stripes = torch.tensor([1.0, -1.0]).repeat(8).expand(1, 3, 10, 16)
    colour = torch.tensor([1.0, 0.0, -1.0]).view(1, 3, 1, 1)
    grey_left = rms(smooth(stripes, 1.5, 1.0)) / rms(stripes)
    colour_left = rms(smooth(stripes * colour, 1.5, 1.0)) / rms(stripes * colour)
    f = 8 * 10 / 16  # periods per height of stripes one pixel wide
    assert colour_left / grey_left == pytest.approx((f / LOWEST) ** -0.5, rel=1e-4)


def test_decorrelate_keeps_the_direction_of_grey():
    grey = field(5, 7)[:, :1].expand(1, 3, 5, 7)
    result = conditioning.decorrelate(grey, 1.0)
    cosine = torch.nn.functional.cosine_similarity(result.flatten(), grey.flatten(), dim=0)
    assert float(cosine) > 0.999
    assert rms(result) > 2 * rms(grey)


def test_decorrelate_takes_from_colour_what_natural_pictures_lack():
    shades = field(5, 7)[:, :1]
    grey = shades * torch.tensor([1.0, 1.0, 1.0]).view(1, 3, 1, 1)
    magenta = shades * torch.tensor([1.0, -2.0, 1.0]).view(1, 3, 1, 1) / 2**0.5
    kept = rms(conditioning.decorrelate(magenta, 1.0)) / rms(conditioning.decorrelate(grey, 1.0))
    assert kept < 0.05


@pytest.mark.parametrize("amount", [0.3, 1.0])
def test_decorrelate_is_the_covariance_of_colours(amount):
    gradient = field(5, 7)
    covariance = COLOUR @ COLOUR.T
    matrix = (1 - amount) * np.eye(3) + amount * covariance * 3 / np.trace(covariance)
    expected = np.stack(
        [sum(matrix[i, j] * gradient[0, j].numpy() for j in range(3)) for i in range(3)]
    )
    found = conditioning.decorrelate(gradient, amount)[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


@settings(deadline=None)  # the first call waits for torch's threads
@given(exponent=st.floats(-5, 5), seed=st.integers(0, 99))
def test_normalise_gives_rms_one_whatever_the_size_of_the_gradient(exponent, seed):
    gradient = field(5, 7, seed)
    result = conditioning.normalise(gradient * 10**exponent)
    assert rms(result) == pytest.approx(1.0, rel=1e-4)
    torch.testing.assert_close(result, gradient / rms(gradient), rtol=1e-4, atol=1e-5)


def test_a_gradient_of_nothing_stays_nothing():
    nothing = torch.zeros(1, 3, 5, 7)
    assert torch.equal(conditioning.normalise(nothing), nothing)


def wave(size: tuple[int, int], down: int, across: int, phase: float = 0.3) -> torch.Tensor:
    """Return a cosine of so many periods down and across the picture: (1, 3, H, W)."""
    rows, columns = (torch.arange(side, dtype=torch.float64) / side for side in size)
    angle = 2 * torch.pi * (down * rows[:, None] + across * columns[None] + phase)
    return torch.cos(angle).float().expand(1, 3, *size)


@pytest.mark.parametrize(
    ("down", "across", "kept"),
    [(0, 0, 0.0), (1, 0, 0.0), (0, 1, 0.0), (1, 1, None), (2, 0, 0.5), (3, 0, 1.0), (0, 7, 1.0)],
)
def test_high_pass_keeps_what_is_fast_and_removes_what_is_slow(down, across, kept):
    """At 2 cycles per height: all from half an octave above, nothing from half an octave below."""
    size = (24, 42)
    f = float(np.hypot(down, across * size[0] / size[1]))
    if kept is None:
        kept = 0.5 - 0.5 * np.cos(np.pi * np.clip(np.log2(f / 2) + 0.5, 0, 1))
    given = wave(size, down, across)
    found = band(given, 2.0)
    torch.testing.assert_close(found, given * kept, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cycles", [0.7, 1.5, 3.0])
def test_high_pass_agrees_with_a_full_fft(size, cycles):
    gradient = field(*size)
    octaves = np.log2(periods(*size, 1e-3) / cycles)
    gain = np.where(
        octaves < -0.5, 0, np.where(octaves > 0.5, 1, np.sin(np.pi * octaves) / 2 + 0.5)
    )
    expected = np.fft.ifft2(np.fft.fft2(gradient.numpy().astype(np.float64)) * gain).real
    found = band(gradient, cycles).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_high_pass_gain_rises_with_frequency_from_nothing_to_all():
    size = (18, 32)
    gain = gains(size, ViewStep({}, 3.0), Ascent()).band
    assert (gain.shape, gain.dtype) == ((18, 17), torch.float32)
    order = np.argsort(periods(*size, 0.0)[:, :17], axis=None, kind="stable")
    rising = gain.numpy().ravel()[order]
    assert (np.diff(rising) >= -1e-6).all()
    assert rising[0] == 0 and rising[-1] == 1
    assert ((rising > 0.01) & (rising < 0.99)).sum() > 3, "a hard edge rings"


@pytest.mark.parametrize(
    ("across", "kept"), [(0, 1.0), (2, 1.0), (5, 0.9968), (21, 0.5), (42, 1 / 17)]
)
def test_low_pass_keeps_what_is_slow_and_fades_what_is_fast(across, kept):
    """At a quarter cycle per pixel: half of that, a seventeenth of twice as much."""
    given = wave((24, 84), 0, across)
    found = band(given, 0.0, 0.25)
    torch.testing.assert_close(found, given * kept, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cycles", [0.05, 0.3])
def test_low_pass_agrees_with_a_full_fft(size, cycles):
    gradient = field(*size)
    gain = 1 / (1 + (periods(*size, 0.0) / size[0] / cycles) ** 4)
    expected = np.fft.ifft2(np.fft.fft2(gradient.numpy().astype(np.float64)) * gain).real
    np.testing.assert_allclose(band(gradient, 0.0, cycles).numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("size", SIZES)
def test_the_rms_is_measured_after_smoothing_and_before_the_band(size):
    gradient = field(*size) * 1e-3
    step, ascent = ViewStep({}, 1.5, 0.3), Ascent()
    even = smooth(gradient, 1.5, 1.0)
    expected = band(even / rms(even), 1.5, 0.3)
    found = shape(gradient, step, ascent, normalised=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    coloured = conditioning.decorrelate(gradient, 1.0)
    all_of_it = conditioning.condition(gradient, step, ascent)
    torch.testing.assert_close(all_of_it, shape(coloured, step, ascent, normalised=True))


def test_limit_leaves_small_values_and_lets_none_exceed_the_largest():
    values = torch.linspace(-100, 100, 2001).view(1, 1, 1, -1)
    found = conditioning.limit(values)
    assert found.abs().max() <= MAX_DIRECTION
    assert float(found[..., -1]) == pytest.approx(MAX_DIRECTION)
    assert (found.diff() >= 0).all()
    torch.testing.assert_close(found, -found.flip(-1))
    small = values[values.abs() <= 0.3]
    torch.testing.assert_close(conditioning.limit(small), small, rtol=0.005, atol=0)
    assert float(conditioning.limit(torch.tensor(50.0), 2.0)) == pytest.approx(2.0)
