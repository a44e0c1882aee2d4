"""Break a network's stages down into a list of single steps, up to the deepest layer in use."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from math import inf

from torch import nn

from liveflight.networks.layered import Layered, SameConv2d, same_padding


@dataclass(frozen=True)
class LayerEnd:
    """Mark where a layer, or what a later step adds, is complete."""

    name: str


@dataclass(frozen=True)
class Add:
    """Add the output of the stage named `source`: a skip connection."""

    source: str


@dataclass(frozen=True)
class Conv:
    """Convolve; where `top` is given, clamp to 0..`top`, which may be infinite."""

    key: str
    module: nn.Conv2d
    top: float | None = None

    def pads(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return the padding at an input's height and width: top, left, bottom, right."""
        module = self.module
        if not isinstance(module, SameConv2d):
            assert not isinstance(module.padding, str)
            rows, columns = module.padding
            return rows, columns, rows, columns
        (top, below), (left, after) = (
            same_padding(side, kernel, module.stride[0])
            for side, kernel in zip(size, module.kernel_size, strict=True)
        )
        return top, left, top + below, left + after


@dataclass(frozen=True)
class Clip:
    """Clamp to 0..`top`, which may be infinite."""

    top: float


@dataclass(frozen=True)
class Pool:
    """Take the maximum of each 2x2 pixels."""


Step = LayerEnd | Add | Conv | Clip | Pool


def steps_to(module: Layered, layers: Collection[str]) -> list[Step]:
    """Return the steps up to the deepest of the layers; the last step marks that layer.

    Raises TypeError for a module that no step exists for."""
    return _fused(list(_flat(module, layers)))


def _flat(module: Layered, layers: Collection[str]) -> Iterator[Step]:
    names = list(module.stages)
    deepest = max(names.index(layer) for layer in layers)
    marked = {*layers, *module.skips.values()}
    for name in names[: deepest + 1]:
        yield from _steps(name, module.stages[name])
        if name in module.skips:
            yield Add(module.skips[name])
        if name in marked:
            yield LayerEnd(name)


def _steps(key: str, module: nn.Module) -> Iterator[Step]:
    match module:
        case nn.Sequential():
            for number, part in enumerate(module):
                yield from _steps(f"{key}.{number}", part)
        case nn.Conv2d():
            yield Conv(key, module)
        case nn.ReLU6():  # which is a Hardtanh, not a ReLU
            yield Clip(6.0)
        case nn.ReLU():
            yield Clip(inf)
        case nn.MaxPool2d(kernel_size=2, stride=2, padding=0):
            yield Pool()
        case _:
            raise TypeError(f"no gradient is known for a {type(module).__name__} ({key})")


def _fused(steps: list[Step]) -> list[Step]:
    """Move each clip into the convolution before it."""
    fused: list[Step] = []
    for step in steps:
        last = fused[-1] if fused else None
        if isinstance(step, Clip) and isinstance(last, Conv) and last.top is None:
            fused[-1] = replace(last, top=step.top)
        else:
            fused.append(step)
    return fused
