"""torchvision's networks as graphs against torchvision's own, on random weights."""

import copy
import functools
import itertools
import math
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from refused_weights import refusal, refuses_half_a_download
from safetensors.torch import save_file
from seeded_torchvision import Watched, cached, seeded
from torch import Tensor, nn

from liveflight import networks
from liveflight.networks import torchvision_models, tracing
from liveflight.networks.traced_network import TracedNetwork

FAMILIES = (
    "shufflenet_v2_x0_5", "mobilenet_v3_small", "mnasnet0_5", "efficientnet_b0", "regnet_y_400mf",
    "densenet121", "convnext_tiny", "inception_v3",
)  # fmt: skip
"""One of each kind among the others, the smallest."""


@dataclass(frozen=True)
class Known:
    name: str
    module: nn.Module
    """torchvision's own."""
    home: Path
    file: Path
    ours: nn.Module
    """Loaded from the file, once for all who leave it as it is: that takes a second."""


@pytest.fixture(scope="module", params=torchvision_models.LISTED)
def known(request, tmp_path_factory) -> Known:
    home = tmp_path_factory.mktemp(request.param)
    module = seeded(request.param)
    file = cached(request.param, module, home)
    return Known(request.param, module, home, file, networks.network(request.param).load(file))


@functools.cache
def traced(name: str) -> tracing.Traced:
    return tracing.trace(name)


def small_picture(height: int = 75, width: int = 110) -> Tensor:
    generator = torch.Generator().manual_seed(6)
    return torch.randn(1, 3, height, width, generator=generator)


def assert_equals_torchvision(ours: nn.Module, name: str, theirs: nn.Module) -> None:
    x = small_picture()
    layers = networks.network(name).layers
    watched = Watched(theirs)
    with torch.no_grad():
        found = ours(x, [layer.name for layer in layers])  # at once: none may clobber another
        watched.run(x)
    graph = traced(name)
    for place in tracing.traced_layers(graph):
        # What a convolution does together with its batch norm, torchvision has after that.
        node = graph.names[place.node]
        expected = watched.found[graph.folded.get(node, node)]
        answer = found[place.layer.name]
        assert answer.shape == expected.shape and answer.shape[1] == place.layer.channels
        scale = expected.abs().max().item()
        torch.testing.assert_close(answer, expected, rtol=0, atol=1e-4 * scale, msg=node)


def test_every_layer_equals_torchvisions_from_the_hub_cache(known, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(known.home))
    assert networks.network(known.name).find_weights() == known.file
    assert_equals_torchvision(networks.network(known.name).load(), known.name, known.module)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_every_layer_equals_torchvisions_from_a_given_file(known, tmp_path, suffix):
    file = tmp_path / f"mine{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save(known.module.state_dict(), file)
    assert_equals_torchvision(networks.network(known.name).load(file), known.name, known.module)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_other_families_too(name, tmp_path):
    module = seeded(name)
    loaded = networks.network(name).load(cached(name, module, tmp_path))
    assert_equals_torchvision(loaded, name, module)


def test_the_gradient_equals_torchvisions(known):
    ours, theirs = (small_picture().requires_grad_() for _ in range(2))
    layer = networks.network(known.name).beginning
    known.ours(ours, [layer.name])[layer.name].square().sum().backward()
    watched = Watched(known.module)
    watched.run(theirs)
    node = {"googlenet": "inception4c.cat", "resnet50": "layer3.2.relu_2"}.get(
        known.name, "features.10.cat"
    )
    watched.found[node].square().sum().backward()
    assert theirs.grad is not None and ours.grad is not None
    scale = theirs.grad.abs().max().item()
    assert scale > 0
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-4 * scale)


def test_maps_are_of_the_stride_that_is_said(known):
    height, width = 160, 224
    layers = networks.network(known.name).layers
    with torch.no_grad():
        maps = known.ours(small_picture(height, width), [layer.name for layer in layers])
    for layer in layers:
        for side, found in zip((height, width), maps[layer.name].shape[2:], strict=True):
            assert side / layer.stride - 1 <= found <= side / layer.stride


def test_nothing_past_the_deepest_asked_layer_runs(known):
    module = networks.network(known.name).load(known.file)
    ran: list[str] = []
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(lambda *_, name=name: ran.append(name))
    second = {"googlenet": "conv2.conv", "resnet50": "layer1.0.conv1"}.get(
        known.name, "features.3.squeeze"
    )
    with torch.no_grad():
        module(small_picture(), [second])
    assert len(ran) == 2 and ran[-1] == f"root.{second}"


def test_an_unknown_layer(known):
    with pytest.raises(KeyError, match="nowhere"):
        known.ours(small_picture(), ["nowhere"])


def test_the_module_is_frozen_float32_without_batch_norms(known):
    module = known.ours
    assert isinstance(module, TracedNetwork) and not module.training
    assert {(p.dtype, p.requires_grad) for p in module.parameters()} == {(torch.float32, False)}
    assert not any(isinstance(part, nn.BatchNorm2d) for part in module.modules())
    assert not any(name.startswith(("root.aux", "root.fc")) for name, _ in module.named_modules())


def test_a_copy_is_its_own(known):
    layer = networks.network(known.name).layers[0].name
    module = known.ours
    with torch.no_grad():
        before = module(small_picture(), [layer])[layer]
        other = copy.deepcopy(module)
        for parameter in other.parameters():
            parameter.zero_()
        assert torch.equal(module(small_picture(), [layer])[layer], before)
        assert not other(small_picture(), [layer])[layer].any()


def first_weight(known: Known) -> str:
    return next(iter(known.module.state_dict()))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "{} is missing"),
        (torch.ones(5), "{} is (5,), not (64, 3, "),
        (torch.ones(64, 3, 7, 7, dtype=torch.int64), "{} is "),
    ],
)
def test_a_file_that_does_not_fit(known, tmp_path, value, problem):
    state = dict(known.module.state_dict())
    key = first_weight(known)
    if value is None:
        del state[key]
    else:
        state[key] = value
    torch.save(state, tmp_path / "a.pth")
    text = refusal(known.name, tmp_path / "a.pth")
    assert text.startswith(
        f"{tmp_path / 'a.pth'} is not a {known.name} file: {problem.format(key)}"
    )
    assert "\n" not in text


def test_another_networks_file(known, tmp_path):
    torch.save({**known.module.state_dict(), "head.weight": torch.ones(1)}, tmp_path / "a.pth")
    assert "'head.weight' is not part of it" in refusal(known.name, tmp_path / "a.pth")


def test_weights_that_are_not_finite(known, tmp_path):
    state = {**known.module.state_dict()}
    state[first_weight(known)] = torch.full_like(state[first_weight(known)], math.nan)
    torch.save(state, tmp_path / "a.pth")
    text = refusal(known.name, tmp_path / "a.pth")
    assert f"holds values that are not finite, in {first_weight(known)}" in text


def test_a_truncated_download_in_the_cache_says_to_delete_it(known, tmp_path, monkeypatch):
    refuses_half_a_download(known.name, known.file, tmp_path, monkeypatch)


def test_densenets_published_keys_are_known(tmp_path):
    module = seeded("densenet121")

    def old_key(key: str) -> str:
        parts = ("norm", "conv") if "denselayer" in key else ()
        for part, number in itertools.product(parts, "12"):
            key = key.replace(f"{part}{number}.", f"{part}.{number}.")
        return key

    old = {old_key(key): value for key, value in module.state_dict().items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "a.pth")
    node = "features.denseblock2.denselayer3.conv2"
    layer = networks.network("densenet121").layer(node).name
    with torch.no_grad():
        x = small_picture(64, 64)
        found = networks.network("densenet121").load(tmp_path / "a.pth")(x, [layer])[layer]
        watched = Watched(module)
        watched.run(x)
    torch.testing.assert_close(found, watched.found[node], rtol=0, atol=1e-4)


def test_a_flight_goes_on_while_another_network_is_traced(known):
    layer = networks.network(known.name).layers[-1].name
    module = known.ours
    x = small_picture(64, 64)
    with torch.no_grad():
        alone = module(x, [layer])[layer]
        traced = threading.Event()

        def trace() -> None:
            for _ in range(3):
                tracing.trace("resnet18")
            traced.set()

        thread = threading.Thread(target=trace)
        thread.start()
        calls = 0
        while not traced.is_set() or not calls:
            torch.testing.assert_close(module(x, [layer])[layer], alone)
            calls += 1
    thread.join()
    assert len(tracing.trace("resnet18").graph.nodes) == 51
