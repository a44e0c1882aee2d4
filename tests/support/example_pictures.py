"""Make small pictures, objectives and networks for tests of engines."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from tiny_network import MEAN, STD
from torch import nn
from torch.nn import functional as F

from liveflight.engines.backend import Objective
from liveflight.networks import Layer, Network
from liveflight.networks.layered import Layered, SameConv2d


def picture(height: int, width: int, seed: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, height, width, generator=generator)


def cosine(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(F.cosine_similarity(one.double().flatten(), other.double().flatten(), dim=0))


def excited(
    known: Network, *layers: str, whole: float = 0.0, centre: bool = False, seed: int = 1
) -> dict[str, Objective]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: Objective(torch.randn(known.layer(name).channels, generator=generator), whole, centre)
        for name in layers
    }


def tiny(stages: Mapping[str, nn.Module], skips: Mapping[str, str], *channels: int) -> tuple:
    """Return a network of these stages, and its module, with seeded weights; all are layers."""
    module = Layered(stages, skips).requires_grad_(False).eval()
    generator = torch.Generator().manual_seed(5)
    for value in module.parameters():
        value.normal_(0, 0.4, generator=generator)
    layers = tuple(Layer(name, count, 1) for name, count in zip(stages, channels, strict=True))
    return named("tiny", layers), module


def named(name: str, layers: tuple[Layer, ...]) -> Network:
    return Network(name, "", layers, {}, MEAN, STD, lambda: None, lambda path, progress: None)


STRANGE = {
    "strided": ({"a": nn.Conv2d(3, 5, 3, 2, 1), "b": nn.Conv2d(5, 7, 5, 2, 2)}, {}, (5, 7)),
    "same, strided": ({"a": SameConv2d(3, 9, 5, 2), "b": nn.ReLU()}, {}, (9, 9)),
    "pool of an odd size": (
        {"a": nn.Conv2d(3, 6, 3, padding=1), "b": nn.MaxPool2d(2), "c": nn.Conv2d(6, 4, 1)},
        {},
        (6, 6, 4),
    ),
    "skips": (
        {
            "a": nn.Conv2d(3, 6, 1),
            "b": nn.Sequential(nn.ReLU(), nn.Conv2d(6, 6, 1)),
            "c": nn.ReLU6(),
        },
        {"b": "a"},
        (6, 6, 6),
    ),
    "without a bias": ({"a": nn.Conv2d(3, 8, 3, bias=False), "b": nn.ReLU()}, {}, (8, 8)),
}
