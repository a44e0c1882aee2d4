"""Register the networks there are to ascend, by name. One module here is one network.

Importing this package loads no torch; `Network.load` does.
"""

from __future__ import annotations

from liveflight.core.contracts import LiveflightError, Target, nearest
from liveflight.networks import imagenet, torchvision_models
from liveflight.networks.efficientnet_lite0 import EFFICIENTNET_LITE0
from liveflight.networks.network import Layer, Network
from liveflight.networks.vgg import VGG16, VGG16_TORCHVISION, VGG19

__all__ = ["Layer", "Network", "described", "layers_known", "names", "network", "others", "resolve"]

_NETWORKS = {
    known.name: known
    for known in (
        *(VGG16, EFFICIENTNET_LITE0, VGG19),
        *map(torchvision_models.network, torchvision_models.LISTED),
        VGG16_TORCHVISION,
    )
}


def names() -> tuple[str, ...]:
    """Return the names of the networks that a show passes through, the default first."""
    return tuple(_NETWORKS)


def others() -> tuple[str, ...]:
    """Return the names of further networks that can be asked for."""
    return torchvision_models.OTHERS


def network(name: str) -> Network:
    """Return the network of that name, in any case. Raises LiveflightError where there is none.

    One of the `others` takes a second or two when first asked for, and loads torch."""
    asked = name.strip().lower()
    if asked in _NETWORKS:
        return _NETWORKS[asked]
    if asked in torchvision_models.OTHERS:
        return torchvision_models.network(asked)
    near = nearest(asked, _NETWORKS) or nearest(asked, torchvision_models.OTHERS)
    raise LiveflightError(
        f"there is no network {name[:80]!r}{near}; "
        f"there are: {', '.join(_NETWORKS)}; more by: liveflight networks --all"
    )


def layers_known(name: str) -> bool:
    """Return whether `network` answers at once: not for one of the `others` not asked for yet."""
    asked = name.strip().lower()
    return asked not in torchvision_models.OTHERS or torchvision_models.known(asked)


def described(target: Target) -> str:
    """Return a target as text for people, with its filter's name if it has one."""
    if not layers_known(target.network):
        return str(target)
    try:
        known = resolve(target)
    except LiveflightError:
        return str(target)
    return f"{known} {network(known.network).name_of(known.layer, known.filter)}".rstrip()


def resolve(target: Target) -> Target:
    """Return the same target by its canonical names.

    Raises LiveflightError where the network, the layer or the filter does not exist."""
    found = network(target.network)
    if target.layer.strip().lower() == imagenet.LAYER and imagenet.LAYER not in found.filter_names:
        raise LiveflightError(
            f"{found.name} has no classifier here, so there are no classes to ascend: "
            f"{EFFICIENTNET_LITE0.name} has, as in {EFFICIENTNET_LITE0.name}:class:jellyfish"
        )
    layer = found.layer(target.layer)
    if target.name:
        return Target(found.name, layer.name, found.filter_called(layer, target.name))
    if target.filter is not None and not 0 <= target.filter < layer.channels:
        raise LiveflightError(
            f"filter {target.filter} is not in {found.name}:{layer.name}, "
            f"which has {layer.channels}: 0 to {layer.channels - 1}"
        )
    return Target(found.name, layer.name, target.filter)
