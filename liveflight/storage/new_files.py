"""Create files without overwriting others, unless that was asked for, or files being read.

A name that is taken gets a number: flight.mp4, flight_2.mp4, flight_3.mp4.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Literal

from liveflight.core.contracts import LiveflightError

IfTaken = Literal["next", "replace", "refuse"]
"""If the file exists: take the next number, replace it, or raise FileExistsError."""


def numbered(path: Path) -> Iterator[Path]:
    """Yield `path`, then its name with _2, _3 and so on before the suffix."""
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}_{number}{path.suffix}")


def free(path: Path) -> Path:
    """Return the first free name of `numbered`."""
    return next(one for one in numbered(path) if not os.path.lexists(one))


def create(path: Path) -> Path:
    """Create an empty file with the first free name of `numbered`. Raises OSError."""
    for one in numbered(path):
        with suppress(FileExistsError):
            one.open("xb").close()
            return one
    raise AssertionError("numbers do not end")


def same(one: Path, other: Path) -> bool:
    """Return whether two paths mean one file.

    Follows links and relative paths, and ignores case where the system does. Of files that do not
    exist yet, the place counts."""
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))


def check(
    option: str, path: Path, others: Iterable[tuple[str, Path]] = (), *, overwrite: bool = False
) -> None:
    """Check that `path`, given by `option`, may be written.

    Raises LiveflightError where it is one of the `others` (files, each with the option that names
    it), or where it exists and `overwrite` is not asked for."""
    for other, file in others:
        if same(path, file):
            raise LiveflightError(
                f"{option} {str(path)!r} is the file that {other} names: choose another"
            )
    if not os.path.lexists(path) or os.path.isdir(path):
        return
    if not overwrite:
        raise LiveflightError(
            f"{option} {str(path)!r} is there already: choose another name, such as "
            f"{free(path).name}, or --overwrite"
        )
    if os.path.exists(path) and not os.path.isfile(path):
        raise LiveflightError(f"{option} {str(path)!r} is no file but a device or a pipe")


class Draft:
    """Write a file under another name beside its own, which it takes when it is complete.

    A killed process leaves the draft."""

    def __init__(self, path: Path, name: str = "{stem}{suffix}.part") -> None:
        """Create the empty draft with that `name` or the next free one. Raises OSError.

        A link is followed: the draft lies beside the file that it leads to."""
        self._path = Path(os.path.realpath(path)) if os.path.islink(path) else path
        name = name.format(stem=self._path.stem, suffix=self._path.suffix)
        self._draft = create(self._path.with_name(name))
        self.path = self._draft
        """Current path: of the draft, then of the finished file."""

    def finish(self, if_taken: IfTaken = "next") -> Path:
        """Rename it to its own name and return that. Raises OSError; the draft then remains."""
        if if_taken == "replace":
            os.replace(self._draft, self._path)
            self.path = self._path
            return self.path
        for path in numbered(self._path):
            try:
                move(self._draft, path)
            except FileExistsError:
                if if_taken == "refuse":
                    raise
                continue
            self.path = path
            return path
        raise AssertionError("numbers do not end")

    def drop(self) -> None:
        """Remove the draft, if that is possible."""
        with suppress(OSError):
            self._draft.unlink(missing_ok=True)


def write(data: bytes, path: Path, if_taken: IfTaken = "next") -> Path:
    """Write a whole file or nothing; return its path. Raises OSError."""
    draft = Draft(path)
    try:
        draft.path.write_bytes(data)
        return draft.finish(if_taken)
    except BaseException:
        draft.drop()
        raise


def move(draft: Path, path: Path) -> None:
    """Rename without overwriting. Raises OSError, FileExistsError where `path` is taken."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, such as a USB stick's
        path.open("xb").close()
        try:
            os.replace(draft, path)
        except OSError:
            path.unlink(missing_ok=True)
            raise
    else:
        draft.unlink()
