"""Test Winograd's minimal filtering against torch's convolution."""

import pytest
import torch
from torch.nn import functional as F

from liveflight.engines.relu import Relu
from liveflight.engines.winograd import Winograd, matrices


def field(*shape: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(1, *shape, generator=generator)
    return values.contiguous(memory_format=torch.channels_last)


def filters(count: int, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    weight = torch.randn(count, channels, 3, 3, generator=generator) / (3 * channels**0.5)
    return weight, torch.randn(count, generator=generator)


def close(found: torch.Tensor, exact: torch.Tensor) -> None:
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert found.shape == exact.shape
    assert float((found - exact).abs().max()) < 3e-4 * float(exact.abs().max())


@pytest.mark.parametrize("tile", [4, 6])
def test_the_matrices_filter_a_line(tile):
    output, transform, inward = matrices(tile)
    line, taps = torch.randn(2, 16, dtype=torch.float64).split([tile + 2, 14 - tile], dim=1)
    line, taps = line[0], taps[0, :3]
    found = output @ ((transform @ taps) * (inward @ line))
    expected = torch.stack([(line[i : i + 3] * taps).sum() for i in range(tile)])
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("channels", [(33, 40), (160, 32)], ids=["tiles of 6", "tiles of 4"])
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 9), (6, 4), (7, 25), (24, 12), (35, 50), (61, 13)], ids=str
)
def test_any_size_and_every_border(channels, size):
    """Test blocks and tiles that are not full, and less than a tile."""
    count, given = channels
    weight, bias = filters(count, given)
    x = field(given, *size)
    exact = F.conv2d(x.double(), weight.double(), bias.double(), padding=1).float()
    close(Winograd(weight, bias)(x), exact)


def test_many_blocks():
    weight, bias = filters(48, 48)
    x = field(48, 131, 233)
    exact = F.conv2d(x, weight, bias, padding=1)
    close(Winograd(weight, bias)(x), exact)


@pytest.mark.parametrize("rectifier", [Relu(), Relu(0.7)], ids=["ReLU", "ceiling"])
def test_rectified_in_the_same_pass(rectifier):
    weight, bias = filters(32, 32)
    x = field(32, 19, 30)
    exact = F.conv2d(x, weight, bias, padding=1).clamp(0, rectifier.ceiling)
    found = Winograd(weight, bias)(x, rectifier)
    close(found, exact)
    assert found.min() == 0


@pytest.mark.parametrize("rectifier", [Relu(), Relu(0.7)], ids=["ReLU", "ceiling"])
def test_masked_in_the_same_pass(rectifier):
    weight, _ = filters(32, 32)
    gradient, before = field(32, 19, 30), field(32, 19, 30, seed=4)
    activation = before.clamp(0, rectifier.ceiling)
    passes = (before > 0) & (before < (rectifier.ceiling or torch.inf))
    exact = F.conv2d(gradient * passes, weight, None, padding=1)
    close(Winograd(weight, None)(gradient, masked=(rectifier, activation)), exact)
