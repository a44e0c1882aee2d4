"""Test every way to convolve against torch's own convolution and its autograd."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from liveflight.engines.convolution import Convolution, Geometry, Pointwise
from liveflight.engines.relu import IDENTITY, Relu
from liveflight.engines.torch import convolution_choice
from liveflight.engines.torch.convolutions_cpu import OneDnnConv, WinogradConv
from liveflight.engines.torch.convolutions_cuda import CudnnConvRelu, Depthwise

on_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]
ONE = Geometry((1, 1), (0, 0), 1)
SAME = Geometry((1, 1), (1, 1), 1)
HALVING = Geometry((2, 2), (1, 1), 1)


def each(channels: int, stride: int, padding: int) -> Geometry:
    """Return the geometry of a depthwise convolution."""
    return Geometry((stride, stride), (padding, padding), channels)


CASES = {
    "3x3": ((32, 24, 3, 3), SAME),
    "halving": ((16, 8, 3, 3), HALVING),
    "1x1": ((24, 16, 1, 1), ONE),
    "two groups": ((8, 4, 3, 3), Geometry((1, 1), (1, 1), 2)),
    "each 3x3": ((16, 1, 3, 3), each(16, 1, 1)),
    "each 5x5": ((24, 1, 5, 5), each(24, 1, 2)),
    "each halving": ((8, 1, 4, 4), each(8, 2, 1)),
}
WAYS = [
    *((Convolution, case) for case in CASES),
    *((OneDnnConv, case) for case in CASES if case.startswith("each")),
    *((Depthwise, case) for case in CASES if case.startswith("each")),
    (Pointwise, "1x1"),
    (WinogradConv, "3x3"),
]
ON_GPU = [
    *((Depthwise, case) for case in CASES if case.startswith("each")),
    *((CudnnConvRelu, case) for case in ("3x3", "halving")),
    (Pointwise, "1x1"),
]


@pytest.mark.parametrize("rectifier", [IDENTITY, Relu(), Relu(1.5)], ids=str)
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize(
    ("way", "case", "device"),
    [
        *((way, case, "cpu") for way, case in WAYS),
        *(pytest.param(way, case, "cuda", marks=on_gpu) for way, case in ON_GPU),
    ],
)
@torch.no_grad()
def test_forward_and_backward(
    way: type[Convolution], case: str, device: str, biased: bool, rectifier: Relu
) -> None:
    shape, geometry = CASES[case]
    dtype = torch.float16 if device == "cuda" else torch.float32
    random = torch.Generator().manual_seed(2)
    fan = shape[1] * shape[2] * shape[3]
    weight = (torch.randn(shape, generator=random) / fan**0.5).to(device, dtype)
    bias = torch.randn(shape[0], generator=random).to(device, dtype) if biased else None
    x = torch.randn(1, shape[1] * geometry.groups, 13, 18, generator=random).to(device, dtype)
    x = x.to(memory_format=torch.channels_last)
    made = way(weight, bias, geometry)
    y = made.forward(x, rectifier)

    wide = x.double().requires_grad_()
    with torch.enable_grad():
        expected = F.conv2d(
            wide,
            weight.double(),
            None if bias is None else bias.double(),
            geometry.stride,
            geometry.padding,
            1,
            geometry.groups,
        )
        if not rectifier.identity:
            expected = expected.clamp(0.0, rectifier.ceiling)
        gradient = torch.randn(expected.shape, generator=random).to(device, dtype)
        (exact,) = torch.autograd.grad(expected, wide, gradient.double())
    near = {"rtol": 0.0, "atol": 2e-2 if device == "cuda" else 1e-4}
    assert made.output((13, 18)) == tuple(y.shape[2:])
    torch.testing.assert_close(y.double(), expected.detach(), **near)
    found = made.backward(gradient, (13, 18), rectifier, None if rectifier.identity else y)
    torch.testing.assert_close(found.double(), exact, **near)


@pytest.mark.parametrize(
    ("case", "way"),
    [
        ("3x3", CudnnConvRelu),
        ("halving", CudnnConvRelu),
        ("1x1", Pointwise),
        ("each 3x3", Depthwise),
        ("each halving", Depthwise),
        ("two groups", Convolution),
    ],
)
def test_what_a_gpu_convolves_with(case: str, way: type[Convolution]) -> None:
    shape, geometry = CASES[case]
    assert convolution_choice._on_cuda(torch.empty(shape), geometry) is way
