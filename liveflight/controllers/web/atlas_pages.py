"""Give the page the atlases: which filters a network's sheets show, and the sheets themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from liveflight import networks
from liveflight.core.contracts import LiveflightError
from liveflight.networks.atlas import sheets
from liveflight.networks.network import Network
from liveflight.storage import starred_targets


def listed() -> dict[str, Any]:
    """Return the networks that have an atlas, and the layers in it whose filters have names."""
    found = {name: sheets.find(name) for name in networks.names()}
    named = [
        {"network": name, "layer": layer}
        for name, atlas in found.items()
        for layer in networks.network(name).filter_names
        if layer in atlas
    ]
    return {"networks": [name for name, atlas in found.items() if atlas], "named": named}


def layers(name: str) -> dict[str, Any] | None:
    """Return a network's layers and the filters on their sheets; None where it has no atlas."""
    if name not in networks.names():
        return None
    network, atlas = networks.network(name), sheets.find(name)
    starred = [str(target) for target in _stars() if target.network == name]
    return {
        "network": name,
        "tile": sheets.TILE,
        "columns": sheets.COLUMNS,
        "layers": [
            _layer(network, layer.name, atlas[layer.name].filters)
            for layer in sheets.drawn(network)
            if layer.name in atlas
        ],
        "shown": {each.name: sheets.shown_for(network, each.name).name for each in network.layers},
        "starred": starred,
    }


def _layer(network: Network, layer: str, filters: Sequence[int]) -> dict[str, Any]:
    called = [network.name_of(layer, number) for number in filters]
    return {"name": layer, "filters": filters, **({"called": called} if any(called) else {})}


def sheet(name: str, layer: str) -> bytes | None:
    """Return the WebP file of a layer's sheet; None where there is none."""
    if name not in networks.names() or (found := sheets.find(name).get(layer)) is None:
        return None
    try:
        return found.path.read_bytes()
    except OSError:
        return None


def _stars() -> tuple[Any, ...]:
    try:
        return starred_targets.read()
    except LiveflightError:  # reported when a star is set
        return ()
