"""Make the lists that the commands print: rows of cells, the headings first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from liveflight import networks as registry
from liveflight.core.contracts import LiveflightError
from liveflight.core.controls import ROWS
from liveflight.storage import cue_lists
from liveflight.storage import presets as preset_files

if TYPE_CHECKING:
    from liveflight.show.filter_ranking import Found

Rows = list[tuple[str, ...]]


def controls() -> Rows:
    """Return every control with its address, kind, default, allowed values and help."""
    rows: Rows = [("OSC ADDRESS", "KIND", "DEFAULT", "ALLOWED", "WHAT IT DOES")]
    for row in ROWS:
        address = row.alias or row.address if row.remote else f"(keys only) {row.key}"
        default = "" if row.kind in ("trigger", "text") else row.shown(row.default)
        allowed = "" if row.kind == "trigger" else row.range
        allowed += f"; /raw {row.indices}" if row.choices else ""
        rows.append((address, row.kind, default, allowed, row.help))
    return rows


def networks(everything: bool = False) -> Rows:
    """Return the networks, with `everything` torchvision's others too.

    The layers of the others are known only once one of them is asked for by name."""
    rows: Rows = [("NETWORK", "LAYERS", "FILTERS", "WEIGHTS")]
    for name in registry.names():
        network = registry.network(name)
        filters = sum(layer.channels for layer in network.layers)
        here = network.find_weights()
        weights = f"found: {here}" if here else "downloaded at first use, or --weights FILE"
        if network.included:
            weights = "with the installation" if here else "missing: reinstall liveflight"
        rows.append((name, str(len(network.layers)), str(filters), weights))
    if everything:
        shown = "torchvision's; its layers: liveflight networks "
        rows += [(name, "", "", f"{shown}{name}") for name in registry.others()]
    return rows


def layers(network: registry.Network) -> Rows:
    """Return a network's layers with their filters, strides and other names."""
    also: dict[str, list[str]] = {}
    for alias, canonical in network.aliases.items():
        also.setdefault(canonical, []).append(alias)
    rows: Rows = [("LAYER", "FILTERS", "STRIDE", "ALSO CALLED")]
    for layer in network.layers:
        names = ", ".join(also.get(layer.name, []))
        rows.append((layer.name, f"0 to {layer.channels - 1}", f"{layer.stride} px", names))
    return rows


def filters(network: registry.Network, layer: str) -> Rows:
    """Return the filters of a layer whose filters have names.

    Raises LiveflightError for other layers."""
    name = network.layer(layer).name
    if name not in network.filter_names:
        raise LiveflightError(
            f"the filters of {network.name}:{name} have no names, only the numbers 0 to "
            f"{network.layer(name).channels - 1}"
        )
    rows: Rows = [("FILTER", "NAME")]
    return rows + [(str(n), called) for n, called in enumerate(network.filter_names[name]())]


def found(filters: Sequence[Found]) -> Rows:
    """Return the filters that `liveflight find` found, with their scores."""
    rows: Rows = [("TARGET", "DEVIATIONS", "NAME")]
    return rows + [(str(each.target), f"{each.score:.1f}", each.name) for each in filters]


def presets() -> Rows:
    """Return the presets; a broken one has its error for a description."""
    rows: Rows = [("SLOT", "PRESET", "NETWORK", "DESCRIPTION")]
    for name in preset_files.names():
        try:
            preset = preset_files.find(name)
        except LiveflightError as error:
            rows.append(("", name, "", str(error)))
            continue
        used = sorted({target.network for target in preset.all_targets})
        rows.append((str(preset.slot or ""), name, ", ".join(used), preset.about or preset.title))
    return rows


def cues() -> Rows:
    """Return the cue lists; a broken one has its error for a description."""
    rows: Rows = [("CUE LIST", "CUES", "DESCRIPTION")]
    for name in cue_lists.names():
        try:
            known = cue_lists.find(name)
        except LiveflightError as error:
            rows.append((name, "", str(error)))
            continue
        rows.append((name, str(len(known.cues)), known.title))
    return rows


def lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
