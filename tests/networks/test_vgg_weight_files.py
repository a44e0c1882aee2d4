"""The embedded VGG16 against published values and torchvision's module; files of other formats."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from refused_weights import refusal
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models import vgg16

from liveflight import networks
from liveflight.networks import vgg_weight_files
from liveflight.system import package_data

FILE = package_data.folder("weights") / "vgg16.safetensors"
HALF = 2**-11
"""Relative precision of half."""

PLACES = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
"""Of VGG16's convolutions in torchvision's `features`."""
NAMES = [(block, number) for block, most in enumerate((2, 2, 3, 3, 3), 1)
         for number in range(1, most + 1)]  # fmt: skip


def published(state: dict[str, Tensor]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each convolution as its authors published it: for BGR in 0..255 less the mean."""
    pairs = []
    for place in PLACES:
        weight = state[f"features.{place}.weight"].double().numpy()
        bias = state[f"features.{place}.bias"].double().numpy()
        if place == 0:
            weight = weight / (255 * np.array([0.229, 0.224, 0.225]))[None, :, None, None]
            shift = 255 * np.array([0.485, 0.456, 0.406]) - np.array([123.68, 116.779, 103.939])
            bias = bias - (weight * shift[None, :, None, None]).sum((1, 2, 3))
            weight = weight[:, ::-1]
        pairs.append((weight.astype(np.float32), bias.astype(np.float32)))
    return pairs


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return load_file(FILE)


def test_the_filters_are_the_published_ones(state):
    pairs = published(state)
    first, deepest = pairs[0][0], pairs[-1]
    assert first[0, 0, 0, 0] == pytest.approx(0.42947057, rel=HALF)
    assert deepest[0][0, 0, 0, 0] == pytest.approx(0.00040788297, rel=HALF)
    assert deepest[1].mean() == pytest.approx(0.14986369, rel=HALF)
    assert deepest[1].min() == pytest.approx(-0.50036746, rel=HALF)


def test_every_layer_equals_torchvisions_module_with_these_weights(state):
    theirs = vgg16(init_weights=False).features.eval()
    theirs.load_state_dict(
        {key.removeprefix("features."): value.float() for key, value in state.items()}
    )
    found = networks.network("vgg16")
    x = torch.rand(1, 3, 38, 61, generator=torch.Generator().manual_seed(2))
    names = [layer.name for layer in found.layers]
    with torch.no_grad():
        ours = found.load()(x, names)
        for name, feature in zip(names, theirs, strict=True):
            x = feature(x.clone())
            torch.testing.assert_close(ours[name], x, rtol=1e-5, atol=1e-4)


def test_it_comes_with_the_installation():
    found = networks.network("vgg16")
    assert found.included and found.find_weights() == FILE
    assert "CC BY 4.0" in FILE.with_name("NOTICE").read_text(encoding="utf-8")


def keras(path: Path, state: dict[str, Tensor], layout: str, classifier: bool = False) -> Path:
    """Write the file as Keras does: `W_1:0` of its first releases, `kernel:0` of later ones."""
    with h5py.File(path, "w") as file:
        for (block, number), (weight, bias) in zip(NAMES, published(state), strict=True):
            name = f"block{block}_conv{number}"
            group = file.create_group(name)
            if layout == "old":
                group[f"{name}_W_1:0"], group[f"{name}_b_1:0"] = weight.transpose(2, 3, 1, 0), bias
            else:
                inner = group.create_group(name)
                inner["kernel:0"], inner["bias:0"] = weight.transpose(2, 3, 1, 0), bias
        if classifier:
            file.create_group("fc1")["fc1_W_1:0"] = np.ones((4, 5), np.float32)
            file["fc1/fc1_b_1:0"] = np.ones(5, np.float32)
            file.create_group("block1_pool")
    return path


def graph(path: Path, state: dict[str, Tensor], convention: str) -> onnx.ModelProto:
    """Write VGG16 as exporters do from torchvision (`features.0.weight`) and Keras."""
    nodes, initialisers, before = [], [], "x"
    pairs = published(state)
    for count, (place, (block, number)) in enumerate(zip(PLACES, NAMES, strict=True)):
        if convention == "torchvision":
            weight, bias = (state[f"features.{place}.{part}"].float().numpy()
                            for part in ("weight", "bias"))  # fmt: skip
            names = [f"features.{place}.weight", f"features.{place}.bias"]
        else:
            weight, bias = pairs[count]
            names = [f"functional_1/block{block}_conv{number}_1/{part}:0" for part in "wb"]
        initialisers += [numpy_helper.from_array(weight, names[0]),
                         numpy_helper.from_array(bias, names[1])]  # fmt: skip
        nodes += [helper.make_node("Conv", [before, *names], [f"c{count}"], pads=[1, 1, 1, 1]),
                  helper.make_node("Relu", [f"c{count}"], [f"r{count}"])]  # fmt: skip
        before = f"r{count}"
    shape = ["N", 3, "H", "W"]
    made = helper.make_graph(
        nodes, "vgg16",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(before, TensorProto.FLOAT, shape)], initialisers,
    )  # fmt: skip
    model = helper.make_model(made)
    onnx.save(model, path)
    return model


WRITERS: dict[str, Callable[[Path, dict[str, Tensor]], object]] = {
    "a.h5": lambda path, state: keras(path, state, "old"),
    "notop.h5": lambda path, state: keras(path, state, "new", classifier=True),
    "vgg19.onnx": lambda path, state: graph(path, state, "torchvision"),  # its name says nothing
    "keras.onnx": lambda path, state: graph(path, state, "keras"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_other_formats_give_the_embedded_filters(name, state, tmp_path):
    WRITERS[name](tmp_path / name, state)
    ours = networks.network("vgg16").load()
    theirs = networks.network("vgg16").load(tmp_path / name)
    x = torch.rand(1, 3, 33, 50, generator=torch.Generator().manual_seed(2), requires_grad=True)
    gradients = []
    for module in (ours, theirs):
        module(x, ["conv5_3"])["conv5_3"][:, 260].mean().backward()
        assert x.grad is not None
        gradients.append(x.grad.clone())
        x.grad = None
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5 * float(gradients[0].abs().max()))


def external(path: Path, state: dict[str, Tensor]) -> None:
    model = graph(path, state, "torchvision")
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)


def truncated_graph(path: Path, state: dict[str, Tensor]) -> None:
    graph(path, state, "torchvision")
    path.write_bytes(path.read_bytes()[:1_000_000])


def truncated_keras(path: Path, state: dict[str, Tensor]) -> None:
    keras(path, state, "old")
    path.write_bytes(path.read_bytes()[:1_000_000])


def linked(path: Path, state: dict[str, Tensor]) -> None:
    """Write a file whose layers are links to another."""
    keras(path.with_name("other.h5"), state, "old")
    with h5py.File(path, "w") as file:
        for block, number in NAMES:
            name = f"block{block}_conv{number}"
            file[name] = h5py.ExternalLink("other.h5", name)


def theanos(path: Path, state: dict[str, Tensor]) -> None:
    with h5py.File(path, "w") as file:
        file["block1_conv1/W"], file["block1_conv1/b"] = np.ones((64, 3, 3, 3)), np.ones(64)


def unnamed(path: Path, state: dict[str, Tensor]) -> None:
    model = graph(path, state, "torchvision")
    data = model.SerializeToString().replace(b"features.", b"strangers")
    path.write_bytes(data)


def computed(path: Path, state: dict[str, Tensor]) -> None:
    model = graph(path, state, "torchvision")
    del model.graph.initializer[:]
    onnx.save(model, path)


def strange_graph(dtype: str, biases: int = 64) -> Callable[[Path, dict[str, Tensor]], None]:
    def write(path: Path, state: dict[str, Tensor]) -> None:
        model = graph(path, state, "torchvision")
        first, second = model.graph.initializer[:2]
        values = np.ones((64, 3, 3, 3)).astype(dtype)
        values = values.astype(object) if values.dtype.kind == "U" else values
        first.CopyFrom(numpy_helper.from_array(values, first.name))
        second.CopyFrom(numpy_helper.from_array(np.ones(biases, np.float32), second.name))
        onnx.save(model, path)

    return write


def strange_keras(dtype: str, biases: int = 64) -> Callable[[Path, dict[str, Tensor]], None]:
    def write(path: Path, state: dict[str, Tensor]) -> None:
        keras(path, state, "new")
        with h5py.File(path, "r+") as file:
            group = file["block1_conv1/block1_conv1"]
            del group["kernel:0"], group["bias:0"]
            group["kernel:0"] = np.ones((3, 3, 3, 64), dtype)
            group["bias:0"] = np.ones(biases, np.float32)

    return write


def claimed(path: Path, state: dict[str, Tensor]) -> None:
    """Write a few bytes that claim to be 130 GB."""
    with h5py.File(path, "w") as file:
        shape = 3, 3, 60_000, 60_000
        file.create_dataset("block1_conv1/kernel:0", shape, "f4", chunks=(3, 3, 64, 64))
        file["block1_conv1/bias:0"] = np.ones(64, np.float32)


REFUSED = {
    "claimed.h5": (claimed, "too large for VGG16 and VGG19"),
    "text.h5": (strange_keras("S4"), "not plain floating point"),
    "complex.h5": (strange_keras("complex64"), "not plain floating point"),
    "biases.h5": (strange_keras("f4", 5), "with a bias of (5,): not VGG16 or VGG19"),
    "text.onnx": (strange_graph("U4"), "not plain floating point"),
    "complex.onnx": (strange_graph("complex64"), "not plain floating point"),
    "biases.onnx": (strange_graph("f4", 5), "with a bias of (5,): not VGG16 or VGG19"),
    "external.onnx": (external, "keeps its weights in other files"),
    "truncated.onnx": (truncated_graph, "cannot be read as ONNX: it is truncated or damaged"),
    "truncated.h5": (truncated_keras, "cannot be read as HDF5: it is truncated or damaged"),
    "linked.h5": (linked, "has no layers block1_conv1 to block5_conv3"),
    "theano.h5": (theanos, "Theano's order is not read"),
    "unnamed.onnx": (unnamed, "does not say what input it expects"),
    "computed.onnx": (computed, "computes its weights"),
    "pickled.h5": (lambda path, state: torch.save({"a": torch.ones(1)}, path), "as HDF5"),
    "resnet.onnx": (lambda path, state: onnx.save(helper.make_model(helper.make_graph(
        [], "g", [], [])), path), "holds no convolutions with biases"),
    "weights.npz": (lambda path, state: path.write_bytes(b"PK"),
                    "must end in .safetensors, .pth, .pt, .h5, .onnx"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(name, state, tmp_path):
    write, reason = REFUSED[name]
    write(tmp_path / name, state)
    text = refusal("vgg16", tmp_path / name)
    assert reason in text and str(tmp_path / name) in text
    assert "\n" not in text


def test_a_network_of_another_depth_is_named(state, tmp_path):
    graph(tmp_path / "a.onnx", state, "torchvision")
    text = refusal("vgg19", tmp_path / "a.onnx")
    assert text.endswith("; it fits vgg16: --network vgg16")


def test_h5py_is_asked_for_where_it_is_missing(state, tmp_path, monkeypatch):
    keras(tmp_path / "a.h5", state, "old")
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    assert 'pip install "liveflight[keras]"' in refusal("vgg16", tmp_path / "a.h5")


def test_torchvisions_own_keys_are_read_as_they_are(state):
    assert vgg_weight_files.read(FILE).keys() == state.keys()
