"""Read and write cue lists: TOML files that say which preset follows which, and when.

Data only: the presets are looked up by name or slot as each cue comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liveflight.core.contracts import LiveflightError, nearest
from liveflight.core.morph import CURVES
from liveflight.storage import named_files, toml_reader
from liveflight.system.package_data import folder

VERSION = 1
MAX_CUES = 99
"""Cues in a file."""
_FIELDS = ("preset", "seconds", "beats", "transition", "transition_beats", "curve", "hold")


@dataclass(frozen=True)
class Cue:
    """Hold one cue: a preset, its length and the transition into it."""

    preset: str
    """Name or slot number of a preset."""
    seconds: float = 0.0
    """Time until the next cue, transition included; ignored where `beats` is above 0."""
    beats: float = 0.0
    transition: float = 0.0
    """Seconds of the morph into it; ignored where `transition_beats` is above 0."""
    transition_beats: float = 0.0
    curve: str = CURVES[0]
    hold: bool = False
    """Whether it stays until go."""


@dataclass(frozen=True)
class CueList:
    """Hold the cues of a file."""

    name: str
    cues: tuple[Cue, ...]
    """At least one."""
    title: str = ""


def user_folder() -> Path:
    return named_files.user_folder("cues")


def names() -> tuple[str, ...]:
    """Return the names of all cue lists, sorted."""
    return tuple(sorted(_files()))


def find(text: str) -> CueList:
    """Return the cue list of that name.

    Raises LiveflightError, with the nearest name, where there is none."""
    files = _files()
    if text in files:
        return read(files[text])
    raise LiveflightError(
        f"there is no cue list {text[:60]!r}{nearest(text, files)}; `liveflight cues` lists them"
    )


def read(path: Path) -> CueList:
    """Read and check a file. Raises LiveflightError naming file, cue, field and what is allowed."""
    with named_files.reading("cue list", path):
        return parse(named_files.name_of(path.name) or path.stem, named_files.toml(path))


def parse(name: str, data: Mapping[str, Any]) -> CueList:
    """Return a cue list from parsed TOML. Raises LiveflightError naming the field."""
    named_files.check_head(data, VERSION, ("version", "title", "cue"))
    rows = data.get("cue")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_CUES:
        raise LiveflightError(f"a cue list has 1 to {MAX_CUES} tables called [[cue]]")
    cues = []
    for number, row in enumerate(rows, 1):
        try:
            cues.append(_cue(row))
        except LiveflightError as error:
            raise LiveflightError(f"cue {number}: {error}") from error
    title = data.get("title", "")
    if not _line(title, 500):
        raise LiveflightError(f"title = {str(title)[:60]!r}: allowed is a line of 500 letters")
    return CueList(name, tuple(cues), title)


def write(cues: CueList, *, replace: bool = False) -> Path:
    """Save a list in the user's folder, whole or not at all; return its path.

    `replace`: it may take the place of the user's own list of this name. Raises LiveflightError
    where the name is taken or could be more than a file's name, and where it cannot be written."""
    named_files.check_name("cue list", cues.name)
    taken = _files().get(cues.name)
    if taken and not (replace and is_own(cues.name)):
        raise LiveflightError(f"there is a cue list {cues.name!r} already: choose another name")
    path = taken or user_folder() / f"{cues.name}.toml"
    try:
        return named_files.write(
            toml_reader.dump(table(cues)), path, "replace" if taken else "refuse"
        )
    except OSError as error:
        why = named_files.why(error)
        raise LiveflightError(f"cue list {path} cannot be written: {why}") from error


def is_own(name: str) -> bool:
    """Return whether a list is the user's own, not one of the installation."""
    return name in named_files.files((user_folder(),))


def table(cues: CueList) -> dict[str, Any]:
    """Return the table that `parse` takes; fields at their defaults are left out."""
    plain = Cue("")
    rows = [
        {name: value for name in _FIELDS if (value := getattr(cue, name)) != getattr(plain, name)}
        for cue in cues.cues
    ]
    return {"version": VERSION, "title": cues.title or cues.name, "cue": rows}


def _cue(row: object) -> Cue:
    if not isinstance(row, dict):
        raise LiveflightError(f"{str(row)[:60]!r}: allowed is a table, [[cue]]")
    for key in row:
        if key not in _FIELDS:
            raise LiveflightError(f"there is no {key[:60]!r}{nearest(key, _FIELDS)}")
    preset = row.get("preset", "")
    if not _line(preset, 64) or not preset:
        raise LiveflightError(f"preset = {str(preset)[:60]!r}: allowed is a preset's name or slot")
    curve, hold = row.get("curve", CURVES[0]), row.get("hold", False)
    if curve not in CURVES:
        raise LiveflightError(f"curve = {str(curve)[:60]!r}: allowed are {', '.join(CURVES)}")
    if not isinstance(hold, bool):
        raise LiveflightError(f"hold = {str(hold)[:60]!r}: allowed is true or false")
    seconds, beats = _number(row, "seconds", 1), _number(row, "beats", 1)
    if bool(seconds) + bool(beats) + hold != 1:
        raise LiveflightError("it needs one of seconds, beats and hold = true")
    fade, fade_beats = _number(row, "transition", 0), _number(row, "transition_beats", 0)
    return Cue(preset, seconds, beats, fade, fade_beats, curve, hold)


def _number(row: Mapping[str, Any], key: str, least: float) -> float:
    """Return a number of a cue, from `least` to 86400; 0 where it is left out."""
    value = row.get(key)
    if value is None:
        return 0.0
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= 86400:
        return float(value)
    raise LiveflightError(f"{key} = {str(value)[:60]!r}: allowed is {least} to 86400")


def _line(text: object, longest: int) -> bool:
    return isinstance(text, str) and len(text) <= longest and text.isprintable()


def _files() -> dict[str, Path]:
    return named_files.files((user_folder(), folder("cues")))
