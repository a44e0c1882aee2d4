from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from liveflight.core.contracts import MAX_DIRECTION, Ascent, ViewStep
from liveflight.core.noise import pink
from liveflight.engines import conditioning
from liveflight.engines.cuda.step import MAX_BATCH, StepBuffers

SIZES = [(24, 34), (25, 33)]
"""Height and width: even and odd."""
NEUTRAL = Ascent(smoothing=0.0, decorrelation=0.0)
NO_BAND = ViewStep({})
CPU = torch.device("cpu")


def noise(size: tuple[int, int], count: int = 1) -> Tensor:
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(2))


def made(buffers: StepBuffers, count: int = 1) -> Tensor:
    """Return the directions as float32 (N, 3, H, W)."""
    return buffers.directions[:count, ..., :3].permute(0, 3, 1, 2).float()


def condition(buffers: StepBuffers, gradient: Tensor) -> None:
    buffers.condition(gradient, torch.zeros(len(gradient)))


def test_pictures_are_the_views_pixels() -> None:
    buffers = StepBuffers(SIZES[1], CPU)
    for number in range(MAX_BATCH):
        buffers.views[number].copy_(torch.from_numpy(pink((33, 25), number)))
    buffers.views[..., 3] = float("nan")  # alpha does not matter
    pictures = buffers.pictures(2)
    assert (pictures.shape, pictures.dtype) == ((2, 3, 25, 33), torch.float32)
    for number in range(2):
        expected = torch.from_numpy(pink((33, 25), number)[..., :3].astype("float32"))
        assert torch.equal(pictures[number].permute(1, 2, 0), expected)


@pytest.mark.parametrize("size", [*SIZES, (200, 230)])
@pytest.mark.parametrize(
    "step",
    [NO_BAND, ViewStep({}, 1.5), ViewStep({}, 0.0, 0.2, 0.75), ViewStep({}, 4.0, 0.3, 0.0)],
    ids=["whole", "high pass", "low pass", "band"],
)
@pytest.mark.parametrize(
    "ascent",
    [
        NEUTRAL,
        replace(NEUTRAL, smoothing=0.8, normalise=False),
        replace(NEUTRAL, decorrelation=0.5),
        Ascent(smoothing=2.0),
    ],
    ids=["neutral", "not normalised", "colour", "all"],
)
def test_conditions_as_every_engine_does(
    size: tuple[int, int], ascent: Ascent, step: ViewStep
) -> None:
    buffers, gradient = StepBuffers(size, CPU), noise(size)
    expected = conditioning.limit(conditioning.condition(gradient, step, ascent))
    buffers.load(ascent, [step])
    condition(buffers, gradient)
    torch.testing.assert_close(made(buffers), expected, rtol=2**-10, atol=2e-5)


@pytest.mark.parametrize("size", SIZES)
def test_the_rms_is_measured_before_the_high_pass(size: tuple[int, int]) -> None:
    """Remove an even part with five times the noise's RMS: the noise is not lifted."""
    buffers, gradient = StepBuffers(size, CPU), noise(size) + 5.0
    buffers.load(NEUTRAL, [ViewStep({}, 1.5)])
    condition(buffers, gradient)
    assert float(made(buffers).square().mean().sqrt()) == pytest.approx(1 / 26**0.5, rel=0.1)
    assert float(made(buffers).mean()) == pytest.approx(0, abs=1e-4)


def test_each_view_has_its_own_size_band_and_smoothing() -> None:
    size = SIZES[0]
    gradient = noise(size, 3) * torch.tensor([1e-3, 1.0, 1e3]).view(3, 1, 1, 1)
    together, alone = StepBuffers(size, CPU), StepBuffers(size, CPU)
    steps = [NO_BAND, ViewStep({}, 3.0, 0.0, 0.75), ViewStep({}, 1.5, 0.1, 0.0)]
    together.load(Ascent(), steps)
    condition(together, gradient)
    for number, step in enumerate(steps):
        alone.load(Ascent(), [step])
        condition(alone, gradient[number : number + 1])
        torch.testing.assert_close(made(together, 3)[number], made(alone)[0], rtol=0, atol=2e-3)
    assert float((made(together, 3)[0] - made(together, 3)[1]).abs().mean()) > 0.1


def test_what_is_loaded_last_counts() -> None:
    buffers, gradient = StepBuffers(SIZES[0], CPU), noise(SIZES[0])
    for ascent, step in [
        (Ascent(), ViewStep({}, 1.5, 0.3, 0.75)),
        (NEUTRAL, ViewStep({}, 2.0)),
        (Ascent(smoothing=1.0), NO_BAND),
    ]:
        buffers.load(ascent, [step])
    condition(buffers, gradient)
    other = StepBuffers(SIZES[0], CPU)
    other.load(Ascent(smoothing=1.0), [NO_BAND])
    condition(other, gradient)
    assert torch.equal(buffers.directions, other.directions)


@pytest.mark.parametrize("normalise", [True, False])
def test_no_value_exceeds_the_largest(normalise: bool) -> None:
    gradient = noise(SIZES[0]) * 0.01
    gradient[0, 1, 7, 9] = 1e4
    buffers = StepBuffers(SIZES[0], CPU)
    buffers.load(replace(NEUTRAL, normalise=normalise), [NO_BAND])
    condition(buffers, gradient)
    assert float(made(buffers).abs().max()) == pytest.approx(MAX_DIRECTION, rel=1e-3)
    assert float(made(buffers).abs().max()) <= MAX_DIRECTION


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("normalise", [True, False])
def test_a_bad_direction_is_zeros_and_reported_and_the_others_stay(
    bad: float, normalise: bool
) -> None:
    gradient = noise(SIZES[0], 2)
    gradient[1, 1, 7, 9] = bad
    buffers = StepBuffers(SIZES[0], CPU)
    buffers.load(replace(NEUTRAL, normalise=normalise), [NO_BAND] * 2)
    condition(buffers, gradient)
    assert buffers.not_finite == 1
    assert (made(buffers, 2)[1] == 0).all()
    good = conditioning.normalise(gradient[:1]) if normalise else gradient[:1]
    expected = conditioning.limit(good)
    torch.testing.assert_close(made(buffers), expected, rtol=2**-10, atol=2e-5)
    condition(buffers, noise(SIZES[0], 2))
    assert buffers.not_finite == 1, "forgotten by the next step of the call"
    assert (made(buffers, 2)[1] != 0).any()
    assert (buffers.directions[..., 3] == 1).all()


def test_a_view_that_is_not_finite_spoils_its_own_direction() -> None:
    buffers, gradient = StepBuffers(SIZES[0], CPU), noise(SIZES[0], 2)
    buffers.load(NEUTRAL, [NO_BAND] * 2)
    buffers.condition(gradient, torch.tensor([float("nan"), 1000.0]))
    assert buffers.not_finite == 1
    assert [bool(each.any()) for each in made(buffers, 2)] == [False, True]
