"""Rename a performer's own presets, and give them numbers.

The text of a file is kept but for the line that changes. Presets of the installation are never
changed.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from liveflight.core.contracts import LiveflightError
from liveflight.storage import favourite_presets, named_files, new_files, presets, toml_reader

_SLOT = re.compile(r"^slot[ \t]*=.*\n?", re.MULTILINE)
_TITLE = re.compile(r"^title[ \t]*=.*$", re.MULTILINE)
_VERSION = re.compile(r"^version[ \t]*=.*$", re.MULTILINE)
_TABLE = re.compile(r"^\s*\[", re.MULTILINE)


def rename(name: str, new: str) -> None:
    """Rename a preset of the performer's own, and its title if that was the name.

    It stays a favourite. Cue lists that name it keep the old name. Raises LiveflightError where it
    comes with the installation, where the new name is taken or not allowed, and where the file
    cannot be moved."""
    path = presets.own_file(name)
    named_files.check_name("preset", new)
    if new.lower() in map(str.lower, presets.names()):  # some file systems know no capitals
        raise LiveflightError(f"there is a preset {new!r} already: choose another name")
    with named_files.reading("preset", path):
        text = named_files.text(path)
    favourite_presets.rename(name, new)  # first: where the disk is full, nothing is renamed
    try:
        _move(path, path.with_name(f"{new}.toml"), text, new if _titled(text, name) else "")
    except OSError as error:
        with suppress(LiveflightError):
            favourite_presets.rename(new, name)
        why = named_files.why(error)
        raise LiveflightError(f"preset {path} cannot be renamed: {why}") from error


def _move(path: Path, moved: Path, text: str, title: str) -> None:
    """Move a file that has this text, and give it a title unless that is empty. Raises OSError."""
    if not title:
        new_files.move(path, moved)
        return
    named_files.write(_TITLE.sub(f'title = "{title}"', text, count=1), moved, "refuse")
    path.unlink()


def assign_slot(name: str, slot: int | None) -> None:
    """Give a preset of the performer's own a number, or take its number away.

    Another of the performer's own that had the number gets this one's in exchange. A preset of the
    installation keeps its number, but is no longer found by it. Raises LiveflightError where the
    number is not allowed, where it comes with the installation, and where it cannot be written."""
    presets.own_file(name)
    before = presets.find(name).slot
    for other in presets.own().keys() - {name}:
        if slot is not None and _slot(other) == slot:
            _write_slot(other, before)
    _write_slot(name, slot)


def _titled(text: str, name: str) -> bool:
    try:
        return toml_reader.parse(text).get("title") == name
    except LiveflightError:
        return False


def _write_slot(name: str, slot: int | None) -> None:
    path = presets.own_file(name)
    with named_files.reading("preset", path):
        text = _with_slot(named_files.text(path), slot)
        presets.parse(name, toml_reader.parse(text))  # refuses a number that is not allowed
    with presets.writing(path):
        named_files.write(text, path)


def _with_slot(text: str, slot: int | None) -> str:
    """Return a preset's text with this slot; only its head, before the first table, is changed."""
    table = _TABLE.search(text)
    head, rest = (text[: table.start()], text[table.start() :]) if table else (text, "")
    head = _SLOT.sub("", head)
    if slot is not None:
        version = _VERSION.search(head)
        at = version.end() if version else 0
        head = f"{head[:at]}\nslot = {slot}{head[at:]}"
    return head + rest


def _slot(name: str) -> int | None:
    try:
        return presets.find(name).slot
    except LiveflightError:
        return None
