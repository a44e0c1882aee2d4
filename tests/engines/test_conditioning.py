"""Test each conditioning function against an independent formula, and its neutral argument."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from liveflight.core.noise import COLOUR, LOWEST
from liveflight.engines import conditioning

CPU = torch.device("cpu")

SIZES = [(5, 7), (7, 10), (8, 5)]
"""Height and width: odd and even, wide and tall."""


def field(height: int, width: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 3, height, width, generator=generator)


def rms(tensor: torch.Tensor) -> float:
    return float(tensor.double().square().mean().sqrt())


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    "neutral",
    [
        lambda x: conditioning.decorrelate(x, 0.0),
        lambda x: conditioning.smooth(x, 0.0, 0.0),
        lambda x: conditioning.smooth(x, 0.0, 1.0),
        lambda x: conditioning.soften(x, 0.0),
        lambda x: conditioning.hold(x, 0.9, 0.01, 0.0),
        lambda x: conditioning.add_noise(x, 0.0, generator()),
    ],
    ids=["decorrelate", "smooth", "smooth without grey", "soften", "hold", "add_noise"],
)
def test_the_neutral_argument_leaves_the_picture_exactly(neutral):
    x = field(5, 7)
    assert torch.equal(neutral(x.clone()), x)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: conditioning.decorrelate(x, 1.0),
        lambda x: conditioning.smooth(x, 1.5, 1.0),
        conditioning.normalise,
        lambda x: conditioning.soften(x, 0.1),
        lambda x: conditioning.hold(x, 0.5, 0.2, 0.5),
        lambda x: conditioning.add_noise(x, 0.1, generator()),
    ],
    ids=["decorrelate", "smooth", "normalise", "soften", "hold", "add_noise"],
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
def test_low_pass_is_a_power_of_frequency_with_mean_one(size, exponent):
    mask = conditioning.low_pass(size, exponent, CPU)
    assert (mask.shape, mask.dtype) == ((size[0], size[1] // 2 + 1), torch.float32)
    assert float(mask.mean()) == pytest.approx(1.0, abs=1e-6)
    expected = periods(*size)[:, : size[1] // 2 + 1] ** -exponent
    np.testing.assert_allclose(mask.numpy(), expected / expected.mean(), rtol=1e-5)


def test_low_pass_never_rises_with_frequency():
    size = (18, 32)
    order = np.argsort(periods(*size)[:, :17], axis=None, kind="stable")
    falling = conditioning.low_pass(size, 1.5, CPU).numpy().ravel()[order]
    assert (np.diff(falling) <= 1e-6).all()
    assert falling[0] > 5 * falling[-1]


def test_low_pass_without_exponent_is_flat():
    assert torch.equal(conditioning.low_pass((6, 9), 0.0, CPU), torch.ones(6, 5))


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
    found = conditioning.smooth(gradient, exponent, decorrelation).numpy()
    np.testing.assert_allclose(
        found, smoothed(gradient.numpy(), exponent, decorrelation), atol=2e-6
    )


def test_smooth_leaves_a_large_canvas_contrast_for_what_is_in_it():
    gradient, least = field(200, 230), 200 / (90 * (200 / 180) ** 0.5)
    found = conditioning.smooth(gradient, 1.5, 1.0).numpy()
    np.testing.assert_allclose(found, smoothed(gradient.numpy(), 1.5, 1.0, least), atol=1e-5)


def test_smooth_takes_more_from_fine_colour_than_from_fine_grey():
    stripes = torch.tensor([1.0, -1.0]).repeat(8).expand(1, 3, 10, 16)
    colour = torch.tensor([1.0, 0.0, -1.0]).view(1, 3, 1, 1)
    grey_left = rms(conditioning.smooth(stripes, 1.5, 1.0)) / rms(stripes)
    colour_left = rms(conditioning.smooth(stripes * colour, 1.5, 1.0)) / rms(stripes * colour)
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


@pytest.mark.parametrize("amount", [0.05, 0.125, 0.2])
def test_soften_takes_from_the_finest_checks_what_diffusion_must(amount):
    rows, columns = torch.meshgrid(torch.arange(6), torch.arange(9), indexing="ij")
    checks = (1.0 - 2.0 * ((rows + columns) % 2)).expand(1, 3, 6, 9)
    found = conditioning.soften(checks, amount) / checks
    neighbours = torch.full((6, 9), 4.0)  # of the other colour: fewer at the border
    neighbours[[0, -1]] -= 1
    neighbours[:, [0, -1]] -= 1
    torch.testing.assert_close(found, (1 - 2 * amount * neighbours).expand(1, 3, 6, 9))
    assert float(found[0, 0, 2, 3]) == pytest.approx(1 - 8 * amount)


def test_soften_leaves_an_even_picture_and_the_mean():
    even = torch.full((1, 3, 6, 9), 0.3)
    torch.testing.assert_close(conditioning.soften(even, 0.2), even)
    x = field(6, 9)
    assert float(conditioning.soften(x, 0.2).mean()) == pytest.approx(float(x.mean()), abs=1e-6)
    assert rms(conditioning.soften(x, 0.2)) < 0.7 * rms(x)


def test_hold_at_full_pull_is_there_at_once():
    held = conditioning.hold(field(8, 13) * 0.4 + 0.9, brightness=0.5, contrast=0.22, pull=1.0)
    assert float(held.mean()) == pytest.approx(0.5, abs=1e-5)
    assert float(held.std()) == pytest.approx(0.22, abs=1e-5)


@pytest.mark.parametrize("contrast", [0.01, 0.6])
def test_hold_gets_there_in_the_end_and_goes_its_part_each_time(contrast):
    picture = field(8, 13) * contrast + 0.8
    start_mean, start_std = float(picture.mean()), float(picture.std())
    once = conditioning.hold(picture, 0.5, 0.22, 0.1)
    assert float(once.mean()) == pytest.approx(start_mean + 0.1 * (0.5 - start_mean), abs=1e-5)
    assert float(once.std()) == pytest.approx(start_std + 0.1 * (0.22 - start_std), rel=1e-3)
    for _ in range(100):
        picture = conditioning.hold(picture, 0.5, 0.22, 0.1)
    assert float(picture.mean()) == pytest.approx(0.5, abs=1e-4)
    assert float(picture.std()) == pytest.approx(0.22, abs=1e-4)


def test_hold_does_not_choke_on_an_even_picture():
    held = conditioning.hold(torch.full((1, 3, 5, 7), 0.9), 0.5, 0.22, 0.5)
    torch.testing.assert_close(held, torch.full((1, 3, 5, 7), 0.7), atol=0.02, rtol=0)


@pytest.mark.parametrize("deviation", [0.003, 0.1])
def test_noise_has_the_deviation_asked_for(deviation):
    picture = field(18, 32)
    added = conditioning.add_noise(picture, deviation, generator()) - picture
    assert float(added.std()) == pytest.approx(deviation, rel=1e-3)


def test_noise_comes_from_its_generator_and_is_fresh_each_time():
    picture, here = torch.zeros(1, 3, 5, 7), generator()
    first, second = (conditioning.add_noise(picture, 0.1, here) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first, conditioning.add_noise(picture, 0.1, generator()))


def test_noise_casts_no_colour():
    added = conditioning.add_noise(torch.zeros(1, 3, 18, 32), 0.1, generator())
    torch.testing.assert_close(added.mean((2, 3)), torch.zeros(1, 3), atol=1e-6, rtol=0)


def test_the_amplitude_of_noise_falls_as_one_over_f():
    size = (24, 40)
    here, f = generator(), periods(*size)
    power = np.zeros(size)
    for _ in range(60):
        added = conditioning.add_noise(torch.zeros(1, 3, *size), 0.1, here)
        power += (np.abs(np.fft.fft2(added.numpy())) ** 2).mean((0, 1))

    def amplitude(low: float, high: float) -> float:
        return float(np.sqrt(power[(low <= f) & (f < high)].mean()))

    middle = f[(3.5 <= f) & (f < 4.5)], f[(11.5 <= f) & (f < 12.5)]
    expected = np.sqrt((middle[0] ** -2).mean() / (middle[1] ** -2).mean())
    assert amplitude(3.5, 4.5) / amplitude(11.5, 12.5) == pytest.approx(expected, rel=0.05)
