"""Read and write presets: TOML files that hold targets and the controls' settings.

Data only, read and written whole or not at all. Shipped ones lie in `presets/`, a performer's own
in the user's configuration folder, which is searched first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain, count
from pathlib import Path
from typing import Any

from liveflight.core import modulation
from liveflight.core.contracts import LiveflightError, Target, Value, nearest
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.preset_banks import MAX_SLOT
from liveflight.storage import named_files, toml_reader
from liveflight.system.package_data import folder

VERSION = 1
_MAX_TARGETS = 99
"""Targets in a list."""
_SAVED: dict[str, dict[str, Control]] = {}
"""Controls that a preset may hold, by group and name."""
for _row in ROWS:
    if _row.saved:
        _SAVED.setdefault(_row.group, {})[_row.name] = _row
_FIELDS = (
    *("version", "title", "about", "slot", "targets", "journey", "modulation", "corners"),
    *_SAVED,
)


@dataclass(frozen=True)
class Preset:
    """Hold a saved look."""

    name: str
    targets: Mapping[Target, float]
    """Targets and their weights; empty leaves the mix as it is."""
    settings: Mapping[str, Value] = field(default_factory=dict)
    """Value by control key, in the control's unit; missing ones are at their defaults."""
    journey: tuple[Target, ...] = ()
    """Stops of the autopilot, in order."""
    modulation: tuple[modulation.ModulationRow, ...] = ()
    """Rows that move its controls."""
    corners: tuple[Target, ...] = ()
    """The XY pad's four targets; empty: the pad is off."""
    title: str = ""
    about: str = ""
    slot: int | None = None
    """Number that recalls it, 1 to 99."""

    @property
    def all_targets(self) -> tuple[Target, ...]:
        """Return every target it names: the mix first, then the pad, then the journey."""
        return (*self.targets, *self.corners, *self.journey)


DEFAULT = "ai-flight"
"""Preset of a plain `liveflight`."""


def user_folder() -> Path:
    return named_files.user_folder("presets")


def own() -> dict[str, Path]:
    """Return the files of the user's own presets, by name."""
    return named_files.files((user_folder(),))


def own_in_slot(slot: int) -> str:
    """Return the name of the user's own preset in that slot; empty where there is none."""
    return next((name for name, path in own().items() if _slot(path) == slot), "")


def names() -> tuple[str, ...]:
    """Return the names of all presets: by slot, then by name."""
    files = _files()
    return tuple(sorted(files, key=lambda name: (_slot(files[name]) or 1000, name)))


def find(text: str) -> Preset:
    """Return the preset of that name or slot number.

    Names are looked up in a listing: `text` is never used as a path. Raises LiveflightError, with
    the nearest name, where there is none."""
    files = _files()
    by_slot = (path for path in files.values() if text.isdecimal() and text == str(_slot(path)))
    path = files.get(text) or next(by_slot, None)
    if path:
        return read(path)
    meant = named_files.name_of(text.replace("\\", "/").rpartition("/")[2]) or text
    raise LiveflightError(
        f"there is no preset {text[:60]!r}{nearest(meant, files)}; `liveflight presets` lists them"
    )


def free_name(name: str) -> str:
    """Return a name, with a number where a preset has it already, which a new one would hide."""
    taken = {each.lower() for each in names()}  # some file systems know no capitals
    numbered = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(each for each in numbered if each.lower() not in taken)


def free_slot() -> int:
    """Return the smallest free slot number. Raises LiveflightError where all 99 are taken."""
    taken = {_slot(path) for path in _files().values()}
    for slot in range(1, MAX_SLOT + 1):
        if slot not in taken:
            return slot
    raise LiveflightError(f"all {MAX_SLOT} slots are taken: remove the slot of one of your presets")


def read(path: Path) -> Preset:
    """Read and check a file. Raises LiveflightError naming file, field and what is allowed."""
    with named_files.reading("preset", path):
        found = path.stat()
        return _read(path, (found.st_ino, found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=512)
def _read(path: Path, version: tuple[int, ...]) -> Preset:
    # Cached per version of a file: finding a slot number means reading all of them.
    return parse(named_files.name_of(path.name) or path.stem, named_files.toml(path))


def parse(name: str, data: Mapping[str, Any]) -> Preset:
    """Return a preset from parsed TOML. Raises LiveflightError naming the field."""
    named_files.check_head(data, VERSION, _FIELDS)
    return Preset(
        name=name,
        targets=dict(_weighted(entry) for entry in _listed(data, "targets")),
        settings=dict(_settings(data)),
        journey=tuple(_target(entry) for entry in _listed(data, "journey")),
        modulation=modulation.read(data.get("modulation", [])),
        corners=_corners(data),
        title=_text(data, "title"),
        about=_text(data, "about"),
        slot=_slot_of(data),
    )


def write(preset: Preset, directory: Path | None = None) -> Path:
    """Save to `directory` (default: the user's folder), whole or not at all; return the path.

    Another file of this name is left alone: see `new_files`. Raises LiveflightError for a name that
    could be more than a file's name, and where it cannot be written."""
    named_files.check_name("preset", preset.name)
    path = (directory or user_folder()) / f"{preset.name}.toml"
    with writing(path):
        return named_files.write(dump(preset), path, "next")


def overwrite(look: Preset) -> None:
    """Give the user's own preset of that name this look; its title and description stay.

    Raises LiveflightError where there is none, or it cannot be written."""
    path = own_file(look.name)
    before = read(path)
    kept = replace(look, title=before.title, about=before.about)
    with writing(path):
        named_files.write(dump(kept), path)


def own_file(name: str) -> Path:
    """Return the file of a preset of the user's own. Raises LiveflightError for any other."""
    if path := own().get(name):
        return path
    if name in names():
        raise LiveflightError(
            f"preset {name!r} comes with the installation and stays as it is: "
            "save it under a name of your own first"
        )
    raise LiveflightError(f"there is no preset {name[:60]!r}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError while a preset is written into a LiveflightError that names its file."""
    try:
        yield
    except OSError as error:
        why = named_files.why(error)
        raise LiveflightError(f"preset {path} cannot be written: {why}") from error


def table(preset: Preset) -> dict[str, Any]:
    """Return the table that `parse` takes; settings at their defaults are left out."""
    data: dict[str, Any] = {"version": VERSION, "title": preset.title or preset.name}
    if preset.about:
        data["about"] = preset.about
    if preset.slot:
        data["slot"] = preset.slot
    data["targets"] = [{"target": str(one), "weight": each} for one, each in preset.targets.items()]
    if preset.journey:
        data["journey"] = [str(target) for target in preset.journey]
    if preset.corners:
        data["corners"] = [str(target) for target in preset.corners]
    for key, value in preset.settings.items():
        control = CONTROLS[key]
        if value != control.default:
            data.setdefault(control.group, {})[control.name] = value
    if preset.modulation:
        data["modulation"] = [row.dump() for row in preset.modulation]
    return data


def dump(preset: Preset) -> str:
    """Return the preset as TOML text; weights are rounded to 4 digits for the reader."""
    data = table(preset)
    for entry in data["targets"]:
        entry["weight"] = float(f"{entry['weight']:.4g}")
    return toml_reader.dump(data)


def _files() -> dict[str, Path]:
    return named_files.files((user_folder(), folder("presets")))


def _slot(path: Path) -> int | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return _slot_in(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4096)
def _slot_in(path: Path, modified: int, size: int) -> int | None:
    # Cached, as reading a hundred files for every slot that is recalled would take frames.
    try:
        return read(path).slot
    except LiveflightError:
        return None


def _settings(data: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    for group in _SAVED.keys() & data.keys():
        table, known = data[group], _SAVED[group]
        if not isinstance(table, dict):
            raise LiveflightError(f"{group} = {str(table)[:60]!r}: allowed is a table, [{group}]")
        for name, value in table.items():
            if name not in known:
                raise LiveflightError(f"[{group}] has no {name[:60]!r}{nearest(name, known)}")
            yield known[name].key, known[name].check(value)


def _listed(data: Mapping[str, Any], key: str) -> list[Any]:
    entries = data.get(key, [])
    if not isinstance(entries, list):
        raise LiveflightError(f"{key} = {str(entries)[:60]!r}: allowed is a list of targets")
    if len(entries) > _MAX_TARGETS:
        raise LiveflightError(f"{key} = {len(entries)} targets: allowed are up to {_MAX_TARGETS}")
    return entries


def _corners(data: Mapping[str, Any]) -> tuple[Target, ...]:
    corners = tuple(_target(entry) for entry in _listed(data, "corners"))
    if len(corners) in (0, 4):
        return corners
    raise LiveflightError(f"corners = {len(corners)} targets: allowed are four, or none")


def _target(entry: object) -> Target:
    if not isinstance(entry, str):
        raise LiveflightError(f"target {str(entry)[:60]!r}: allowed is text, network:layer:filter")
    return Target.parse(entry)


def _weighted(entry: object) -> tuple[Target, float]:
    if not isinstance(entry, dict):
        return _target(entry), 1.0
    weight = entry.get("weight", 1.0)
    if set(entry) - {"target", "weight"} or isinstance(weight, bool):
        raise LiveflightError(f"target {str(entry)[:60]}: allowed are target and weight")
    if not isinstance(weight, int | float) or not 0 < weight <= 100:
        raise LiveflightError(f"weight = {str(weight)[:60]!r}: allowed is above 0, up to 100")
    return _target(entry.get("target")), float(weight)


def _text(data: Mapping[str, Any], key: str) -> str:
    text = data.get(key, "")
    if not isinstance(text, str) or len(text) > 500 or not text.isprintable():
        raise LiveflightError(f"{key} = {str(text)[:60]!r}: allowed is a line of up to 500 letters")
    return text


def _slot_of(data: Mapping[str, Any]) -> int | None:
    slot = data.get("slot")
    whole = isinstance(slot, int) and not isinstance(slot, bool)
    if slot is None or (whole and 1 <= slot <= MAX_SLOT):
        return slot
    allowed = f"a whole number from 1 to {MAX_SLOT}"
    raise LiveflightError(f"slot = {str(slot)[:60]!r}: allowed is {allowed}")
