"""Make small seeded networks, and register them for tests of the engines."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from liveflight import networks
from liveflight.core.contracts import Target
from liveflight.networks import Layer, Network
from liveflight.networks.layered import Layered

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)

DEAD, LOUD, QUIET = 3, 5, 4
"""Filters of `shapes`: one that never responds, and one that is ten times another."""


def tiny_module(seed: int) -> Layered:
    """Return convolutions of stride 2, 1 and 2 with ReLUs between; not symmetric in any way."""
    generator = torch.Generator().manual_seed(seed)
    convolutions = {
        "edges": nn.Conv2d(3, 6, 3, stride=2, padding=1),
        "shapes": nn.Conv2d(6, 8, 3, padding=1),
        "deep": nn.Conv2d(8, 10, 3, stride=2, padding=1),
    }
    with torch.no_grad():
        for convolution in convolutions.values():
            fan = convolution.weight[0].numel()
            convolution.weight.normal_(0.0, math.sqrt(2 / fan), generator=generator)
            convolution.bias.normal_(0.0, 0.1, generator=generator)
        shapes = convolutions["shapes"]
        shapes.weight[DEAD], shapes.bias[DEAD] = 0.0, 0.7
        shapes.weight[LOUD], shapes.bias[LOUD] = shapes.weight[QUIET] * 10, shapes.bias[QUIET] * 10
    stages = {
        "edges": convolutions["edges"],
        "relu1": nn.ReLU(),
        "shapes": convolutions["shapes"],
        "relu2": nn.ReLU(),
        "deep": convolutions["deep"],
    }
    return Layered(stages).requires_grad_(False).eval()


TINY_LAYERS = tuple(
    Layer(name, channels, stride)
    for name, channels, stride in (
        ("edges", 6, 2),
        ("relu1", 6, 2),
        ("shapes", 8, 2),
        ("relu2", 8, 2),
        ("deep", 10, 4),
    )
)


def register(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    make: Callable[[], nn.Module],
    layers: tuple[Layer, ...] = TINY_LAYERS,
) -> Network:
    """Register a network for as long as the test takes."""
    known = Network(
        name=name,
        title="a network for tests",
        layers=layers,
        aliases={},
        mean=MEAN,
        std=STD,
        find=lambda: None,
        loader=lambda weights, progress: make(),  # type: ignore[arg-type, return-value]
        dense=False,  # float32 on every CPU
    )
    monkeypatch.setitem(networks._NETWORKS, name, known)
    return known


def tiny(layer: str, filter: int | None, network: str = "tiny") -> Target:
    return Target(network, layer, filter)
