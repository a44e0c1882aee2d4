"""Check the table of a wall's TOML file, which says for an installation what options say.

    version = 1
    wall = "2x1"
    canvas = "3840x1080"
    displays = [0, 1]

Reads no file. Errors name the key, what is allowed and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from liveflight.core.contracts import LiveflightError, Size
from liveflight.wall import layout
from liveflight.wall.layout import Layout, Length

VERSION = 1
KEYS = (
    *("version", "wall", "canvas", "displays", "windows", "bezel", "pitch", "display-width"),
    *("overlap", "rotations", "master", "interface", "allow-unequal", "options"),
)
_MOST_OPTIONS = 200
_NOT_HERE = ("--wall", "--rank", "--world")
"""Options that only a command line may have: they differ from rank to rank, or name the file."""


@dataclass(frozen=True)
class Installation:
    """A wall as its file describes it."""

    layout: Layout
    canvas: Size | None = None
    windows: bool = False
    master: tuple[str, int] | None = None
    interface: str = ""
    allow_unequal: bool = False
    options: tuple[str, ...] = ()
    """Words for the command line of every rank, before the user's own."""


def read(data: Mapping[str, Any]) -> Installation:
    """Return the wall of a file's table, whose keys and version have been checked.

    Raises LiveflightError."""
    if "wall" not in data:
        raise LiveflightError('it has no wall: write wall = "COLUMNSxROWS", such as "2x1"')
    columns, rows = layout.grid(_text(data, "wall"))
    bezel = _pair(data, "bezel", _length)
    overlap = _pair(data, "overlap", lambda key, value: _number(key, value, whole=True))
    return Installation(
        Layout(
            columns,
            rows,
            gaps=bezel or (layout.NOTHING, layout.NOTHING),
            overlaps=(int(overlap[0]), int(overlap[1])) if overlap else (0, 0),
            rotations=_whole_numbers(data, "rotations") or (0,),
            displays=_whole_numbers(data, "displays"),
            pitch_mm=_number("pitch", data.get("pitch", 0.0)),
            width_mm=_number("display-width", data.get("display-width", 0.0)),
        ),
        _canvas(data) if "canvas" in data else None,
        _switch(data, "windows"),
        _master(data) if "master" in data else None,
        _text(data, "interface") if "interface" in data else "",
        _switch(data, "allow-unequal"),
        _options(data),
    )


def _canvas(data: Mapping[str, Any]) -> Size:
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", _text(data, "canvas"), re.ASCII)
    if not found or not (int(found[1]) and int(found[2])):
        raise LiveflightError(
            f'canvas = {_shown(data["canvas"])}: write "WIDTHxHEIGHT" in pixels, such as '
            '"3840x1080"'
        )
    return int(found[1]), int(found[2])


def _master(data: Mapping[str, Any]) -> tuple[str, int]:
    host, _, port = _text(data, "master").rpartition(":")
    if not (host and re.fullmatch(r"\d{1,5}", port, re.ASCII) and 0 < int(port) < 65536):
        raise LiveflightError(
            f'master = {_shown(data["master"])}: write "HOST:PORT", such as "192.168.1.20:29500"'
        )
    return host.strip("[]"), int(port)


def _options(data: Mapping[str, Any]) -> tuple[str, ...]:
    words = data.get("options", [])
    if (
        not isinstance(words, list)
        or len(words) > _MOST_OPTIONS
        or not all(isinstance(word, str) and "\0" not in word for word in words)
    ):
        raise LiveflightError(
            f"options = {_shown(words)}: write the words of a command line, such as "
            '["--cues", "exhibition"]'
        )
    for word in words:
        if word.partition("=")[0] in _NOT_HERE:
            raise LiveflightError(f"options: {word!r} belongs on the command line: leave it out")
    return tuple(words)


def _pair(data: Mapping[str, Any], key: str, read: Any) -> tuple[Any, Any] | None:
    """Return a value across and down: one is for both; None where there is none."""
    if key not in data:
        return None
    value = data[key]
    if not isinstance(value, list):
        return read(key, value), read(key, value)
    if len(value) != 2:
        raise LiveflightError(f"{key} = {_shown(value)}: write one value, or two: [across, down]")
    return read(key, value[0]), read(key, value[1])


def _length(key: str, value: object) -> Length:
    if isinstance(value, str):
        try:
            return layout.length(value)
        except LiveflightError as error:
            raise LiveflightError(f"{key}: {error}") from None
    return Length(_number(key, value))


def _number(key: str, value: object, whole: bool = False) -> float:
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value <= 1e6:
        kind = "a whole number" if whole else "a number"
        raise LiveflightError(f"{key} = {_shown(value)}: write {kind} from 0 on")
    return float(value)


def _whole_numbers(data: Mapping[str, Any], key: str) -> tuple[int, ...]:
    value = data.get(key, [])
    listed = value if isinstance(value, list) else [value]
    return tuple(int(_number(key, each, whole=True)) for each in listed)


def _switch(data: Mapping[str, Any], key: str) -> bool:
    value = data.get(key, False)
    if not isinstance(value, bool):
        raise LiveflightError(f"{key} = {_shown(value)}: write true or false")
    return value


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data[key]
    if not isinstance(value, str):
        raise LiveflightError(f"{key} = {_shown(value)}: write text in quotation marks")
    return value


def _shown(value: object) -> str:
    return repr(value)[:60]
