"""Steps from where a course is to a target beside it: the next filter, layer or network."""

from __future__ import annotations

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target
from liveflight.show.target_selector import TargetSelector


def known(name: str) -> Target:
    """Return the target of that name.

    Raises LiveflightError where there is none, and where its network's layers have yet to be found
    out: that takes seconds."""
    target = Target.parse(name)
    if not networks.at_once(target.network):
        raise LiveflightError(f"{target.network} was not flown yet: fly there first")
    return networks.resolve(target)


def filter_beside(here: Target, step: int) -> Target:
    """`step` filters on, round and round; from the whole layer on, its first or last one."""
    channels = networks.network(here.network).layer(here.layer).channels
    number = step - 1 if here.filter is None and step > 0 else (here.filter or 0) + step
    return Target(here.network, here.layer, number % channels)


def layer_beside(here: Target, step: int) -> Target:
    """`step` layers deeper, as far as there are any, with a filter of like number."""
    layers = networks.network(here.network).layers
    names = [layer.name for layer in layers]
    layer = layers[min(max(names.index(here.layer) + step, 0), len(layers) - 1)]
    number = None if here.filter is None else min(here.filter, layer.channels - 1)
    return Target(here.network, layer.name, number)


def network_after(target_selector: TargetSelector) -> Target:
    """The next named network whose weights are at hand, at the layer where flights through it
    begin: a show downloads nothing. Raises LiveflightError where there is no other."""
    names, here = networks.names(), target_selector.here
    after = names.index(here.network) + 1 if here.network in names else 0
    for name in (*names[after:], *names[:after]):
        if name != here.network and target_selector.at_hand(name):
            layer = networks.network(name).beginning
            return Target(name, layer.name, min(here.filter or 0, layer.channels - 1))
    raise LiveflightError(
        f"no network but {here.network} has its weights here; "
        "`liveflight networks` says where to put the others'"
    )
