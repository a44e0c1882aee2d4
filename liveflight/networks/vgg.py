"""Load the convolutional part of VGG16 and VGG19.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014,
configurations D and E; the layers have that paper's names. `vgg16` has the authors' own filters,
which come with the installation. `vgg16_torchvision` is the same network trained anew by
torchvision, with other filters under the same numbers; `vgg19` is torchvision's too.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from liveflight.core.contracts import LiveflightError, Progress
from liveflight.networks import vgg_weight_files, weights
from liveflight.networks.network import Layer, Network
from liveflight.system import folders, package_data

if TYPE_CHECKING:
    from torch import Tensor

    from liveflight.networks.layered import Layered

log = logging.getLogger(__name__)

_WIDTHS = (64, 128, 256, 512, 512)


@dataclass(frozen=True, slots=True)
class _Stage:
    """Describe a convolution, rectifier or pool."""

    kind: str
    name: str
    index: int
    """Index in torchvision's `features`."""
    keras: str | None
    inputs: int
    channels: int
    stride: int


@dataclass(frozen=True, slots=True)
class _Vgg:
    """Describe one VGG and where its weights come from."""

    name: str
    url: str
    """torchvision's file; empty where the weights come with the installation."""
    repeats: tuple[int, ...]
    """Number of convolutions in each of the five blocks."""

    def stages(self) -> Iterator[_Stage]:
        index, inputs = 0, 3
        for block, (repeats, width) in enumerate(zip(self.repeats, _WIDTHS, strict=True), 1):
            stride = 2 ** (block - 1)
            for number in range(1, repeats + 1):
                suffix, keras = f"{block}_{number}", f"block{block}_conv{number}"
                yield _Stage("conv", f"conv{suffix}", index, keras, inputs, width, stride)
                yield _Stage("relu", f"relu{suffix}", index + 1, None, width, width, stride)
                index, inputs = index + 2, width
            keras = f"block{block}_pool"
            yield _Stage("pool", f"pool{block}", index, keras, width, width, 2 * stride)
            index += 1

    def convolutions(self) -> list[_Stage]:
        return [stage for stage in self.stages() if stage.kind == "conv"]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the convolutions' tensors in torchvision's file."""
        shapes: dict[str, tuple[int, ...]] = {}
        for stage in self.convolutions():
            shapes[f"features.{stage.index}.weight"] = (stage.channels, stage.inputs, 3, 3)
            shapes[f"features.{stage.index}.bias"] = (stage.channels,)
        return shapes


_IGNORED = ("classifier.",)

VGG16_URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
VGG19_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"

_VGG16 = _Vgg("vgg16", "", (2, 2, 3, 3, 3))
_VGG16_TORCHVISION = _Vgg("vgg16_torchvision", VGG16_URL, (2, 2, 3, 3, 3))
_VGG19 = _Vgg("vgg19", VGG19_URL, (2, 2, 4, 4, 4))
_ALL = (_VGG16, _VGG19)


def _find(vgg: _Vgg) -> Path | None:
    if not vgg.url:
        path = package_data.folder("weights") / f"{vgg.name}.safetensors"
        return path if path.is_file() else None
    return next((path for path in (_kept(vgg), weights.hub_file(vgg.url)) if _is_file(path)), None)


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # unlike Path.is_file, False in a folder that may not be entered


def _kept(vgg: _Vgg) -> Path:
    """Return the file that keeps a download's convolutions: a tenth of it, read in a moment."""
    name = Path(vgg.url).with_suffix(".safetensors").name
    return folders.caches() / "weights" / name


def _load(vgg: _Vgg, given: Path | None, progress: Progress | None) -> Layered:
    from liveflight.networks.layered import load_parameters

    path, state = (given, _read(vgg, given)) if given else _own(vgg, progress)
    parameters: dict[str, Tensor] = {}
    for stage in vgg.convolutions():
        for part in ("weight", "bias"):
            parameters[f"{stage.name}.{part}"] = _copied(state[f"features.{stage.index}.{part}"])
    return load_parameters(_build(vgg), parameters, path)


def _copied(value: Tensor) -> Tensor:
    """Return a copy in float32, so that the file's classifier does not stay in memory as well."""
    import torch

    return torch.empty(value.shape, dtype=torch.float32).copy_(value.detach())


def _own(vgg: _Vgg, progress: Progress | None) -> tuple[Path, dict[str, Tensor]]:
    """Return the network's own weights and where they lie, downloaded where there are none."""
    if not vgg.url:
        path = _find(vgg)
        if path is None:
            folder = package_data.folder("weights")
            raise LiveflightError(
                f"no weights for {vgg.name}: {vgg.name}.safetensors is missing in {folder}; "
                "install liveflight anew, or name a file with --weights FILE"
            )
        return path, _read(vgg, path)
    kept, hub = _kept(vgg), weights.hub_file(vgg.url)
    if _is_file(kept):
        try:
            return kept, _read(vgg, kept)
        except LiveflightError as error:
            log.warning("%s; it is made anew", error)
    was_there = os.path.exists(hub)
    path = weights.cached_or_downloaded(vgg.name, vgg.url, progress)
    try:
        state = _read(vgg, path)
    except LiveflightError as error:
        raise LiveflightError(f"{error}; delete it and it is downloaded again") from error
    if _keep(vgg, state) and not was_there:
        with suppress(OSError):  # a copy too many does no harm
            path.unlink()
    return path, state


def _keep(vgg: _Vgg, state: Mapping[str, Tensor]) -> bool:
    """Keep the convolutions in the cache, whole or not at all; return whether that was possible."""
    from safetensors.torch import save_file

    kept = _kept(vgg)
    part = kept.with_name(f"{kept.name}.{uuid.uuid4().hex}.partial")
    try:
        folders.make(kept.parent)
        save_file({name: _copied(state[name]) for name in vgg.shapes()}, part)
        part.replace(kept)
    except (OSError, SafetensorError) as error:
        log.warning("%s cannot be kept: %s; the download stays", kept, error)
        return False
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return True


def _read(vgg: _Vgg, path: Path) -> dict[str, Tensor]:
    state = vgg_weight_files.read(path)
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
        mean=vgg_weight_files.MEAN,
        std=vgg_weight_files.STD,
        find=partial(_find, vgg),
        included=not vgg.url,
        loader=partial(_load, vgg),
    )


VGG16 = _network(_VGG16, "VGG16, its authors' own filters (CC BY 4.0), with the installation")
VGG16_TORCHVISION = _network(
    _VGG16_TORCHVISION, "VGG16 as torchvision trained it: other filters (528 MB download)"
)
VGG19 = _network(_VGG19, "VGG19 as torchvision trained it (548 MB download)")
