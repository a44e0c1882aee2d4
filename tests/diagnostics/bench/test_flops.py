from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from liveflight.diagnostics.bench.flops import (
    CountedConvolution,
    convolutions_to,
    step_flops,
)
from liveflight.diagnostics.bench.random_weights import write
from liveflight.networks import network
from liveflight.networks.layered import Layered


def test_operations_of_one_convolution() -> None:
    dense = CountedConvolution(64, 128, (3, 3), 1, (10, 7))
    assert dense.multiplications == 9 * 64 * 128 * 70
    depthwise = CountedConvolution(64, 64, (5, 5), 64, (10, 7))
    assert depthwise.multiplications == 25 * 64 * 70
    assert step_flops([dense, depthwise]) == 4 * (9 * 64 * 128 + 25 * 64) * 70


def test_only_what_runs_for_a_layer_is_counted() -> None:
    stages = {"a": nn.Conv2d(3, 4, 3, stride=2, padding=1), "b": nn.Conv2d(4, 5, 1)}
    found = convolutions_to(Layered(stages), "a", (20, 12))
    assert found == [CountedConvolution(3, 4, (3, 3), 1, (10, 6))]
    assert len(convolutions_to(Layered(stages), "b", (20, 12))) == 2


# Multiplications per pixel of forward pass and input gradient together: nine times the channels in
# and out of each layer, by the square of its stride, twice.
@pytest.mark.parametrize(
    ("layer", "per_pixel"), [("conv1_2", 77_184), ("conv4_1", 408_960), ("conv5_3", 611_712)]
)
def test_vgg16_by_hand(layer: str, per_pixel: int, tmp_path: Path) -> None:
    path = tmp_path / "vgg16.pth"
    write({"network": "vgg16", "path": str(path)})
    module = network("vgg16").load(path)
    flops = step_flops(convolutions_to(module, layer, (224, 64)))
    assert flops == 2 * per_pixel * 224 * 64


def test_the_embedded_networks_strides_are_followed() -> None:
    module = network("efficientnet_lite0").load()
    found = convolutions_to(module, "block5", (321, 179))
    assert found[0] == CountedConvolution(3, 32, (3, 3), 1, (161, 90))
    assert all(each.weight.is_meta for each in module.modules() if isinstance(each, nn.Conv2d))
