from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from liveflight.core.contracts import Ascent
from liveflight.core.noise import pink
from liveflight.engines import conditioning
from liveflight.engines.cuda.step import StepBuffers, dithered

SIZE = (24, 34)
NEUTRAL = Ascent(0.0, 1, jitter=0, octaves=0.0, smoothing=0.0, decorrelation=0.0)
CPU = torch.device("cpu")


@pytest.fixture
def buffers() -> StepBuffers:
    made = StepBuffers(SIZE, CPU, seed=5)
    made.source.copy_(torch.from_numpy(pink((SIZE[1], SIZE[0]), 3)))
    made.begin()
    return made


@pytest.fixture
def gradient() -> Tensor:
    return torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(2))


def made(buffers: StepBuffers) -> Tensor:
    """float32 (1, 3, H, W) of the canvas as it goes."""
    return buffers.result[..., :3].permute(2, 0, 1)[None].float()


def test_a_neutral_tick_leaves_every_bit(buffers: StepBuffers, gradient: Tensor) -> None:
    buffers.source[..., 3] = float("nan")  # alpha does not matter
    buffers.load(NEUTRAL, (0, 0))
    buffers.add(gradient)
    buffers.finish()
    assert torch.equal(buffers.result[..., :3], buffers.source[..., :3])
    assert (buffers.result[..., 3] == 1).all()
    assert buffers.not_finite == 0


@pytest.mark.parametrize("shift", [(0, 0), (3, -7), (-25, 40)])
def test_jitter_is_a_roll_and_undone(
    buffers: StepBuffers, gradient: Tensor, shift: tuple[int, int]
) -> None:
    buffers.load(replace(NEUTRAL, amount=1.0, normalise=False), shift)
    before = buffers.picture.clone()
    assert torch.equal(buffers.seen(), torch.roll(before, shift, (2, 3)))
    buffers.add(torch.roll(gradient, shift, (2, 3)))
    torch.testing.assert_close(buffers.picture, before + gradient, rtol=0, atol=1e-5)


def test_conditions_a_large_canvas_as_every_engine_does() -> None:
    buffers = StepBuffers((200, 230), CPU, seed=5)
    gradient = torch.randn(1, 3, 200, 230, generator=torch.Generator().manual_seed(2))
    buffers.load(replace(NEUTRAL, amount=1.0, smoothing=1.5, decorrelation=1.0), (0, 0))
    buffers.add(gradient)
    expected = conditioning.smooth(conditioning.decorrelate(gradient, 1.0), 1.5, 1.0)
    torch.testing.assert_close(
        buffers.picture, conditioning.normalise(expected), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.8, 2.0])
@pytest.mark.parametrize("decorrelation", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("normalise", [True, False])
def test_conditions_as_every_engine_does(
    buffers: StepBuffers, gradient: Tensor, smoothing: float, decorrelation: float, normalise: bool
) -> None:
    ascent = Ascent(0.6, 2, normalise=normalise, smoothing=smoothing, decorrelation=decorrelation)
    expected = conditioning.decorrelate(gradient, decorrelation)
    expected = conditioning.smooth(expected, smoothing, decorrelation)
    if normalise:
        expected = conditioning.normalise(expected)
    before = buffers.picture.clone()
    buffers.load(ascent, (0, 0))
    buffers.add(gradient)
    torch.testing.assert_close(buffers.picture - before, 0.3 * expected, rtol=1e-4, atol=1e-5)


def test_softens_and_holds_as_every_engine_does(buffers: StepBuffers) -> None:
    ascent = replace(NEUTRAL, soften=0.15, brightness=0.4, contrast=0.1, pull=0.7)
    expected = conditioning.hold(conditioning.soften(buffers.picture, 0.15), 0.4, 0.1, 0.7)
    buffers.load(ascent, (0, 0))
    buffers.finish()
    torch.testing.assert_close(made(buffers), expected, rtol=0, atol=5e-4)


def test_adds_as_much_noise_as_asked(buffers: StepBuffers) -> None:
    buffers.load(replace(NEUTRAL, noise=0.02), (0, 0))
    buffers.finish()
    grain = made(buffers) - buffers.picture
    assert float(grain.std()) == pytest.approx(0.02, rel=0.05)
    first = buffers.result.clone()
    buffers.load(replace(NEUTRAL, noise=0.02), (0, 0))
    buffers.finish()
    assert not torch.equal(buffers.result, first), "the same noise twice"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_bad_step_keeps_the_canvas_and_says_so(
    buffers: StepBuffers, gradient: Tensor, bad: float
) -> None:
    gradient[0, 1, 7, 9] = bad
    buffers.load(replace(NEUTRAL, amount=0.1), (0, 0))
    buffers.add(gradient)
    buffers.finish()
    assert buffers.not_finite == 1
    assert torch.equal(buffers.result[..., :3], buffers.source[..., :3])
    buffers.begin()
    buffers.finish()
    assert buffers.not_finite == 0


def test_stays_within_the_range(buffers: StepBuffers, gradient: Tensor) -> None:
    buffers.load(replace(NEUTRAL, amount=5.0), (0, 0))
    buffers.add(gradient)
    buffers.finish()
    assert buffers.result.min() == 0 and buffers.result.max() == 1


def test_dithering_keeps_what_half_holds() -> None:
    bits = torch.arange(0x3C01, dtype=torch.int16)  # every half from 0 to 1
    exact = bits.view(torch.float16)
    for chance in (0.0, 0.5, 1 - 2**-24):
        assert torch.equal(dithered(exact.float(), torch.full((len(bits),), chance)), exact)


@pytest.mark.parametrize("value", [0.50013, 0.2500301, 0.0003, 1e-6, 0.99999])
def test_the_mean_of_many_dithered_values_is_right(value: float) -> None:
    chance = torch.linspace(0, 1, 4097)[:-1]
    found = dithered(torch.full_like(chance, value), chance).double()
    spacing = 2.0 ** (max(torch.tensor(value).log2().floor().item(), -14) - 10)
    assert float(found.mean()) == pytest.approx(value, abs=spacing / 1000)
    assert len(found.unique()) == 2
    assert float(found.max() - found.min()) == pytest.approx(spacing)
