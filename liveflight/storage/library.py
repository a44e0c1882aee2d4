"""A user's and the shipped files of one kind (presets, cues): listed by name, read as text or TOML.
Names are looked up in a listing; none is ever taken for a path.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from liveflight.core.contracts import LiveflightError, nearest
from liveflight.storage import new_files, toml_text
from liveflight.storage.new_files import IfTaken
from liveflight.system import folders

LARGEST = 14 * 1024
"""Bytes of the largest file that is read or written: even one made to be slow is parsed in 2 ms."""
_WHERE = ("XDG_CONFIG_HOME", "HOME")
"""What moves a user's folder, where it can be moved."""
_NAMED = re.compile(r"(?![.~#])(?P<name>.*[^~])\.toml(?:\.txt)?", re.IGNORECASE | re.DOTALL)
"""What a file of ours is called. The others are hidden, macOS's `._name`, or an editor's: its lock,
its draft or its backup. Windows' editor adds `.txt`, and its file manager does not show it."""
_ELSEWHERE = {
    "cue": "the file is a cue list, for --cues",
    "targets": "the file is a preset, for --preset",
    "binding": "the file holds MIDI bindings",
}
"""What another kind of file is known by."""


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
    plainest_first = sorted(files, key=lambda file: not file.endswith(".toml"))
    named = ((name_of(file), directory / file) for file in plainest_first)
    return [(name, path) for name, path in named if name]


def name_of(file: str) -> str:
    """Return the name of what the file of that name holds; empty where it is not listed."""
    found = _NAMED.fullmatch(file)
    return found["name"] if found else ""


def as_path(text: str) -> Path | None:
    """Return the path that a word on the command line is; None where it is a name."""
    return Path(text) if text.lower().endswith((".toml", ".toml.txt")) else None


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


def text(path: Path) -> str:
    """Return a whole text file, in any usual encoding. Raises as `read` does, and LiveflightError
    for what is no text."""
    found = toml_text.decode(read(path))
    if len(found.encode()) > LARGEST:
        raise LiveflightError(f"it is larger than {LARGEST // 1024} KiB as UTF-8")
    return found


def lines(path: Path, longest: int) -> Iterator[str]:
    """Yield the lines of a text file of any size, in any usual encoding. One that is not finished
    is left out. Raises OSError, ValueError for what is no text, and LiveflightError for a line of
    more than `longest` characters."""
    with path.open("rb") as file:
        codec = toml_text.encoding(file.read(4))
    with path.open(encoding=codec) as file:
        while (line := file.readline(longest + 1)).endswith("\n"):
            yield line
        if len(line) > longest:
            raise LiveflightError(f"a line is longer than {longest >> 20} MiB")


def toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds. Raises as `text` and `toml_text.parse` do."""
    return toml_text.parse(text(path))


def check_head(data: Mapping[str, Any], allowed: int, words: Collection[str]) -> None:
    """Raise LiveflightError where the file is of another version of its form than `allowed`, or
    has something else at its top than `words`."""
    version = data.get("version")
    if "version" in data and (version != allowed or isinstance(version, bool)):
        newer = isinstance(version, int) and version > allowed
        mend = "a newer liveflight wrote it" if newer else f"write version = {allowed}"
        raise LiveflightError(f"version = {repr(version)[:60]}: allowed is {allowed}: {mend}")
    for key in data:
        if key not in words:
            other = f": {_ELSEWHERE[key]}" if key in _ELSEWHERE else nearest(key, words)
            raise LiveflightError(f"there is no {key[:60]!r}{other}")
    if version is None:
        raise LiveflightError(f"it says no version: write version = {allowed} in its first line")


def why(error: Exception) -> str:
    """What went wrong with a file, in a few words."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is damaged, or no text"
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
