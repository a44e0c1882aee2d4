"""Test the sizes at which networks see a picture, and the scaling to them."""

from __future__ import annotations

import pytest
import torch

from liveflight.engines.resampling import scaled, scales, shrunk, shrunk_backward


@pytest.mark.parametrize(
    ("size", "farthest"),
    [
        ((90, 160), 0.75),
        ((180, 320), 0.75),
        ((320, 180), 0.75),
        ((360, 640), 0.75 * 1.5),
        ((720, 1280), 0.75 * 2.0),
    ],
)
def test_large_pictures_are_seen_from_further_away_in_as_many_scales(
    size: tuple[int, int], farthest: float
) -> None:
    found = scales(0.75, size)
    assert len(found) == 7
    assert found == pytest.approx([2 ** (-farthest * step / 6) for step in range(7)])


@pytest.mark.parametrize("size", [(20, 30), (720, 1280)])
def test_no_octaves_are_the_picture_itself(size: tuple[int, int]) -> None:
    assert scales(0.0, size) == [1.0]


def test_nothing_is_scaled_to_less_than_deep_layers_need() -> None:
    assert scaled((180, 320), 0.5) == (90, 160)
    assert scaled((60, 100), 0.5) == (48, 80)
    assert scaled((40, 30), 0.5) == (40, 30)


@pytest.mark.parametrize(
    ("size", "smaller"),
    [
        ((180, 320), (135, 240)),
        ((180, 320), (178, 317)),
        ((33, 50), (7, 11)),
        ((48, 64), (48, 52)),
        ((31, 17), (1, 2)),
        ((9, 5), (1, 1)),
        ((12, 7), (12, 7)),
    ],
)
def test_the_backward_pass_is_that_of_the_forward_pass(
    size: tuple[int, int], smaller: tuple[int, int]
) -> None:
    """Compare in double, where torch's own coordinates are exact enough."""
    picture = torch.zeros(1, 3, *size, dtype=torch.float64, requires_grad=True)
    given = torch.randn(1, 3, *smaller, generator=torch.Generator().manual_seed(1)).double()
    (expected,) = torch.autograd.grad(shrunk(picture, smaller), picture, given)
    before = given.clone()
    torch.testing.assert_close(shrunk_backward(given, size), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(given, before)
