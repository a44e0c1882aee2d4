"""What there is to ascend. One module here is one network; this is the registry that names them.

Importing this package loads no torch; `Network.load` does.
"""

from __future__ import annotations

from liveflight.core.contracts import LiveflightError, Target, nearest
from liveflight.networks.efficientnet_lite0 import EFFICIENTNET_LITE0
from liveflight.networks.network import Layer, Network
from liveflight.networks.vgg import VGG16, VGG19

__all__ = ["Layer", "Network", "names", "network", "resolve"]

_NETWORKS = {known.name: known for known in (EFFICIENTNET_LITE0, VGG16, VGG19)}


def names() -> tuple[str, ...]:
    """All networks' names, the embedded default first."""
    return tuple(_NETWORKS)


def network(name: str) -> Network:
    """The network of that name, in any case. Raises LiveflightError where there is none."""
    asked = name.strip().lower()
    if asked not in _NETWORKS:
        raise LiveflightError(
            f"there is no network {name[:80]!r}{nearest(asked, _NETWORKS)}; "
            f"there are: {', '.join(_NETWORKS)}"
        )
    return _NETWORKS[asked]


def resolve(target: Target) -> Target:
    """The same target by its canonical names.

    Raises LiveflightError where the network, the layer or the filter does not exist."""
    found = network(target.network)
    layer = found.layer(target.layer)
    if target.filter is not None and not 0 <= target.filter < layer.channels:
        raise LiveflightError(
            f"filter {target.filter} is not in {found.name}:{layer.name}, "
            f"which has {layer.channels}: 0 to {layer.channels - 1}"
        )
    return Target(found.name, layer.name, target.filter)
