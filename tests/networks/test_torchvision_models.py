"""The networks that come from torchvision, by what is known of them before any is loaded."""

import subprocess
import sys

import pytest
import torchvision
from torchvision import models

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target
from liveflight.networks import Layer, torchvision_models, tracing

TRANSFORMERS = ("maxvit", "swin", "vit")
OF_THEIR_OWN = {"vgg16", "vgg19"}
TOO_LARGE = {"regnet_y_128gf"}


@pytest.mark.parametrize("name", torchvision_models.LISTED)
def test_what_is_written_down_is_what_torchvision_has(name):
    found = [(place.layer, place.aliases) for place in tracing.traced_layers(tracing.trace(name))]
    file = torchvision_models.__file__.replace("torchvision_models.py", f"{name}.tsv")
    with open(file, encoding="utf-8") as text:
        assert torchvision_models.read_layers(text.read()) == found
    assert torchvision_models.LISTED[name].url == tracing.first_weights(name)


@pytest.mark.parametrize("name", torchvision_models.LISTED)
def test_the_input_is_what_torchvision_trained_with(name):
    known = networks.network(name)
    transforms = next(iter(models.get_model_weights(name))).transforms()
    mean, std = transforms.mean, transforms.std
    if name == "googlenet":  # whose transform_input undoes ImageNet's, and does its own
        assert (known.mean, known.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    else:
        assert (list(known.mean), list(known.std)) == (mean, std)


def test_every_classifier_of_torchvision_with_feature_maps_is_there():
    everything = set(models.list_models(module=torchvision.models))
    ours = {*torchvision_models.LISTED, *torchvision_models.OTHERS}
    missing = {name for name in everything - ours if not name.startswith(TRANSFORMERS)}
    assert missing == OF_THEIR_OWN | TOO_LARGE
    assert ours <= everything and not set(torchvision_models.LISTED) & set(
        torchvision_models.OTHERS
    )
    assert networks.others() == torchvision_models.OTHERS


@pytest.mark.parametrize(
    ("network", "given", "layer"),
    [
        ("googlenet", "inception4c", Layer("inception4c", 512, 16)),
        ("googlenet", "Inception4c.cat", Layer("inception4c", 512, 16)),
        ("googlenet", "conv1.bn", Layer("conv1.conv", 64, 2)),
        ("googlenet", "conv1.relu", Layer("conv1", 64, 2)),
        ("googlenet", "inception5b", Layer("inception5b", 1024, 32)),
        ("resnet50", "layer3.2", Layer("layer3.2", 1024, 16)),
        ("resnet50", "layer3.2.relu_2", Layer("layer3.2", 1024, 16)),
        ("resnet50", "layer3", Layer("layer3.5", 1024, 16)),
        ("resnet50", "bn1", Layer("conv1", 64, 2)),
        ("resnet50", "layer4.2.add", Layer("layer4.2.add", 2048, 32)),
        ("squeezenet1_1", "features.10", Layer("features.10", 384, 16)),
        ("squeezenet1_1", "features", Layer("features.12", 512, 16)),
        ("squeezenet1_1", "classifier.1", Layer("classifier.1", 1000, 16)),
        ("resnet18", "layer2.0", Layer("layer2.0", 128, 8)),
        ("inception_v3", "mixed_6c", Layer("Mixed_6c", 768, 16)),
        ("alexnet", "features.6", Layer("features.6", 384, 16)),
    ],
)  # fmt: skip
def test_layers_by_the_names_that_torchvision_gives_them(network, given, layer):
    assert networks.network(network).layer(given) == layer


@pytest.mark.parametrize(
    ("network", "begins"),
    [("googlenet", "inception4c"), ("resnet50", "layer3.2"), ("squeezenet1_1", "features.10"),
     ("vgg16", "pool4"), ("resnet18", "layer3.1")],
)  # fmt: skip
def test_where_a_flight_begins_that_names_no_layer(network, begins):
    assert networks.network(network).beginning.name == begins


def test_a_further_network_is_found_in_any_case_and_once():
    assert networks.network("ResNet18") is networks.network("resnet18")
    assert str(networks.resolve(Target.parse("RESNET18:Layer2:3"))) == "resnet18:layer2.1:3"


def test_to_know_the_further_networks_names_loads_no_torch():
    code = (
        "import sys; from liveflight import networks\n"
        "assert networks.others()\n"
        "try: networks.network('resnet5')\n"
        "except Exception as error: print(error)\n"
        "sys.exit('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "did you mean 'resnet50'?" in run.stdout


def test_a_transformer_is_no_network_here():
    with pytest.raises(LiveflightError, match=r"there is no network 'vit_b_16'.*networks --all$"):
        networks.network("vit_b_16")


@pytest.mark.parametrize(("name", "dense"), [("resnet18", True), ("mobilenet_v3_small", False)])
def test_depthwise_networks_are_known(name, dense):
    assert networks.network(name).dense is dense
