"""Write docs/controls.md and docs/open-stage-control.json from the table of controls.

The first is the page of all controls, the second a session for Open Stage Control. A test compares
both files with the table.
"""

from __future__ import annotations

import json
from typing import Any

from liveflight.controllers.control_picker import PICKABLE
from liveflight.controllers.keyboard import KEYS, PICK
from liveflight.core.control import Control
from liveflight.core.controls import ROWS

_HEAD = """# Every control

Made by `liveflight controls --markdown`; do not edit.

A plain OSC address takes and reports a fader position from 0 to 1. With `/raw` at its end, an
address uses the listed unit; with `/add` it takes a signed step; `?` asks for the value. A choice
is set by its name, by its number as an int, or by a fader position. At `/raw` it is set by its
number, as an int or a float, since some surfaces only send floats. A trigger takes nothing or 1.
Slashes at an address's end are ignored. The OSCQuery node is the plain address. A control without
a key of its own is picked from the list of all controls (C) and moved with the arrows. MIDI learn
works for every control that can be moved or fired.

A preset writes a switch as `true` or `false`.
"""
_COLUMNS = ("control", "what it does", "allowed", "default", "keys", "OSC and OSCQuery", "MIDI")


def markdown() -> str:
    """Return the page of all controls, with a table per group."""
    parts = [_HEAD]
    for group in dict.fromkeys(row.group for row in ROWS):
        lines = [_line(_cells(row)) for row in ROWS if row.group == group]
        parts.append("\n".join([f"## {group}\n", _line(_COLUMNS), "|---" * 7 + "|", *lines, ""]))
    return "\n".join(parts)


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _cells(row: Control) -> tuple[str, ...]:
    read_only = row.kind in ("told", "meter")
    default = "" if read_only or row.kind in ("trigger", "text") else row.shown(row.default)
    allowed = {
        "trigger": "",
        "meter": f"reports {row.unit or 'a number'}",
        "told": "reports a text",
    }
    return (
        f"`{row.key}`",
        row.help,
        allowed.get(row.kind, row.range) + (f"; `/raw` {row.indices}" if row.choices else ""),
        default,
        "read only" if read_only else _keys(row),
        _addresses(row),
        "read only" if read_only else "yes",
    )


def _keys(row: Control) -> str:
    labels = [
        key.label
        for key in KEYS
        if any(said.key == row.key for messages in key.keys.values() for said in messages)
    ]
    return ", ".join([*labels, f"{PICK.upper()} and arrows"] if row in PICKABLE else labels)


def _addresses(row: Control) -> str:
    if not row.remote:
        return "keys only"
    return ", ".join(f"`{address}`" for address in (row.address, row.alias) if address)


# Open Stage Control

_WIDTH_PX, _HEIGHT_PX, _COLUMNS_PER_ROW = 90, 240, 12
"""A widget's size, and the number of widgets side by side."""


def stage_control() -> str:
    """Return the session as JSON, with a tab per group.

    A number is a fader, a switch or trigger a button, a choice a drop-down, a text a text field."""
    groups = dict.fromkeys(row.group for row in ROWS if row.remote)
    tabs = [_tab(group, [r for r in ROWS if r.remote and r.group == group]) for group in groups]
    session = {
        "createdWith": "Open Stage Control",
        "version": "1.30.1",
        "type": "session",
        "content": {"type": "root", "id": "root", "tabs": tabs, "widgets": []},
    }
    return json.dumps(session, indent=1) + "\n"


def _tab(group: str, rows: list[Control]) -> dict[str, Any]:
    widgets = [
        {
            **_widget(row),
            "id": row.key,
            "label": row.name.replace("_", " "),
            "comments": row.help,
            "address": row.address,
            "left": place % _COLUMNS_PER_ROW * (_WIDTH_PX + 10) + 10,
            "top": place // _COLUMNS_PER_ROW * (_HEIGHT_PX + 10) + 10,
            "width": _WIDTH_PX,
        }
        for place, row in enumerate(rows)
    ]
    return {"type": "tab", "id": f"tab_{group}", "label": group, "widgets": widgets, "tabs": []}


def _widget(row: Control) -> dict[str, Any]:
    match row.kind:
        case "float" | "int":
            start = row.to_position(row.default)
            steps = round(row.maximum - row.minimum) if row.kind == "int" else 0
            return {
                "type": "fader",
                "height": _HEIGHT_PX,
                "range": {"min": 0, "max": 1},
                "steps": steps or False,
                "default": round(start, 4),
                "doubleTap": True,
                "typeTags": "f",
            }
        case "bool":
            said = {"mode": "toggle", "on": 1, "off": 0, "default": int(bool(row.default))}
            return {"type": "button", "height": 60, "typeTags": "i", **said}
        case "trigger":
            return {"type": "button", "height": 60, "mode": "tap", "on": 1, "off": 0}
        case "enum":
            places = {name: row.to_position(name) for name in row.choices}
            return {"type": "dropdown", "height": 60, "values": places, "typeTags": "f"}
        case "text":
            return {"type": "input", "height": 60, "typeTags": "s"}
        case _:
            return {"type": "text", "height": 60, "interaction": False, "bypass": True}
