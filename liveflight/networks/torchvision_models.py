"""Describe torchvision's classification networks with their ImageNet weights.

Loads no torch for those whose layers are listed in a file beside this module. The others are traced
when first asked for, in a second or two.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from liveflight.core.contracts import LiveflightError, Progress
from liveflight.networks import weights
from liveflight.networks.network import Layer, Network, Triple

if TYPE_CHECKING:
    from liveflight.networks.traced_network import TracedNetwork

_IMAGENET: tuple[Triple, Triple] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_RESCALED: tuple[Triple, Triple] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Normalisation of the two networks from TensorFlow, as torchvision's `transform_input` has it."""

_FROM_TENSORFLOW = ("googlenet", "inception_v3")

LayerAliases = tuple[Layer, tuple[str, ...]]
"""A layer and its aliases."""


@dataclass(frozen=True)
class _Listed:
    """Describe a network whose layers are listed in `name.tsv`, one per line."""

    title: str
    url: str
    begins: str
    """The layer, a block in the middle, at which a flight begins."""


_HOME = "https://download.pytorch.org/models/"

# torchvision's first weights, not its best: longer training with blended pictures and labels makes
# surer classifiers and duller pictures.
LISTED = {
    "googlenet": _Listed(
        "GoogLeNet (Inception v1), DeepDream's network, torchvision's ImageNet weights (50 MB)",
        f"{_HOME}googlenet-1378be20.pth",
        "inception4c",
    ),
    "resnet50": _Listed(
        "ResNet-50, torchvision's first ImageNet weights (98 MB)",
        f"{_HOME}resnet50-0676ba61.pth",
        "layer3.2",
    ),
    "squeezenet1_1": _Listed(
        "SqueezeNet 1.1, torchvision's ImageNet weights (5 MB)",
        f"{_HOME}squeezenet1_1-b8a52dc0.pth",
        "features.10",
    ),
}

# Without VGG16 and VGG19, which have a module of their own; vision transformers, which have no
# feature maps or take one picture size only; and RegNetY-128GF, whose file is too large.
# fmt: off
OTHERS = (
    "alexnet", "convnext_base", "convnext_large", "convnext_small", "convnext_tiny",
    "densenet121", "densenet161", "densenet169", "densenet201",
    "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4",
    "efficientnet_b5", "efficientnet_b6", "efficientnet_b7",
    "efficientnet_v2_l", "efficientnet_v2_m", "efficientnet_v2_s", "inception_v3",
    "mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3",
    "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small",
    "regnet_x_16gf", "regnet_x_1_6gf", "regnet_x_32gf", "regnet_x_3_2gf", "regnet_x_400mf",
    "regnet_x_800mf", "regnet_x_8gf", "regnet_y_16gf", "regnet_y_1_6gf", "regnet_y_32gf",
    "regnet_y_3_2gf", "regnet_y_400mf", "regnet_y_800mf", "regnet_y_8gf",
    "resnet101", "resnet152", "resnet18", "resnet34",
    "resnext101_32x8d", "resnext101_64x4d", "resnext50_32x4d",
    "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0",
    "squeezenet1_0", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16_bn", "vgg19_bn",
    "wide_resnet101_2", "wide_resnet50_2",
)
# fmt: on


_asked_for: set[str] = set()


def known(name: str) -> bool:
    """Return whether `network` was called for this name."""
    return name in _asked_for


@cache
def network(name: str) -> Network:
    """Return the network of a name in `LISTED` or `OTHERS`."""
    found = _found(name)
    _asked_for.add(name)
    return found


def _found(name: str) -> Network:
    if name in LISTED:
        listed = LISTED[name]
        text = Path(__file__).with_name(f"{name}.tsv").read_text(encoding="utf-8")
        return _network(name, listed.title, listed.url, read_layers(text), dense=True)
    from liveflight.networks import tracing

    url = tracing.first_weights(name)
    traced = tracing.trace(name)
    layers = [(each.layer, each.aliases) for each in tracing.traced_layers(traced)]
    title = f"{name}, torchvision's ImageNet weights"
    return _network(name, title, url, layers, dense=not tracing.is_depthwise(traced))


def read_layers(text: str) -> list[LayerAliases]:
    """Return the layers that a text of `layer_line`s lists."""
    rows = [line.split("\t") for line in text.splitlines()]
    return [
        (Layer(name, int(channels), int(stride)), tuple(aliases.split()))
        for name, channels, stride, aliases in rows
    ]


def layer_line(layer: Layer, aliases: Iterable[str]) -> str:
    """Return a layer as a line of text."""
    return f"{layer.name}\t{layer.channels}\t{layer.stride}\t{' '.join(aliases)}\n"


def _network(name: str, title: str, url: str, layers: list[LayerAliases], dense: bool) -> Network:
    mean, std = _RESCALED if name in _FROM_TENSORFLOW else _IMAGENET
    own = {layer.name for layer, _ in layers}
    aliases = {name.lower(): name for name in own if name != name.lower()}
    for layer, called in layers:
        aliases |= {alias.lower(): layer.name for alias in called if alias not in own}
    return Network(
        name=name,
        title=title,
        layers=tuple(layer for layer, _ in layers),
        aliases=aliases,
        mean=mean,
        std=std,
        find=partial(_find, url),
        loader=partial(_load, name, url),
        dense=dense,
        begins=LISTED[name].begins if name in LISTED else "",
    )


def _find(url: str) -> Path | None:
    path = weights.hub_file(url)
    return path if os.path.isfile(path) else None


def _load(name: str, url: str, given: Path | None, progress: Progress | None) -> TracedNetwork:
    from liveflight.networks import traced_network

    path = given or weights.cached_or_downloaded(name, url, progress)
    try:
        return traced_network.load(name, path)
    except LiveflightError as error:
        if given is not None:
            raise
        raise LiveflightError(f"{error}; delete it and it is downloaded again") from error
