"""Read VGG16's and VGG19's convolutions from common weight files.

They are torchvision's .pth and .safetensors, Keras' .h5 (TensorFlow's order of axes, with or
without the classifier) and ONNX. The tensors decide which network a file holds, never its name.
Weights for Caffe's input (BGR in 0..255 less the mean), as the original filters are, are converted
to torchvision's: (x - mean) / std of RGB in 0..1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liveflight.core.contracts import LiveflightError
from liveflight.networks import weights

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""torchvision's normalisation, RGB."""

_CAFFE_MEAN = (123.68, 116.779, 103.939)
"""RGB in 0..255, subtracted by the original networks."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_KERAS = re.compile(r"block(\d)_conv(\d)")
_CAFFE_NAMES = re.compile(r"block1_conv1|(^|[/_])conv1_1([_./:]|$)")
_TORCH_NAMES = re.compile(r"(^|[./])features\.0\.weight$|^vgg0_conv0_weight$")

_MAX_NUMBERS = 4 * 512 * 512 * 9
"""Numbers of the largest tensor that is read: a few bytes of HDF5 can claim any size."""

Convolutions = list[tuple["Tensor", "Tensor"]]
"""Weight (out, in, 3, 3) and bias (out,) of each convolution, in the network's order."""


def read(path: Path) -> dict[str, Tensor]:
    """Return a file's tensors by torchvision's keys, for torchvision's input.

    Raises LiveflightError of one line for a file that is no weight file or holds no such network.
    """
    if path.suffix.lower() in weights.SUFFIXES:
        return weights.read(path)
    if path.suffix.lower() not in (".h5", ".hdf5", ".onnx"):
        weights.refuse_at_sight(path, (*weights.SUFFIXES, ".h5", ".onnx"))
    weights.refuse_at_sight(path, (".h5", ".hdf5", ".onnx"))
    with path.open("rb") as file:
        is_hdf5 = file.read(len(_HDF5)) == _HDF5
    is_onnx = path.suffix.lower() == ".onnx" and not is_hdf5
    found = _onnx(path) if is_onnx else _hdf5(path)
    return {
        f"features.{index}.{part}": value
        for index, pair in zip(_indices(len(found), path), found, strict=True)
        for part, value in zip(("weight", "bias"), pair, strict=True)
    }


def _indices(count: int, path: Path) -> list[int]:
    """Return the indices of all convolutions in torchvision's `features`."""
    repeats = {13: (2, 2, 3, 3, 3), 16: (2, 2, 4, 4, 4)}.get(count)
    if repeats is None:
        raise LiveflightError(
            f"{path} holds {count} convolutions of 3x3; VGG16 has 13 and VGG19 has 16"
        )
    indices, index = [], 0
    for number in repeats:
        indices += [index + 2 * convolution for convolution in range(number)]
        index += 2 * number + 1
    return indices


def _hdf5(path: Path) -> Convolutions:
    """Read what Keras saved: groups block1_conv1 ... with a kernel (3, 3, in, out) and a bias."""
    try:
        import h5py
    except ImportError as error:
        raise LiveflightError(
            f'{path} is a Keras file: pip install "liveflight[keras]" (or h5py) to read it'
        ) from error
    kernels: dict[tuple[int, ...], Any] = {}
    biases: dict[tuple[int, ...], Any] = {}
    try:
        with h5py.File(path, "r") as file:
            for name, data in _datasets(file, h5py):
                if match := _KERAS.search(name):
                    if data.size > _MAX_NUMBERS:
                        raise LiveflightError(
                            f"{path} has a tensor of {data.shape}, too large for VGG16 and VGG19"
                        )
                    number = int(match[1]), int(match[2])
                    (kernels if data.ndim == 4 else biases)[number] = data[()]
    except LiveflightError:
        raise
    except Exception as error:  # h5py raises OSError, KeyError, ValueError and RuntimeError
        raise LiveflightError(
            f"{path} cannot be read as HDF5: it is truncated or damaged; get it anew"
        ) from error
    if kernels.keys() != biases.keys() or not kernels:
        raise LiveflightError(
            f"{path} has no layers block1_conv1 to block5_conv3, each with a kernel and a bias: "
            "not a Keras VGG16 or VGG19"
        )
    order = sorted(kernels)
    pairs = [(_kernel(kernels[at], path), biases[at]) for at in order]
    return _for_torchvision(pairs, path)


def _datasets(file: Any, h5py: Any) -> Iterator[tuple[str, Any]]:
    """Yield the datasets of at most four axes. Links to other files are not followed."""
    names: list[str] = []
    file.visit(names.append)
    for name in names:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            continue
        data = file[name]
        if isinstance(data, h5py.Dataset) and data.ndim in (1, 4) and data.external is None:
            yield name, data


def _kernel(kernel: np.ndarray, path: Path) -> np.ndarray:
    if kernel.shape[:2] != (3, 3) or kernel.ndim != 4:
        raise LiveflightError(
            f"{path} has a kernel of {kernel.shape}: allowed is TensorFlow's order, "
            "(3, 3, inputs, filters); Theano's order is not read"
        )
    return kernel.transpose(3, 2, 0, 1)


def _onnx(path: Path) -> Convolutions:
    """Read the initialisers of an ONNX file's 3x3 convolutions, in the graph's order."""
    import onnx

    try:
        graph = onnx.load(path, load_external_data=False).graph
    except Exception as error:  # protobuf has errors of its own
        raise LiveflightError(
            f"{path} cannot be read as ONNX: it is truncated or damaged; get it anew"
        ) from error
    held = {each.name: each for each in graph.initializer}
    named: list[str] = []
    pairs = []
    for node in graph.node:
        if node.op_type != "Conv" or len(node.input) < 3:
            continue
        parts = [held.get(name) for name in node.input[1:3]]
        pairs.append(tuple(_initialiser(part, path) for part in parts))
        named += node.input[1:3]
    if not pairs:
        raise LiveflightError(f"{path} holds no convolutions with biases: not VGG16 or VGG19")
    if pairs[0][0].ndim != 4 or pairs[0][0].shape[1:] != (3, 3, 3):
        raise LiveflightError(
            f"{path} begins with a convolution of {pairs[0][0].shape}: VGG's is (64, 3, 3, 3)"
        )
    if any(_CAFFE_NAMES.search(name) for name in named[:2]):
        return _for_torchvision(pairs, path)
    if any(_TORCH_NAMES.search(name) for name in named[:2]):
        return _tensors(pairs, path)
    raise LiveflightError(
        f"{path} calls its first convolution {named[0][:60]!r}, which does not say what input it "
        "expects; known are torchvision's features.0.weight, Keras' block1_conv1, Caffe's conv1_1"
    )


def _initialiser(tensor: Any, path: Path) -> np.ndarray:
    from onnx import TensorProto, numpy_helper

    if tensor is None:
        raise LiveflightError(f"{path} computes its weights: allowed are plain initialisers")
    if tensor.data_location == TensorProto.EXTERNAL:
        raise LiveflightError(
            f"{path} keeps its weights in other files, which are not read: save it as one file"
        )
    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:
        raise LiveflightError(f"{path} holds a damaged tensor {tensor.name[:60]!r}") from error


def _tensors(pairs: list[Any], path: Path) -> Convolutions:
    import numpy as np
    import torch

    _refuse_strange(pairs, path)
    with np.errstate(over="ignore"):  # values that are not finite are refused later, by name
        return [
            tuple(torch.from_numpy(np.array(part, np.float32)) for part in pair)  # type: ignore[misc]
            for pair in pairs
        ]


def _for_torchvision(pairs: list[Any], path: Path) -> Convolutions:
    """Fold Caffe's input into the first convolution: channel order, scale and mean."""
    import numpy as np

    _refuse_strange(pairs, path)
    weight, bias = (np.asarray(part, np.float64) for part in pairs[0])
    if weight.shape[1] == 3:
        weight = weight[:, ::-1]
        shift = 255 * np.array(MEAN) - _CAFFE_MEAN
        bias = bias + (weight * shift[None, :, None, None]).sum((1, 2, 3))
        weight = weight * (255 * np.array(STD))[None, :, None, None]
    return _tensors([(weight, bias), *pairs[1:]], path)


def _refuse_strange(pairs: list[Any], path: Path) -> None:
    """Raise LiveflightError for tensors that are no convolution's weight and bias."""
    for weight, bias in pairs:
        if weight.ndim != 4 or bias.shape != weight.shape[:1]:
            raise LiveflightError(
                f"{path} has a convolution of {weight.shape} with a bias of {bias.shape}: "
                "not VGG16 or VGG19"
            )
        for part in (weight, bias):
            if part.dtype.kind != "f":
                raise LiveflightError(
                    f"{path} has a convolution in {part.dtype}, not plain floating point"
                )
