"""Compare hand-written gradients with autograd's, on every layer and on odd tiny networks."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest
import torch
from compared_layers import compared_layers
from seeded_vgg import seeded_vgg
from tiny_network import MEAN, STD, tiny_module
from torch import nn
from torch.nn import functional as F

from liveflight import networks
from liveflight.engines import autotuning
from liveflight.engines.autograd import AutogradBackend
from liveflight.engines.backend import Objective
from liveflight.engines.torch import backend as torch_backend
from liveflight.engines.torch.backend import TorchBackend
from liveflight.networks import Layer, Network
from liveflight.networks.layered import Layered, SameConv2d

CPU = torch.device("cpu")

NETWORKS = ("efficientnet_lite0", "vgg16", "vgg19")


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    """Keep what is measured here apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("cache") / "fastest.json"
        patch.setattr(autotuning, "fastest", autotuning.TimingCache(path).fastest)
        yield


def cosine(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(F.cosine_similarity(one.double().flatten(), other.double().flatten(), dim=0))


def picture(height: int, width: int, seed: int = 3) -> torch.Tensor:
    """Return a picture about as smooth as a flight's."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 7, 9, generator=generator)
    fine = torch.rand(1, 3, height, width, generator=generator)
    smooth = F.interpolate(coarse, (height, width), mode="bicubic") * 0.7 + fine * 0.3
    return smooth.clamp(0, 1)


@pytest.fixture(scope="module")
def pair():
    """Return both backends with a network of the registry."""
    made: dict[str, tuple[AutogradBackend, TorchBackend]] = {}

    def get(name: str) -> tuple[AutogradBackend, TorchBackend]:
        if name not in made:
            made.clear()  # a VGG takes half a gigabyte
            known = networks.network(name)
            module = seeded_vgg(name) if name.startswith("vgg") else known.load()
            made[name] = both(known, module)
        return made[name]

    yield get
    made.clear()


def both(
    known: Network, module: Layered, dtype: torch.dtype = torch.float32
) -> tuple[AutogradBackend, TorchBackend]:
    backends = AutogradBackend(CPU), TorchBackend(CPU)
    for backend in backends:
        backend.load(known, module, dtype)
    return backends


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_agrees_with_autograd(pair, name):
    """Compare a few filters, and the whole layer, at odd sizes that are not square."""
    for layer in compared_layers(name):
        weights = torch.zeros(layer.channels)
        weights[torch.arange(1, layer.channels, layer.channels // 8)] = 1.0
        few, whole = Objective(weights), Objective(torch.zeros(layer.channels), 0.1)
        for objective, (height, width) in ((few, (37, 50)), (whole, (48, 36))):
            case = f"{name}:{layer.name} at {width}x{height}"
            seen, objectives = picture(height, width), {layer.name: objective}
            exact, found = (each.gradient(name, seen, objectives) for each in pair(name))
            assert (found.shape, found.dtype) == (seen.shape, torch.float32), case
            assert exact.norm() > 0, case
            assert cosine(exact, found) > 0.999, case
            assert float(found.norm() / exact.norm()) == pytest.approx(1, rel=1e-3), case


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("efficientnet_lite0", ["stem", "block3", "block7_expand", "block10"]),
        ("vgg16", ["conv1_1", "relu2_1", "pool2", "conv3_3"]),
        ("vgg16", ["relu1_2", "pool1", "conv2_2", "relu3_1"]),
    ],
)
@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("whole", [0.0, 0.05])
def test_mixes_over_layers_agree_with_autograd(pair, name, layers, centre, whole):
    known = networks.network(name)
    generator = torch.Generator().manual_seed(1)
    excitations = {
        layer: Objective(
            torch.rand(known.layer(layer).channels, generator=generator) - 0.3, whole, centre
        )
        for layer in reversed(layers)
    }
    exact, found = (each.gradient(name, picture(67, 90), excitations) for each in pair(name))
    assert cosine(exact, found) > 0.9999
    assert float(found.norm() / exact.norm()) == pytest.approx(1, rel=1e-3)


def tiny_network(module: Layered, channels: Mapping[str, int]) -> Network:
    return Network(
        name="tiny",
        title="a network for tests",
        layers=tuple(Layer(name, count, 1) for name, count in channels.items()),
        aliases={},
        mean=MEAN,
        std=STD,
        find=lambda: None,
        loader=lambda weights, progress: module,
    )


def odd_module() -> tuple[Layered, dict[str, int]]:
    """All that a network may be made of, in orders that those of the registry do not have."""
    torch.manual_seed(5)
    stages: dict[str, nn.Module] = {
        "stem": nn.Sequential(SameConv2d(3, 6, 4, stride=2), nn.ReLU6()),
        "even": SameConv2d(6, 6, 2),
        "pool": nn.MaxPool2d(2),
        "clamp": nn.ReLU(),
        "twice": nn.Sequential(nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()), nn.ReLU6()),
        "grouped": nn.Conv2d(8, 8, 3, padding=1, groups=4),
        "wide": nn.Conv2d(8, 12, 1, padding=1),
        "strided": nn.Conv2d(12, 12, 3, stride=2, bias=False),
        "depth": SameConv2d(12, 12, 3, stride=2, groups=12),
        "end": nn.Sequential(nn.ReLU(), nn.Conv2d(12, 12, 1), nn.ReLU()),
    }
    channels = [6, 6, 6, 6, 8, 8, 12, 12, 12, 12]
    module = Layered(stages, {"grouped": "twice", "end": "depth"})
    return module.requires_grad_(False).eval(), dict(zip(stages, channels, strict=True))


ODD, ODD_CHANNELS = odd_module()


@pytest.mark.parametrize("size", [(41, 58), (40, 57), (44, 60), (43, 55)], ids=str)
@pytest.mark.parametrize("layer", ODD_CHANNELS)
def test_whatever_a_network_is_made_of(layer, size):
    known = tiny_network(ODD, ODD_CHANNELS)
    backends = both(known, ODD)
    seen = picture(*size)
    for number, objective in enumerate(
        (
            Objective(torch.eye(ODD_CHANNELS[layer])[2]),
            Objective(torch.linspace(-1, 1, ODD_CHANNELS[layer])),
            Objective(torch.linspace(-1, 1, ODD_CHANNELS[layer]), 0.3),
            Objective(torch.linspace(-1, 1, ODD_CHANNELS[layer]), 0.0, True),
            Objective(torch.zeros(ODD_CHANNELS[layer])),
        )
    ):
        exact, found = (each.gradient("tiny", seen, {layer: objective}) for each in backends)
        torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-5 * float(exact.abs().max()))
        assert bool(exact.any()) or number in (0, 4)


def test_all_layers_at_once():
    backends = both(tiny_network(ODD, ODD_CHANNELS), ODD)
    excitations = {
        layer: Objective(torch.linspace(0.1, 1, count), 0.2)
        for layer, count in ODD_CHANNELS.items()
    }
    exact, found = (each.gradient("tiny", picture(43, 58), excitations) for each in backends)
    torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-4 * float(exact.abs().max()))


@pytest.mark.parametrize("layer", ["edges", "shapes", "relu2", "deep"])
def test_bfloat16_agrees_with_float32(layer):
    channels = {"edges": 6, "relu1": 6, "shapes": 8, "relu2": 8, "deep": 10}
    module = tiny_module(seed=1)
    known = tiny_network(module, channels)
    excitations = {layer: Objective(torch.eye(channels[layer])[4], 0.01)}
    exact, _ = both(known, module)
    _, rounded = both(known, module, torch.bfloat16)
    gradients = [each.gradient("tiny", picture(64, 96), excitations) for each in (exact, rounded)]
    assert gradients[1].dtype is torch.float32
    assert cosine(*gradients) > 0.99


def test_the_same_again_is_the_same_to_the_bit(pair):
    _, torch_backend = pair("vgg16")
    excitations = {"conv3_1": Objective(torch.eye(256)[7])}
    first, second = (
        torch_backend.gradient("vgg16", picture(53, 70), excitations) for _ in range(2)
    )
    assert torch.equal(first, second)


def test_what_was_planned_is_planned_and_nothing_else(pair):
    _, torch_backend = pair("vgg16")
    sizes = [(48, 64)]
    assert not torch_backend.planned("vgg16", ["conv1_2", "pool1"], sizes)
    torch_backend.plan("vgg16", ["conv1_2", "pool1"], sizes)
    assert torch_backend.planned("vgg16", ["pool1", "conv1_2"], sizes)
    assert not torch_backend.planned("vgg16", ["pool1"], sizes)


def test_a_picture_and_a_module_are_left_alone():
    module = tiny_module(seed=1)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    _, torch_backend = both(tiny_network(module, {}), module)
    seen = picture(40, 56)
    copy = seen.clone()
    torch_backend.gradient("tiny", seen, {"deep": Objective(torch.ones(10), 0.1)})
    assert torch.equal(seen, copy)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


def test_one_network_is_flown_while_another_is_loaded():
    module = tiny_module(seed=1)
    known = tiny_network(module, {})
    _, torch_backend = both(known, module)
    excitations = {"deep": Objective(torch.eye(10)[3])}
    expected = torch_backend.gradient("tiny", picture(40, 56), excitations)
    vgg = networks.network("vgg16")

    def load() -> None:
        torch_backend.load(vgg, seeded_vgg("vgg16"), torch.float32)
        torch_backend.plan("vgg16", ["conv3_1"], [])

    thread = threading.Thread(target=load)
    thread.start()
    while thread.is_alive():
        assert torch.equal(torch_backend.gradient("tiny", picture(40, 56), excitations), expected)
    assert torch_backend.planned("vgg16", ["conv3_1"], [])


def test_an_unknown_part_is_named():
    module = Layered({"conv": nn.Conv2d(3, 4, 1), "odd": nn.AvgPool2d(2)})
    _, torch_backend = both(tiny_network(module, {}), module)
    with pytest.raises(TypeError, match="AvgPool2d"):
        torch_backend.plan("tiny", ["odd"], [])


def test_programs_unused_for_longest_are_forgotten(monkeypatch):
    monkeypatch.setattr(torch_backend, "_MAX_PROGRAMS", 2)
    known = networks.network("efficientnet_lite0")
    backend = TorchBackend(CPU)
    backend.load(known, known.load(), torch.float32)
    for layer in ("stem", "block1", "stem", "block2"):
        backend.plan(known.name, [layer], [(48, 64)])
    kept = [
        backend.planned(known.name, [layer], [(48, 64)]) for layer in ("stem", "block1", "block2")
    ]
    assert kept == [True, False, True]
