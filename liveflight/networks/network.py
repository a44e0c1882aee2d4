"""Describe a network: named layers, an input normalisation, a loader.

Imports no torch: names and shapes are asked for long before anything is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from liveflight.core.contracts import LiveflightError, Progress, nearest

if TYPE_CHECKING:
    from liveflight.networks.layered import Features

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Layer:
    """Describe a layer whose filters can be targets."""

    name: str
    channels: int
    """Number of filters, which are numbered 0 to channels - 1."""
    stride: int
    """Input pixels per pixel of the feature map."""


@dataclass(frozen=True, eq=False)
class Network:
    """Describe a network. `layers` go from shallow to deep."""

    name: str
    title: str
    layers: tuple[Layer, ...]
    aliases: Mapping[str, str]
    """Other accepted layer names, lower case, and the canonical names they stand for."""
    mean: Triple
    std: Triple
    """The module's input is (picture - mean) / std, the picture RGB in 0..1."""
    find: Callable[[], Path | None]
    loader: Callable[[Path | None, Progress | None], Features]
    included: bool = False
    """Whether its weights come with the installation."""
    dense: bool = True
    """Whether most of its work is in full convolutions, as against depthwise ones."""
    filter_names: Mapping[str, Callable[[], Sequence[str]]] = field(default_factory=dict)
    """For layers whose filters have names: a function that returns them in the filters' order."""
    begins: str = ""
    """The layer at which a flight begins by default; if empty, the one three quarters down."""

    @property
    def beginning(self) -> Layer:
        """Return the layer at which a flight begins by default."""
        return self.layer(self.begins) if self.begins else self.layers[len(self.layers) * 3 // 4]

    @cached_property
    def _by_name(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.layers}

    def layer(self, name: str) -> Layer:
        """Return the layer of a name or alias, in any case. Raises LiveflightError for others."""
        by_name = self._by_name
        asked = name.strip().lower()
        found = by_name.get(self.aliases.get(asked, asked))
        if found is None:
            near = nearest(asked, [*by_name, *self.aliases])
            raise LiveflightError(
                f"{self.name} has no layer {name[:80]!r}{near}; "
                f"list its layers with: liveflight networks {self.name}"
            )
        return found

    def sorted(self, names: Iterable[str]) -> list[Layer]:
        """Return the layers of these names or aliases, each once, from shallow to deep.

        Raises LiveflightError for an unknown name."""
        wanted = {self.layer(name).name for name in names}
        return [layer for layer in self.layers if layer.name in wanted]

    def filter_called(self, layer: Layer, name: str) -> int:
        """Return the number of a layer's filter of that name, in any case, hyphens as spaces.

        Raises LiveflightError where the layer's filters have no names, or none has this one."""
        if layer.name not in self.filter_names:
            raise LiveflightError(
                f"filter {name[:40]!r} of {self.name}:{layer.name}: allowed are the numbers 0 to "
                f"{layer.channels - 1}, or * for the whole layer"
            )
        called = [_plain(each) for each in self.filter_names[layer.name]()]
        if _plain(name) in called:
            return called.index(_plain(name))
        near = nearest(_plain(name), called)
        raise LiveflightError(f"{self.name}:{layer.name} has no {name[:40]!r}{near}")

    def name_of(self, layer: str, number: int | None) -> str:
        """Return the name of a layer's filter; empty where it has none."""
        if number is None or layer not in self.filter_names:
            return ""
        return self.filter_names[layer]()[number]

    def find_weights(self) -> Path | None:
        """Return the file that `load` would read without a download, or None. Loads no torch."""
        return self.find()

    def load(self, weights: Path | None = None, progress: Progress | None = None) -> Features:
        """Return the network in evaluation mode, float32, on the CPU, its parameters frozen.

        See `Features` for how to call it. The weights are the given file (.safetensors, .pth or
        .pt; for VGG also .h5 and .onnx), else `find_weights()`, else a download if the network has
        one.
        Raises LiveflightError where they are missing, truncated or another network's."""
        return self.loader(weights, progress)


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("-", " ").replace("_", " ").split())
