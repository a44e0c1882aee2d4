"""VGG16 and VGG19 against torchvision's own, on random weights that come the way real ones do."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from refused_weights import refusal, refuses_half_a_download
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import VGG16_Weights, VGG19_Weights
from torchvision.models.vgg import cfgs, make_layers

from liveflight import networks
from liveflight.networks import vgg, weights
from liveflight.networks.layered import Layered

WEIGHTS = {"vgg16_torchvision": VGG16_Weights.IMAGENET1K_V1, "vgg19": VGG19_Weights.IMAGENET1K_V1}
CONFIGURATION = {"vgg16_torchvision": "D", "vgg19": "E"}


@dataclass(frozen=True)
class Known:
    """torchvision's network on random weights, and where its file is."""

    name: str
    features: nn.Sequential
    state: dict[str, Tensor]
    home: Path
    """What TORCH_HOME says."""
    file: Path


@pytest.fixture(scope="module", params=["vgg16_torchvision", "vgg19"])
def known(request, tmp_path_factory) -> Known:
    torch.manual_seed(5)
    features = make_layers(cfgs[CONFIGURATION[request.param]], batch_norm=False).eval()
    for layer in features:
        if isinstance(layer, nn.Conv2d):
            assert layer.bias is not None
            # as torchvision does, so that the deepest activations are as large as the first
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
            nn.init.uniform_(layer.bias, -0.1, 0.1)
    state = {f"features.{key}": value.detach() for key, value in features.state_dict().items()}
    # The classifier is never looked at, so it may as well be small.
    state |= {"classifier.0.weight": torch.ones(4, 7), "classifier.0.bias": torch.ones(4)}
    home = tmp_path_factory.mktemp(request.param)
    file = home / "hub" / "checkpoints" / WEIGHTS[request.param].url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    # The published files have the format from before zip files.
    torch.save(state, file, _use_new_zipfile_serialization=False)
    return Known(request.param, features, state, home, file)


def small_picture(requires_grad: bool = False) -> Tensor:
    generator = torch.Generator().manual_seed(6)
    return torch.randn(1, 3, 45, 70, generator=generator, requires_grad=requires_grad)


def torchvision_names(name: str) -> list[str]:
    """Our name for each of torchvision's features, in their order."""
    found = networks.network(name)
    return [found.layer(f"features.{index}").name for index in range(len(found.layers))]


def assert_equals_torchvision(module: Layered, known: Known) -> None:
    names = torchvision_names(known.name)
    assert names == [layer.name for layer in networks.network(known.name).layers]
    x = small_picture()
    with torch.no_grad():
        ours = module(x, names)  # all at once: none may clobber another
        for name, feature in zip(names, known.features, strict=True):
            x = feature(x.clone())  # torchvision's ReLU works in place
            layer = networks.network(known.name).layer(name)
            assert ours[name].shape == (1, layer.channels, 45 // layer.stride, 70 // layer.stride)
            assert x.abs().max() > 0.5
            torch.testing.assert_close(ours[name], x, rtol=1e-5, atol=1e-5)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Return an empty cache folder of the user's own."""
    monkeypatch.setattr(vgg.folders, "caches", lambda: tmp_path / "liveflight")
    return tmp_path / "liveflight" / "weights"


def test_every_layer_equals_torchvisions_from_the_hub_cache(known, cache, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(known.home))
    assert networks.network(known.name).find_weights() == known.file
    assert_equals_torchvision(networks.network(known.name).load(), known)
    kept = cache / known.file.with_suffix(".safetensors").name
    assert networks.network(known.name).find_weights() == kept
    with safe_open(kept, framework="pt") as file:
        assert "classifier.0.weight" not in file.keys()
    assert known.file.is_file()  # it was not ours to delete
    assert_equals_torchvision(networks.network(known.name).load(), known)


def test_a_damaged_copy_of_the_convolutions_is_made_again(known, cache, monkeypatch, caplog):
    monkeypatch.setenv("TORCH_HOME", str(known.home))
    kept = cache / known.file.with_suffix(".safetensors").name
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"half")
    assert_equals_torchvision(networks.network(known.name).load(), known)
    assert [record.message.partition(" cannot")[0] for record in caplog.records] == [str(kept)]
    caplog.clear()
    assert_equals_torchvision(networks.network(known.name).load(), known)
    assert not caplog.records


def test_of_a_download_the_convolutions_are_kept_alone(known, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def download(network: str, url: str, progress: object) -> Path:
        path = weights.hub_file(url)
        path.parent.mkdir(parents=True)
        path.write_bytes(known.file.read_bytes())
        return path

    monkeypatch.setattr(weights, "cached_or_downloaded", download)
    assert_equals_torchvision(networks.network(known.name).load(), known)
    assert [path.name for path in cache.iterdir()] == [known.file.with_suffix(".safetensors").name]
    assert not list((tmp_path / "torch").rglob("*.pth"))


def test_a_download_stays_where_its_convolutions_cannot_be_kept(
    known, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("TORCH_HOME", str(known.home))
    (tmp_path / "liveflight").write_text("a file in the folder's place")
    monkeypatch.setattr(vgg.folders, "caches", lambda: tmp_path / "liveflight")
    assert_equals_torchvision(networks.network(known.name).load(), known)
    assert len(caplog.records) == 1 and "the download stays" in caplog.text


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_every_layer_equals_torchvisions_from_a_given_file(known, tmp_path, suffix):
    file = tmp_path / f"mine{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save(known.state, file)
    assert_equals_torchvision(networks.network(known.name).load(file), known)


def test_the_gradient_equals_torchvisions(known):
    module = networks.network(known.name).load(known.file)
    ours, theirs = small_picture(requires_grad=True), small_picture(requires_grad=True)
    layers = module(ours, ["conv3_1", "relu2_2"])
    (layers["conv3_1"][:, 7].sum() + layers["relu2_2"].square().sum()).backward()
    middle = known.features[:9](theirs)
    (known.features[9:11](middle)[:, 7].sum() + middle.square().sum()).backward()
    assert theirs.grad is not None and theirs.grad.abs().max() > 0.1
    scale = theirs.grad.abs().max().item()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-5 * scale)
    assert all(parameter.grad is None for parameter in module.parameters())


def test_nothing_past_the_deepest_asked_layer_runs(known):
    module = networks.network(known.name).load(known.file)
    ran: list[str] = []
    for name, stage in module.stages.items():
        stage.register_forward_hook(lambda *_, name=name: ran.append(name))
    module(small_picture(), ["conv2_1", "relu1_1"])
    assert ran == ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1"]


def test_the_module_is_frozen_float32(known):
    module = networks.network(known.name).load(known.file)
    assert not module.training
    assert {(p.dtype, p.requires_grad) for p in module.parameters()} == {(torch.float32, False)}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_module_keeps_nothing_of_a_file_that_was_mapped(known, tmp_path, suffix):
    file = tmp_path / f"mine{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save(known.state, file)
    module = networks.network(known.name).load(file)
    with file.open("r+b") as overwritten:
        overwritten.write(bytes(file.stat().st_size))
    index = torchvision_names(known.name).index("conv5_1")
    weight = module.get_parameter("stages.conv5_1.weight")
    assert torch.equal(weight, known.state[f"features.{index}.weight"])


def test_bfloat16_channels_last(known):
    module = networks.network(known.name).load(known.file)
    with torch.no_grad():
        reference = module(small_picture(), ["conv2_2"])["conv2_2"]
        module.to(torch.bfloat16).to(memory_format=torch.channels_last)
        x = small_picture().to(dtype=torch.bfloat16, memory_format=torch.channels_last)
        found = module(x, ["conv2_2"])["conv2_2"]
    assert found.dtype == torch.bfloat16
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert nn.functional.cosine_similarity(found.float().flatten(), reference.flatten(), 0) > 0.999


def test_half_precision_files_load_as_float32(known, tmp_path):
    state = {key: value.half() for key, value in known.state.items()}
    torch.save(state, tmp_path / "half.pth")
    module = networks.network(known.name).load(tmp_path / "half.pth")
    weight = module.get_parameter("stages.conv1_2.weight")
    assert torch.equal(weight, state["features.2.weight"].float())


@pytest.mark.parametrize("network", ["vgg16_torchvision", "vgg19"])
def test_what_torchvision_publishes(network):
    """URL and normalisation are torchvision's."""
    transforms = WEIGHTS[network].transforms()
    found = networks.network(network)
    assert (list(found.mean), list(found.std)) == (transforms.mean, transforms.std)
    assert {"vgg16_torchvision": vgg.VGG16_URL, "vgg19": vgg.VGG19_URL}[network] == WEIGHTS[
        network
    ].url


@pytest.mark.parametrize(
    ("network", "index", "keras", "paper", "channels", "stride"),
    [
        ("vgg16", 0, "block1_conv1", "conv1_1", 64, 1),
        ("vgg16", 17, "block4_conv1", "conv4_1", 512, 8),
        ("vgg16", 23, "block4_pool", "pool4", 512, 16),
        ("vgg16", 28, "block5_conv3", "conv5_3", 512, 16),
        ("vgg19", 5, "block2_conv1", "conv2_1", 128, 2),
        ("vgg19", 14, "block3_conv3", "conv3_3", 256, 4),
        ("vgg19", 34, "block5_conv4", "conv5_4", 512, 16),
        ("vgg19", 36, "block5_pool", "pool5", 512, 32),
    ],
)
def test_three_names_reach_one_layer(network, index, keras, paper, channels, stride):
    found = networks.network(network)
    layer = networks.Layer(paper, channels, stride)
    assert found.layer(paper) == found.layer(keras) == found.layer(f"features.{index}") == layer


def test_relu_layers_follow_their_convolutions():
    found = networks.network("vgg16")
    assert found.layer("features.18") == networks.Layer("relu4_1", 512, 8)


def test_the_other_vggs_file_is_recognised(known, tmp_path):
    other, own = {
        "vgg16_torchvision": ("vgg19", "vgg16"),
        "vgg19": ("vgg16_torchvision", "vgg19"),
    }[known.name]
    text = refusal(other, known.file)
    assert text.startswith(f"{known.file} is not a {other} file: features.")
    assert text.endswith(f"; it fits {own}: --network {own}")


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("features.0.bias", None, "features.0.bias is missing"),
        ("features.2.weight", torch.ones(64, 64, 1, 1), "features.2.weight is (64, 64, 1, 1), not"),
        ("features.0.bias", torch.ones(64, dtype=torch.int64), "features.0.bias is torch.int64"),
        ("head.weight", torch.ones(1), "'head.weight' is not part of it"),
    ],
)
def test_a_file_that_does_not_fit(known, tmp_path, key, value, problem):
    state = {**known.state, key: value}
    if value is None:
        del state[key]
    torch.save(state, tmp_path / "a.pth")
    text = refusal(known.name, tmp_path / "a.pth")
    assert text.startswith(f"{tmp_path / 'a.pth'} is not a {known.name} file: {problem}")
    assert "\n" not in text


def test_weights_that_are_not_finite(known, tmp_path):
    state = {**known.state, "features.2.bias": torch.full((64,), float("nan"))}
    torch.save(state, tmp_path / "a.pth")
    assert "holds values that are not finite, in conv1_2.bias" in refusal(
        known.name, tmp_path / "a.pth"
    )


def test_a_truncated_download_in_the_cache_says_to_delete_it(known, cache, tmp_path, monkeypatch):
    refuses_half_a_download(known.name, known.file, tmp_path, monkeypatch)


@pytest.mark.parametrize("network", ["vgg16_torchvision", "vgg19"])
def test_nothing_at_hand_and_no_network(network, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # the discard port: refused at once
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    found = networks.network(network)
    assert found.find_weights() is None
    tried, by_hand, without = refusal(network, None).split("\n")
    file = tmp_path / "hub" / "checkpoints" / WEIGHTS[network].url.rpartition("/")[2]
    assert tried.startswith(f"no weights for {network}: {file} is not there, and https://")
    assert WEIGHTS[network].url in tried
    assert file.name in by_hand and "--weights FILE" in by_hand
    assert without.endswith("liveflight --network efficientnet_lite0")
