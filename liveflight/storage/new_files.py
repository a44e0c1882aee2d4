"""Where new files go: never onto a file that is there, unless that was asked for, and never onto
one that is being read.

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
"""What happens where there is a file of that name already: take the next free number, replace it,
or raise FileExistsError."""


def numbered(path: Path) -> Iterator[Path]:
    """Yield `path`, then its name with _2, _3 and so on before the suffix."""
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}_{number}{path.suffix}")


def free(path: Path) -> Path:
    """Return the first name of `numbered` that nothing has."""
    return next(one for one in numbered(path) if not os.path.lexists(one))


def create(path: Path) -> Path:
    """Create an empty file of the first free name of `numbered`. Raises OSError."""
    for one in numbered(path):
        with suppress(FileExistsError):
            one.open("xb").close()
            return one
    raise AssertionError("numbers do not end")


def same(one: Path, other: Path) -> bool:
    """Whether two names mean one file: through links, relative paths and, where the system takes
    them for the same, upper and lower case. Of files that are not there yet, the place counts."""
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))


def check(
    option: str, path: Path, others: Iterable[tuple[str, Path]] = (), *, overwrite: bool = False
) -> None:
    """Raise LiveflightError where `path`, given by `option`, may not be written: it is one of the
    `others` (files, each with the option that names it), or it is there and `overwrite` is not
    asked for."""
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
    """A file that grows under another name beside its own, and takes its own when it is whole. What
    is left of a process that was killed is the draft."""

    def __init__(self, path: Path, name: str = "{stem}{suffix}.part") -> None:
        """Create the draft, empty, of that `name` or the next free one. Of a link, the place where
        it leads counts. Raises OSError."""
        self._path = Path(os.path.realpath(path)) if os.path.islink(path) else path
        name = name.format(stem=self._path.stem, suffix=self._path.suffix)
        self._draft = create(self._path.with_name(name))
        self.path = self._draft
        """Where it is now."""

    def finish(self, if_taken: IfTaken = "next") -> Path:
        """Give it its own name and return that. Raises OSError; the draft is then still there."""
        if if_taken == "replace":
            os.replace(self._draft, self._path)
            self.path = self._path
            return self.path
        for path in numbered(self._path):
            try:
                _move(self._draft, path)
            except FileExistsError:
                if if_taken == "refuse":
                    raise
                continue
            self.path = path
            return path
        raise AssertionError("numbers do not end")

    def drop(self) -> None:
        """Remove the draft, as far as that is possible."""
        with suppress(OSError):
            self._draft.unlink(missing_ok=True)


def write(data: bytes, path: Path, if_taken: IfTaken = "next") -> Path:
    """Write a whole file, or none, and return its name. Raises OSError."""
    draft = Draft(path)
    try:
        draft.path.write_bytes(data)
        return draft.finish(if_taken)
    except BaseException:
        draft.drop()
        raise


def _move(draft: Path, path: Path) -> None:
    """Rename, but onto nothing. Raises FileExistsError where there is something, OSError."""
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
