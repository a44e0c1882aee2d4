"""A user's and the shipped files of one kind (presets, cues): listed by name, read as TOML. Names
are looked up in a listing; none is ever taken for a path.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import rtoml

from liveflight import folders
from liveflight.core import new_files
from liveflight.core.contracts import LiveflightError
from liveflight.core.new_files import IfTaken

LARGEST = 14 * 1024
"""Bytes of the largest file that is read or written: even one made to be slow is parsed in 2 ms."""
_WHERE = ("XDG_CONFIG_HOME", "HOME")
"""What moves a user's folder, where it can be moved."""
_DEEP = re.compile(rb"""^(?:[^="'#\n.]*\.){16}""", re.MULTILINE)
"""A key of so many parts, on which parsers spend time that grows with their square."""


def user_folder(kind: str) -> Path:
    """As the environment says now."""
    return _user_folder(kind, tuple(map(os.environ.get, _WHERE)))


@cache
def _user_folder(kind: str, where: tuple[str | None, ...]) -> Path:
    """To ask the system takes as long as to recall a preset."""
    return folders.config() / kind


def files(folders: Sequence[Path]) -> dict[str, Path]:
    """All .toml files by name; of two of one name, the one in the earlier folder."""
    found: dict[str, Path] = {}
    for directory in folders:
        with suppress(OSError):  # no such folder, or a locked one
            for name, path in _listed(directory, tuple(sorted(os.listdir(directory)))):
                found.setdefault(name, path)
    return found


@lru_cache(maxsize=8)
def _listed(directory: Path, files: Sequence[str]) -> Sequence[tuple[str, Path]]:
    """Names and paths; making them takes longer than looking into the folder."""
    named = (os.path.splitext(file) for file in files)
    return [(name, directory / (name + suffix)) for name, suffix in named if suffix == ".toml"]


def read(path: Path) -> bytes:
    """A whole file. Raises LiveflightError for what is larger than LARGEST or no file, OSError."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # it might wait for ever
        raise LiveflightError("it is not a file")
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise LiveflightError(f"it is larger than {LARGEST // 1024} KiB")
    return data


@contextmanager
def reading(kind: str, path: Path) -> Iterator[None]:
    """What goes wrong within becomes a LiveflightError that names the kind of file and the file."""
    try:
        yield
    except (OSError, ValueError, RecursionError) as error:
        raise LiveflightError(f"{kind} {path} cannot be read: {why(error)}") from error
    except LiveflightError as error:
        raise LiveflightError(f"{kind} {path}: {error}") from error


def write(text: str, path: Path, if_taken: IfTaken = "replace") -> Path:
    """A whole file, or none, and its path; where it replaces one, that stays until then. Raises
    OSError, and LiveflightError for one that would be too large to be read again."""
    data = text.encode()
    if len(data) > LARGEST:
        raise LiveflightError(f"{path} would be larger than {LARGEST // 1024} KiB")
    folders.make(path.parent)
    return new_files.write(data, path, if_taken)


def toml(text: bytes) -> dict[str, Any]:
    """Raises ValueError for what is not TOML, RecursionError for what is nested deeply.

    By rtoml: it takes a tenth of tomllib's time."""
    if _DEEP.search(text):
        raise RecursionError
    try:
        return rtoml.loads(text.decode("utf-8"))
    except rtoml.TomlParsingError as error:
        if "recurs" in str(error):
            raise RecursionError from error
        raise


def check_version(data: Mapping[str, Any], allowed: int) -> None:
    """Raises LiveflightError where the file is of another version of its form."""
    version = data.get("version")
    if version != allowed or isinstance(version, bool):
        raise LiveflightError(f"version = {version!r}: allowed is {allowed}")


def why(error: Exception) -> str:
    """What went wrong with a file, in a few words."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
