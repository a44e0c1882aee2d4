"""VGG16 and VGG19, the convolutional part, with torchvision's IMAGENET1K_V1 weights.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014,
configurations D and E; the layers go by that paper's names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from liveflight.core.contracts import LiveflightError, Progress
from liveflight.networks import weights
from liveflight.networks.network import Layer, Network

if TYPE_CHECKING:
    from torch import Tensor

    from liveflight.networks.layered import Layered

_WIDTHS = (64, 128, 256, 512, 512)


@dataclass(frozen=True, slots=True)
class _Stage:
    kind: str
    name: str
    index: int
    """Its place in torchvision's `features`."""
    keras: str | None
    inputs: int
    channels: int
    stride: int


@dataclass(frozen=True, slots=True)
class _Vgg:
    name: str
    url: str
    repeats: tuple[int, ...]
    """How many convolutions in each of the five blocks."""

    def stages(self) -> Iterator[_Stage]:
        index, inputs = 0, 3
        for block, (repeats, width) in enumerate(zip(self.repeats, _WIDTHS, strict=True), 1):
            stride = 2 ** (block - 1)
            for number in range(1, repeats + 1):
                place, keras = f"{block}_{number}", f"block{block}_conv{number}"
                yield _Stage("conv", f"conv{place}", index, keras, inputs, width, stride)
                yield _Stage("relu", f"relu{place}", index + 1, None, width, width, stride)
                index, inputs = index + 2, width
            keras = f"block{block}_pool"
            yield _Stage("pool", f"pool{block}", index, keras, width, width, 2 * stride)
            index += 1

    def convolutions(self) -> list[_Stage]:
        return [stage for stage in self.stages() if stage.kind == "conv"]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """What torchvision's file holds of this network."""
        shapes: dict[str, tuple[int, ...]] = {}
        for stage in self.convolutions():
            shapes[f"features.{stage.index}.weight"] = (stage.channels, stage.inputs, 3, 3)
            shapes[f"features.{stage.index}.bias"] = (stage.channels,)
        return shapes


_IGNORED = ("classifier.",)

VGG16_URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
VGG19_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"

_VGG16 = _Vgg("vgg16", VGG16_URL, (2, 2, 3, 3, 3))
_VGG19 = _Vgg("vgg19", VGG19_URL, (2, 2, 4, 4, 4))
_ALL = (_VGG16, _VGG19)


def _find(vgg: _Vgg) -> Path | None:
    path = weights.hub_file(vgg.url)
    return path if os.path.isfile(path) else None


def _load(vgg: _Vgg, given: Path | None, progress: Progress | None) -> Layered:
    import torch

    from liveflight.networks.layered import furnish

    path = given or weights.cached_or_downloaded(vgg.name, vgg.url, progress)
    try:
        state = _read(vgg, path)
    except LiveflightError as error:
        if given is not None:
            raise
        raise LiveflightError(f"{error}; delete it and it is downloaded again") from error
    parameters: dict[str, Tensor] = {}
    for stage in vgg.convolutions():
        for part in ("weight", "bias"):
            value = state[f"features.{stage.index}.{part}"].detach()
            # Copied, so that the file's classifier, most of it, does not stay in memory as well.
            own = torch.empty(value.shape, dtype=torch.float32).copy_(value)
            parameters[f"{stage.name}.{part}"] = own
    return furnish(_build(vgg), parameters, path)


def _read(vgg: _Vgg, path: Path) -> dict[str, Tensor]:
    state = weights.read(path)
    if problem := weights.misfit(state, vgg.shapes(), _IGNORED):
        others = (other for other in _ALL if not weights.misfit(state, other.shapes(), _IGNORED))
        hint = "".join(f"; it fits {other.name}: --network {other.name}" for other in others)
        raise LiveflightError(f"{path} is not a {vgg.name} file: {problem}{hint}")
    return state


def _build(vgg: _Vgg) -> Layered:
    from torch import nn

    from liveflight.networks.layered import Layered

    def module(stage: _Stage) -> nn.Module:
        if stage.kind == "conv":
            return nn.Conv2d(stage.inputs, stage.channels, 3, padding=1, device="meta")
        return nn.ReLU() if stage.kind == "relu" else nn.MaxPool2d(2)

    return Layered({stage.name: module(stage) for stage in vgg.stages()})


def _network(vgg: _Vgg, title: str) -> Network:
    stages = list(vgg.stages())
    aliases = {f"features.{stage.index}": stage.name for stage in stages}
    aliases |= {stage.keras: stage.name for stage in stages if stage.keras}
    return Network(
        name=vgg.name,
        title=title,
        layers=tuple(Layer(stage.name, stage.channels, stage.stride) for stage in stages),
        aliases=aliases,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        find=partial(_find, vgg),
        loader=partial(_load, vgg),
    )


VGG16 = _network(_VGG16, "VGG16, torchvision's ImageNet weights (528 MB download)")
VGG19 = _network(_VGG19, "VGG19, torchvision's ImageNet weights (548 MB download)")
