"""The fixed row of operations against autograd, on small networks of random weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tiny_network import MEAN, STD, tiny_module
from torch import Tensor, nn

from liveflight.engines.autograd import AutogradBackend
from liveflight.engines.backend import Excitations, Objective
from liveflight.engines.cuda.program import (
    SLOTS,
    MaskedPool,
    ObjectiveBuffers,
    StaticProgram,
    Upload,
    fits_slots,
)
from liveflight.engines.relu import IDENTITY
from liveflight.engines.torch.backend import TorchBackend
from liveflight.engines.torch.program import MaxPool
from liveflight.networks import Layer, Network
from liveflight.networks.layered import Layered, SameConv2d

CPU = torch.device("cpu")


def pooling_module() -> Layered:
    """As VGG: 3x3 convolutions, ReLUs, pools."""
    stages: dict[str, nn.Module] = {}
    for number, (inputs, outputs) in enumerate([(3, 12), (12, 16), (16, 20)], 1):
        stages[f"conv{number}"] = nn.Conv2d(inputs, outputs, 3, padding=1)
        stages[f"relu{number}"] = nn.ReLU()
        stages[f"pool{number}"] = nn.MaxPool2d(2)
    return seeded(Layered(stages))


def residual_module() -> Layered:
    """As EfficientNet: depthwise and pointwise convolutions, ReLU6, a residual connection."""

    def block(stride: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(10, 24, 1),
            nn.ReLU6(),
            SameConv2d(24, 24, 3, stride, groups=24),
            nn.ReLU6(),
            nn.Conv2d(24, 10, 1),
        )

    stem = nn.Sequential(SameConv2d(3, 10, 3, stride=2), nn.ReLU6())
    stages = {"stem": stem, "one": block(1), "two": block(2), "wide": nn.Conv2d(10, 30, 1)}
    return seeded(Layered(stages, {"one": "stem"}))


def seeded(module: Layered) -> Layered:
    generator = torch.Generator().manual_seed(4)
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            fan = part.weight[0].numel()
            with torch.no_grad():
                part.weight.normal_(0.0, math.sqrt(2 / fan), generator=generator)
                part.bias.normal_(0.0, 0.2, generator=generator)
    return module.requires_grad_(False).eval()


def known(module: Layered) -> Network:
    layers = tuple(Layer(name, 1, 1) for name in module.stages)
    return Network("small", "", layers, {}, MEAN, STD, lambda: None, lambda *_: module)


MODULES = {
    "pooling": pooling_module(),
    "residual": residual_module(),
    "strided": tiny_module(3),
}
SINGLE = [(name, (layer,)) for name, module in MODULES.items() for layer in module.stages]
TOGETHER = [
    ("pooling", ("relu1", "conv2", "pool3")),
    ("pooling", ("pool1", "relu2")),
    ("residual", ("stem", "one", "wide")),
    ("residual", ("stem", "one")),
    ("strided", ("edges", "relu1", "deep")),
]
MIXES = {
    "few": ({1: 0.6, 4: 0.4}, 0.0),
    "many": ({number: 0.1 for number in range(SLOTS + 1)}, 0.0),
    "whole": ({}, 0.3),
    "both": ({2: 0.5}, 0.3),
}


def channels_of(module: Layered, layer: str) -> int:
    return module(torch.zeros(1, 3, 64, 64), [layer])[layer].shape[1]


def objective(module: Layered, layer: str, mix: str, centre: bool = False) -> Objective:
    weights = torch.zeros(channels_of(module, layer))
    for number, weight in MIXES[mix][0].items():
        weights[number % len(weights)] = weight
    return Objective(weights, MIXES[mix][1], centre)


class Static:
    """Hold a program and its buffers, which stay the same for every objective."""

    def __init__(
        self, module: Layered, layers: tuple[str, ...], dtype: torch.dtype = torch.float32
    ) -> None:
        derived = TorchBackend(CPU)
        derived.load(known(module), module, dtype)
        self._prepared = derived.prepared("small")
        self.program = StaticProgram(self._prepared.program(layers))
        self._objectives = {
            name: ObjectiveBuffers(channels_of(module, name), CPU, 2) for name in layers
        }

    @torch.no_grad()
    def gradient(self, picture: Tensor, excitations: Excitations) -> Tensor:
        for layer, each in excitations.items():
            self._objectives[layer].load(each)
        narrow = fits_slots(excitations[self.program.deepest])
        inputs = self._prepared.preprocess(picture)
        return self._prepared.postprocess(self.program.run(inputs, self._objectives, narrow))


def reference(module: Layered, picture: Tensor, excitations: Excitations) -> Tensor:
    autograd = AutogradBackend(CPU)
    autograd.load(known(module), module, torch.float32)
    return autograd.gradient("small", picture, excitations)


@pytest.fixture
def picture() -> Tensor:
    return torch.rand(1, 3, 37, 50, generator=torch.Generator().manual_seed(9))


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize(("name", "layers"), [*SINGLE, *TOGETHER])
def test_agrees_with_autograd(
    name: str, layers: tuple[str, ...], mix: str, picture: Tensor
) -> None:
    module = MODULES[name]
    excitations = {layer: objective(module, layer, mix) for layer in layers}
    expected = reference(module, picture, excitations)
    assert expected.abs().max() > 0
    found = Static(module, layers).gradient(picture, excitations)
    tolerance = 1e-5 * float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=tolerance)


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize(("name", "layers"), [*SINGLE, *TOGETHER])
def test_takes_several_pictures_at_once(name: str, layers: tuple[str, ...], mix: str) -> None:
    pictures = torch.rand(3, 3, 37, 50, generator=torch.Generator().manual_seed(9))
    module = MODULES[name]
    for centre in (False, True):
        excitations = {layer: objective(module, layer, mix, centre) for layer in layers}
        static = Static(module, layers)
        together = static.gradient(pictures, excitations)
        alone = [static.gradient(picture[None], excitations) for picture in pictures]
        tolerance = 1e-5 * float(together.abs().max())
        torch.testing.assert_close(together, torch.cat(alone), rtol=1e-3, atol=tolerance)


def test_one_program_serves_every_mix_of_its_layers(picture: Tensor) -> None:
    module, layers = MODULES["pooling"], ("relu1", "relu3")
    static = Static(module, layers)
    for mix in MIXES:
        for centre in (False, True):
            excitations = {layer: objective(module, layer, mix, centre) for layer in layers}
            expected = reference(module, picture, excitations)
            found = static.gradient(picture, excitations)
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("mix", ["few", "whole"])
@pytest.mark.parametrize("name", ["pooling", "residual"])
def test_half_agrees_with_float32(name: str, mix: str, picture: Tensor) -> None:
    module = MODULES[name]
    *_, deepest = module.stages
    excitations = {deepest: objective(module, deepest, mix)}
    expected = reference(module, picture, excitations).flatten().double()
    found = Static(module, (deepest,), torch.float16).gradient(picture, excitations)
    assert found.dtype == torch.float32
    cosine = torch.nn.functional.cosine_similarity(found.flatten().double(), expected, dim=0)
    assert cosine > 0.99


def test_several_pictures_in_half_are_those_taken_singly() -> None:
    pictures = torch.rand(3, 3, 37, 50, generator=torch.Generator().manual_seed(9))
    excitations = {"pool3": objective(MODULES["pooling"], "pool3", "few")}
    static = Static(MODULES["pooling"], ("pool3",), torch.float16)
    together = static.gradient(pictures, excitations)
    for picture, found in zip(pictures, together, strict=True):
        alone = static.gradient(picture[None], excitations)[0]
        cosine = torch.nn.functional.cosine_similarity(found.flatten(), alone.flatten(), dim=0)
        assert cosine > 0.9999


def test_leaves_the_picture_alone(picture: Tensor) -> None:
    before = picture.clone()
    excitations = {"pool3": objective(MODULES["pooling"], "pool3", "few")}
    Static(MODULES["pooling"], ("pool3",)).gradient(picture, excitations)
    assert torch.equal(picture, before)


def test_pools_save_no_indices(picture: Tensor) -> None:
    for layers in (("pool3",), ("relu1", "pool1", "conv3"), ("conv1", "relu2")):
        steps = Static(MODULES["pooling"], layers).program.steps
        assert not [step for step in steps if isinstance(step, MaxPool)]


@pytest.mark.parametrize("size", [(4, 6), (5, 6), (4, 7), (5, 7)])
def test_the_masked_pool_is_the_plain_one_without_ties(size: tuple[int, int]) -> None:
    x = torch.randperm(2 * size[0] * size[1]).float().view(1, 2, *size)
    gradient = torch.rand(1, 2, size[0] // 2, size[1] // 2)
    masked, plain_pool = MaskedPool(IDENTITY), MaxPool(IDENTITY)
    (y, saved), (plain, indices) = masked.forward(x), plain_pool.forward(x)
    assert torch.equal(y, plain)
    assert torch.equal(masked.backward(gradient, saved), plain_pool.backward(gradient, indices))


def test_uploads_into_the_same_memory() -> None:
    upload = Upload(3, CPU, rows=2)
    values = upload.values
    for number in range(5):
        upload.load(np.array([number, 2.5, -1.0]))
        assert values.tolist() == [number, 2.5, -1.0]
    assert upload.values is values


def test_a_row_is_written_again_only_after_its_upload() -> None:
    log: list[tuple[str, int]] = []

    class Event:
        made = 0

        def __init__(self, blocking: bool) -> None:
            self.number = Event.made
            Event.made += 1

        def record(self) -> None:
            log.append(("recorded", self.number))

        def synchronize(self) -> None:
            log.append(("waited for", self.number))

    upload = Upload(1, CPU, rows=4)
    upload._done = [Event(blocking=True) for _ in range(2)]  # type: ignore[misc]
    for number in range(6):
        upload.load(np.array([number]))
        log.append(("uploaded", number))
    assert log == [
        ("waited for", 0),
        ("uploaded", 0),
        ("recorded", 0),
        ("uploaded", 1),
        ("waited for", 1),
        ("uploaded", 2),
        ("recorded", 1),
        ("uploaded", 3),
        ("waited for", 0),
        ("uploaded", 4),
        ("recorded", 0),
        ("uploaded", 5),
    ]
