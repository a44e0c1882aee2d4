"""The layers of a network on which engines are compared."""

from __future__ import annotations

from collections.abc import Sequence

from liveflight import networks
from liveflight.networks import Layer


def compared_layers(name: str) -> Sequence[Layer]:
    """Return every layer; of VGG19 those that VGG16 lacks, since the others repeat it."""
    layers = networks.network(name).layers
    if name != "vgg19":
        return layers
    others = {layer.name for layer in networks.network("vgg16").layers}
    return [layer for layer in layers if layer.name not in others]
