"""Find the target next to another: the next filter, layer or network."""

from __future__ import annotations

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target
from liveflight.show.target_selector import TargetSelector


def known(name: str) -> Target:
    """Return the target of that name.

    Raises LiveflightError where there is none, and where its network's layers are not known yet:
    finding them takes seconds."""
    target = Target.parse(name)
    if not networks.layers_known(target.network):
        raise LiveflightError(f"{target.network} was not flown yet: fly it first")
    return networks.resolve(target)


def filter_beside(here: Target, step: int) -> Target:
    """Return the filter `step` further, wrapping round; after the whole layer its first or last."""
    channels = networks.network(here.network).layer(here.layer).channels
    number = step - 1 if here.filter is None and step > 0 else (here.filter or 0) + step
    return Target(here.network, here.layer, number % channels)


def layer_beside(here: Target, step: int) -> Target:
    """Return the target `step` layers deeper, as far as there are any, with the nearest number."""
    layers = networks.network(here.network).layers
    names = [layer.name for layer in layers]
    layer = layers[min(max(names.index(here.layer) + step, 0), len(layers) - 1)]
    number = None if here.filter is None else min(here.filter, layer.channels - 1)
    return Target(here.network, layer.name, number)


def network_after(target_selector: TargetSelector) -> Target:
    """Return a target in the next named network whose weights are on this machine.

    Its layer is the one where flights through that network begin. Raises LiveflightError where
    there is no other network: a show downloads nothing."""
    names, here = networks.names(), target_selector.here
    after = names.index(here.network) + 1 if here.network in names else 0
    for name in (*names[after:], *names[:after]):
        if name != here.network and target_selector.has_weights(name):
            layer = networks.network(name).beginning
            return Target(name, layer.name, min(here.filter or 0, layer.channels - 1))
    raise LiveflightError(
        f"only {here.network} has its weights on this machine; "
        "`liveflight networks` says where to put those of others"
    )
