"""List a user's and the shipped files of one kind (presets, cues), read and write them.

Names are looked up in a listing; a name is never used as a path.
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
from liveflight.storage import new_files, toml_reader
from liveflight.storage.new_files import IfTaken
from liveflight.system import folders

MAX_BYTES = 14 * 1024
"""Largest file that is read or written: even a hostile one of this size is parsed in 2 ms."""
SHOW_NAME = "show"
"""Name of a show that was given none."""
_FOLDER_VARIABLES = ("XDG_CONFIG_HOME", "HOME")
"""Environment variables that move a user's folder, on systems where they do."""
_NAMED = re.compile(r"(?![.~#])(?P<name>.*[^~])\.toml(?:\.txt)?", re.IGNORECASE | re.DOTALL)
"""Names of our files.

Others are hidden, macOS's `._name`, or an editor's lock, draft or backup. Windows' editor adds
`.txt`, and its file manager hides that."""
_ALLOWED = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _.-]{0,62}[A-Za-z0-9_-])?")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names that Windows takes for a device, whatever their folder and suffix."""
_OTHER_KINDS = {
    "cue": "the file is a cue list, for --cues",
    "targets": "the file is a preset, for --preset",
    "binding": "the file holds MIDI or DMX bindings",
}
"""Keys at the top of other kinds of files, and the advice they lead to."""


def user_folder(kind: str) -> Path:
    """Return the user's folder of that kind, by the environment of now."""
    return _user_folder(kind, tuple(map(os.environ.get, _FOLDER_VARIABLES)))


@cache
def _user_folder(kind: str, variables: tuple[str | None, ...]) -> Path:
    # Cached, as asking the system takes as long as recalling a preset.
    return folders.config() / kind


def files(folders: Sequence[Path]) -> dict[str, Path]:
    """Return all .toml files by name; of two with one name, the one in the earlier folder."""
    found: dict[str, Path] = {}
    for directory in folders:
        with suppress(OSError):  # no such folder, or a locked one
            for name, path in _listed(directory, tuple(sorted(os.listdir(directory)))):
                found.setdefault(name, path)
    return found


@lru_cache(maxsize=8)
def _listed(directory: Path, files: Sequence[str]) -> Sequence[tuple[str, Path]]:
    """Return names and paths; cached, as making them takes longer than listing the folder."""
    plainest_first = sorted(files, key=lambda file: not file.endswith(".toml"))
    named = ((name_of(file), directory / file) for file in plainest_first)
    return [(name, path) for name, path in named if name]


def name_of(file: str) -> str:
    """Return the name of the preset or cue list in a file of that name; empty for other files."""
    found = _NAMED.fullmatch(file)
    return found["name"] if found else ""


def check_name(kind: str, name: str) -> None:
    """Raise LiveflightError for a name of a new file that could be more than a file's name."""
    if not _ALLOWED.fullmatch(name) or _DEVICE.fullmatch(name):
        raise LiveflightError(
            f"{kind} name {name[:70]!r}: allowed are up to 64 letters, digits, spaces, _ . -"
            " from a letter or digit on, and no name of a device, such as con"
        )


def as_path(text: str) -> Path | None:
    """Return the path that a command-line word stands for; None where it is a name."""
    return Path(text) if text.lower().endswith((".toml", ".toml.txt")) else None


def read(path: Path) -> bytes:
    """Return the bytes of a whole file.

    Raises OSError, and LiveflightError for more than MAX_BYTES and for what is no file."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # reading a pipe might block for ever
        raise LiveflightError("it is not a file")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise LiveflightError(f"it is larger than {MAX_BYTES // 1024} KiB")
    return data


@contextmanager
def reading(kind: str, path: Path) -> Iterator[None]:
    """Turn errors within into a LiveflightError that names the kind of file and the file."""
    try:
        yield
    except (OSError, ValueError, RecursionError) as error:
        raise LiveflightError(f"{kind} {path} cannot be read: {why(error)}") from error
    except LiveflightError as error:
        raise LiveflightError(f"{kind} {path}: {error}") from error


def write(text: str, path: Path, if_taken: IfTaken = "replace") -> Path:
    """Write a whole file or nothing; return its path.

    A file that it replaces stays until the new one is complete. Raises OSError, and LiveflightError
    for a file that would be too large to be read again."""
    data = text.encode()
    if len(data) > MAX_BYTES:
        raise LiveflightError(f"{path} would be larger than {MAX_BYTES // 1024} KiB")
    folders.make(path.parent)
    return new_files.write(data, path, if_taken)


def toggle_line(kind: str, path: Path, lines: Sequence[str], line: str) -> bool:
    """Write `lines` with `line` removed, or added where it is missing; return whether it is added.

    Raises LiveflightError where the file cannot be written or would grow too large."""
    kept = [one for one in lines if one != line]
    added = len(kept) == len(lines)
    write_lines(kind, path, kept + [line] * added)
    return added


def write_lines(kind: str, path: Path, lines: Sequence[str]) -> None:
    """Write a text file of that kind, one entry a line.

    Raises LiveflightError where it cannot be written or would grow too large."""
    try:
        write("".join(f"{line}\n" for line in lines), path)
    except OSError as error:
        raise LiveflightError(f"{kind} {path}: {why(error)}") from error


def text(path: Path) -> str:
    """Return a whole text file in any usual encoding.

    Raises as `read` does, and LiveflightError for what is no text."""
    found = toml_reader.decode(read(path))
    if len(found.encode()) > MAX_BYTES:
        raise LiveflightError(f"it is larger than {MAX_BYTES // 1024} KiB as UTF-8")
    return found


def lines(path: Path, longest: int) -> Iterator[str]:
    """Yield the lines of a text file of any size, in any usual encoding.

    An unfinished last line is left out. Raises OSError, ValueError for what is no text, and
    LiveflightError for a line of more than `longest` characters."""
    with path.open("rb") as file:
        codec = toml_reader.encoding(file.read(4))
    with path.open(encoding=codec) as file:
        while (line := file.readline(longest + 1)).endswith("\n"):
            yield line
        if len(line) > longest:
            raise LiveflightError(f"a line is longer than {longest >> 20} MiB")


def toml(path: Path) -> dict[str, Any]:
    """Return the table of a TOML file. Raises as `text` and `toml_reader.parse` do."""
    return toml_reader.parse(text(path))


def check_head(data: Mapping[str, Any], allowed: int, words: Collection[str]) -> None:
    """Check a file's version against `allowed` and its top-level keys against `words`.

    Raises LiveflightError naming the key and what to write."""
    version = data.get("version")
    if "version" in data and (version != allowed or isinstance(version, bool)):
        newer = isinstance(version, int) and version > allowed
        mend = "a newer liveflight wrote it" if newer else f"write version = {allowed}"
        raise LiveflightError(f"version = {repr(version)[:60]}: allowed is {allowed}: {mend}")
    for key in data:
        if key not in words:
            other = f": {_OTHER_KINDS[key]}" if key in _OTHER_KINDS else nearest(key, words)
            raise LiveflightError(f"there is no {key[:60]!r}{other}")
    if version is None:
        raise LiveflightError(f"it has no version: write version = {allowed} in its first line")


def why(error: Exception) -> str:
    """Return what went wrong with a file, in a few words."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is damaged, or no text"
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
