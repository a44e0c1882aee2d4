"""Describe every control for the page, from the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liveflight.controllers.keyboard import help_lines
from liveflight.core.contracts import Value
from liveflight.core.control import Control
from liveflight.core.controls import ROWS

_METER_DIGITS = 3


def controls() -> list[dict[str, Any]]:
    """Return the rows of the table, in its order."""
    return [_described(row) for row in ROWS]


def keys() -> list[list[str]]:
    """Return the keys and what they do."""
    return [line.split("\t") for line in help_lines()]


def shown(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values for the page: those of meters rounded, so that fewer of them change."""
    return {
        row.key: _rounded(row, values[row.key])
        for row in ROWS
        if row.key in values and row.kind != "trigger"
    }


def _rounded(row: Control, value: Value) -> Value:
    meter = row.kind == "meter" and isinstance(value, float)
    return round(float(value), _METER_DIGITS) if meter else value


def _described(row: Control) -> dict[str, Any]:
    return {
        "key": row.key,
        "group": row.group,
        "name": row.name,
        "kind": row.kind,
        "help": row.help,
        "default": row.default,
        "minimum": row.minimum,
        "maximum": row.maximum,
        "unit": row.unit,
        "curve": row.curve,
        "choices": row.choices,
        "remote": row.remote,
        "waits": row.waits,
    }
