"""Describe the controls as a tree of OSCQuery nodes (github.com/Vidvox/OSCQueryProposal).

A node is a control's plain address, so a number's range is that of a fader, 0 to 1; its unit and
range are in the description. `/raw` and `/add` work but are not nodes: a client such as Chataigne
takes a node with contents for a folder and shows no fader.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liveflight.controllers.osc.addresses import CONTROL_AT, normalised
from liveflight.controllers.osc.codec import Argument, encode
from liveflight.core.contracts import Value
from liveflight.core.control import Control
from liveflight.core.controls import ROWS

Node = dict[str, Any]

ATTRIBUTES = (
    "FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT", "CLIPMODE",
)  # fmt: skip
EXTENSIONS = {
    **dict.fromkeys(("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT", "CLIPMODE"), True),
    **dict.fromkeys(("TAGS", "EXTENDED_TYPE", "CRITICAL", "OVERLOADS", "HTML"), False),
    **dict.fromkeys(("LISTEN", "IGNORE"), True),
    **dict.fromkeys(("PATH_CHANGED", "PATH_ADDED", "PATH_REMOVED", "PATH_RENAMED"), False),
}
_TYPES = {
    "float": "f", "int": "f", "meter": "f", "bool": "T", "enum": "s", "text": "s", "told": "s",
    "trigger": "I",
}  # fmt: skip

LEAVES: Mapping[str, Control] = {row.address: row for row in ROWS if row.remote}
"""Every node that is a control, by its path."""


def _folders() -> dict[str, dict[str, str]]:
    """Return every container: the names and paths of the nodes in it, by its path."""
    folders: dict[str, dict[str, str]] = {}
    for path in LEAVES:
        while path != "/":
            above, _, name = path.rpartition("/")
            folders.setdefault(above or "/", {})[name] = path
            path = above or "/"
    return folders


FOLDERS = _folders()


def node(path: str, values: Mapping[str, Value]) -> Node | None:
    """Return the node at `path` with all its contents, or None.

    A control is found by any address that OSC accepts. `values`: by the controls' keys."""
    path = normalised(path)
    if path in FOLDERS:
        inside = {name: node(where, values) for name, where in FOLDERS[path].items()}
        return {"FULL_PATH": path, "ACCESS": 0, "CONTENTS": inside}
    row = CONTROL_AT.get(path)
    return _leaf(row, values) if row else None


def within(path: str) -> list[Control]:
    """Return all controls in a container; none if the path is not one."""
    path = normalised(path)
    inside = f"{path.rstrip('/')}/"
    return [row for leaf, row in LEAVES.items() if path in FOLDERS and leaf.startswith(inside)]


def argument(row: Control, value: Value) -> Argument:
    """Return a control's value as in its node: numbers as fader positions, choices by name.

    A trigger's is null: python-oscquery's client refuses a method without a value."""
    match row.kind:
        case "float" | "int":
            return row.to_position(value)
        case "meter":
            return float(value)
        case "bool":
            return bool(value)
        case "trigger":
            return None
        case _:
            return str(value)


def message(row: Control, value: Value) -> bytes:
    """Return the OSC message for a listener."""
    return encode(row.address, argument(row, value))


def _leaf(row: Control, values: Mapping[str, Value]) -> Node:
    access = 2 if row.kind == "trigger" else 3 if row.settable else 1
    optional = {
        "VALUE": [argument(row, values.get(row.key, row.default))],
        "RANGE": _range(row),
        "UNIT": [row.unit] if row.kind == "meter" and row.unit else None,
        "CLIPMODE": ["both"] if row.kind in ("float", "int") else None,
    }
    return {
        "FULL_PATH": row.address,
        "TYPE": _TYPES[row.kind],
        "ACCESS": access,
        "DESCRIPTION": _description(row),
        **{name: said for name, said in optional.items() if said is not None},
    }


def _range(row: Control) -> list[Node] | None:
    match row.kind:
        case "float" | "int":
            return [{"MIN": 0.0, "MAX": 1.0}]
        case "meter":
            return [{"MIN": row.minimum, "MAX": row.maximum}]
        case "enum":
            return [{"VALS": list(row.choices)}]
    return None


def _description(row: Control) -> str:
    if row.choices:
        return f"{row.help} (/raw counts: {row.indices})"
    return f"{row.help} ({row.range})" if row.kind in ("float", "int") else row.help
