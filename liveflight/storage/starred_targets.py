"""Keep the starred filters: a file of targets in the user's folder, one a line."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from liveflight.core.contracts import LiveflightError, Target
from liveflight.storage import named_files, presets


def path() -> Path:
    return presets.user_folder().parent / "stars.txt"


def read() -> tuple[Target, ...]:
    """Return the starred targets in the order in which they were starred.

    Only the registry knows whether they exist. Quick enough for every frame: the file is read only
    when it has changed. Raises LiveflightError where it cannot be read."""
    try:
        state = path().stat()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise LiveflightError(f"stars {path()}: {named_files.why(error)}") from error
    return _read(path(), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=2)
def _read(file: Path, changed: int, size: int) -> tuple[Target, ...]:
    with named_files.reading("stars", file):
        lines = named_files.read(file).decode("utf-8").splitlines()
    return tuple(dict.fromkeys(filter(None, map(_target, lines))))


def _target(line: str) -> Target | None:
    try:
        return Target.parse(line)
    except LiveflightError:
        return None


def toggle(target: Target) -> bool:
    """Star a target or remove its star; return whether it has one now.

    Raises LiveflightError where the file cannot be read or written, or would grow too large."""
    added = named_files.toggle_line("stars", path(), list(map(str, read())), str(target))
    _read.cache_clear()  # two changes within the resolution of the clock look alike
    return added
