"""Keep the favourite presets: a file of names in the user's folder, one a line."""

from __future__ import annotations

from pathlib import Path

from liveflight.core.contracts import LiveflightError
from liveflight.storage import named_files, presets


def path() -> Path:
    return presets.user_folder().parent / "favourites.txt"


def read() -> tuple[str, ...]:
    """Return the favourites that exist, in the order of the presets.

    Raises LiveflightError where the file cannot be read."""
    liked = set(_listed())
    return tuple(name for name in presets.names() if name in liked)


def _listed() -> list[str]:
    """Return all names in the file, also of presets that do not exist now."""
    try:
        lines = named_files.text(path()).splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError, LiveflightError) as error:
        raise LiveflightError(f"favourites {path()}: {named_files.why(error)}") from error
    return [name for line in lines if (name := line.strip())]


def rename(name: str, wanted: str) -> None:
    """Keep a preset that was renamed a favourite, if it was one.

    Raises LiveflightError where the file cannot be read or written."""
    listed = _listed()
    if name in listed:
        renamed = [wanted if each == name else each for each in listed]
        named_files.write_lines("favourites", path(), renamed)


def toggle(name: str) -> bool:
    """Add a preset to the favourites or remove it; return whether it is one now.

    Presets that do not exist at the moment stay favourites. Raises LiveflightError where there is
    no such preset, and where the file cannot be written."""
    if name not in presets.names():
        raise LiveflightError(f"preset {name[:60]!r} is not saved: only saved ones are favourites")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        why = "the name of its file is no UTF-8, so it cannot be a favourite: rename the file"
        raise LiveflightError(f"preset {name!r}: {why}") from error
    return named_files.toggle_line("favourites", path(), _listed(), name)
