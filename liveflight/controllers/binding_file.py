"""Read and write the TOML files that bind the knobs or channels of devices to controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from liveflight.core.contracts import LiveflightError, Value, nearest
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS, find
from liveflight.storage import named_files, toml_reader

Takeover = Literal["pickup", "jump"]
"""Behaviour of a knob whose control stands elsewhere.

`pickup`: it does nothing until it passes the control's value. `jump`: it sets it at once."""

TAKEOVERS: tuple[Takeover, ...] = get_args(Takeover)
MAX_BINDINGS = 99
"""Bindings of one file."""
_VERSION = 1

Map = TypeVar("Map")


def armed(key: str, values: Mapping[str, Value]) -> tuple[Control, str]:
    """Return the control that is armed to learn its knob, and the text that the knob will send.

    `values`: where the controls stand. Raises LiveflightError where no knob can move it."""
    control = find(key)
    if not control.writable:
        raise LiveflightError(f"{key} cannot be set, so no knob can move it")
    text = str(values.get(key, "")) if control.kind == "text" else ""
    if control.kind == "text" and not text:
        raise LiveflightError(f"{key} is empty: first set it to the text that the knob should send")
    return control, text


def read(kind: str, path: Path, parse: Callable[[Mapping[str, Any]], Map]) -> Map:
    """Return what `parse` makes of a file's table, or of an empty one if there is no such file.

    `kind`: `MIDI` or `DMX`. Raises LiveflightError naming the file, the field and what is
    allowed."""
    with named_files.reading(f"{kind} bindings", path):
        try:
            table = named_files.toml(path)
        except (FileNotFoundError, NotADirectoryError):
            table = {"version": _VERSION}
        return parse(table)


def write(kind: str, text: str, path: Path) -> None:
    """Write the text that `dump` made, atomically. Raises LiveflightError where it cannot."""
    try:
        named_files.write(text, path)
    except OSError as error:
        raise LiveflightError(
            f"{kind} bindings {path} cannot be written: {named_files.why(error)}"
        ) from error


def dump(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows of the bindings as TOML text."""
    return toml_reader.dump({"version": _VERSION, "binding": rows})


def rows(data: Mapping[str, Any], fields: Sequence[str]) -> list[dict[str, Any]]:
    """Return the tables of the bindings in parsed TOML, which have no other keys than `fields`.

    Raises LiveflightError naming the field and what is allowed."""
    named_files.check_head(data, _VERSION, ("version", "binding"))
    found = data.get("binding", [])
    if not isinstance(found, list) or len(found) > MAX_BINDINGS:
        raise LiveflightError(f"binding: allowed are up to {MAX_BINDINGS} tables, [[binding]]")
    for row in found:
        if not isinstance(row, dict):
            raise LiveflightError(f"binding {str(row)[:60]!r}: allowed is a table")
        for key in row:
            if key not in fields:
                raise LiveflightError(f"a binding has no {key[:60]!r}{nearest(key, fields)}")
    return found


def control(row: Mapping[str, Any]) -> Control:
    """Return the control of a row. Raises LiveflightError, as the other readers of fields do."""
    key = row.get("control")
    found = CONTROLS.get(key) if isinstance(key, str) else None
    if found and found.writable:
        return found
    close = nearest(key, CONTROLS) if isinstance(key, str) else ""
    raise LiveflightError(f"control = {str(key)[:60]!r}: allowed is a control's name{close}")


def choice(row: Mapping[str, Any], key: str, allowed: Sequence[Any], default: str = "") -> Any:
    """Return one of the `allowed` words."""
    value = row.get(key, default)
    if value not in allowed:
        raise LiveflightError(f"{key} = {str(value)[:60]!r}: allowed is {', '.join(allowed)}")
    return value


def line(row: Mapping[str, Any], key: str) -> str:
    """Return a line of text."""
    value = row.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
        raise LiveflightError(
            f"{key} = {str(value)[:60]!r}: allowed is a line of 1 to 200 characters"
        )
    return value


def integer(row: Mapping[str, Any], key: str, low: int, high: int) -> int:
    """Return a whole number from `low`, which stands for a missing one, to `high`."""
    value = row.get(key, low)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise LiveflightError(f"{key} = {str(value)[:60]!r}: allowed is {low} to {high}")
    return value


def flag(row: Mapping[str, Any], key: str) -> bool:
    """Return a switch, which is on where it is missing."""
    value = row.get(key, True)
    if not isinstance(value, bool):
        raise LiveflightError(f"{key} = {str(value)[:60]!r}: allowed is true or false")
    return value
