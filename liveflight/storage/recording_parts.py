"""Read and write the parts of a log: night.log, night.part2.log, night.part3.log and so on.

Each later part begins with a line that says which flight it belongs to.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from liveflight.core.contracts import LiveflightError
from liveflight.storage import named_files, new_files

MAX_PART_BYTES = 64 * 1024 * 1024
"""Size of a part above which the next one begins."""
_MAX_READ_BYTES = 512 * 1024 * 1024
"""Largest part that is read: before there were parts, a log was one file."""
_MAX_LINE = 32 * 1024 * 1024
"""Characters of a line: a frame may hold as many answers as the mailbox holds triggers."""
_NOT_ON_DISK = (errno.EINVAL, errno.ENOTSUP)
"""Errors of synchronising a file that is not on a disk."""


def part(path: Path, number: int) -> Path:
    """Return the name of part `number`, from 1, of the log `path`."""
    return path if number == 1 else path.with_name(f"{path.stem}.part{number}{path.suffix}")


class Lines:
    """Iterate over the lines of a log, all its parts in order, as JSON objects.

    An unfinished last line is left out. Files are read line by line, again at each iteration."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file, self._line = path, 0

    @contextmanager
    def named(self) -> Iterator[None]:
        """Turn errors within into a LiveflightError that names the file and the line."""
        try:
            yield
        except (OSError, ValueError, RecursionError, TypeError, LiveflightError) as error:
            line = f", line {self._line}" if self._line else ""
            raise LiveflightError(f"log {self._file}{line}: {named_files.why(error)}") from error

    def __iter__(self) -> Iterator[dict[str, Any]]:
        flight = ""
        for number in count(1):
            file = part(self._path, number)
            if number > 1 and not os.path.exists(file):
                if os.path.exists(part(self._path, number + 1)):
                    raise LiveflightError(f"{file.name}, which comes after it, is missing")
                return
            self._file, self._line = file, 0
            for place, line in enumerate(self._lines()):
                row = self._row(line, place)
                if number == 1:
                    flight = flight or _mark(line.encode())
                elif place == 0:
                    if row != _first_line(number, flight):
                        raise LiveflightError(f"it is not part {number} of {self._path.name}")
                    continue
                yield row

    @staticmethod
    def _row(line: str, place: int) -> dict[str, Any]:
        try:
            row = json.loads(line, parse_constant=_refuse)
        except json.JSONDecodeError as error:
            raise ValueError("it is damaged" if place else "it is no log of a flight") from error
        if not isinstance(row, dict):
            raise LiveflightError("it is no log of a flight")
        return row

    def _lines(self) -> Iterator[str]:
        if not os.path.isfile(self._file):
            raise LiveflightError("there is no such file")
        if self._file.stat().st_size > _MAX_READ_BYTES:
            raise LiveflightError(f"it is larger than {_MAX_READ_BYTES >> 20} MiB")
        for line in named_files.lines(self._file, _MAX_LINE):
            self._line += 1
            if line.strip():
                yield line


class PartWriter:
    """Write a new log, in parts. All methods raise OSError."""

    def __init__(self, path: Path, header: str) -> None:
        """Write the first line, in the first of `new_files.numbered` that no log has."""
        for one in new_files.numbered(path):
            if os.path.lexists(part(one, 2)):
                continue
            try:
                self._file = one.open("xb")
            except FileExistsError:
                continue
            self.path = one
            break
        self._number, self._size = 1, 0
        self._mark = _mark(header.encode())
        self.write(header)

    def write(self, lines: str) -> None:
        """Append whole lines; they survive a crash of this process."""
        data = lines.encode()
        if self._size and self._size + len(data) > MAX_PART_BYTES:
            self.close()
            self._number += 1
            self._file = part(self.path, self._number).open("xb")
            data = _line(_first_line(self._number, self._mark)).encode() + data
            self._size = 0
        self._file.write(data)
        self._file.flush()
        self._size += len(data)

    def sync(self) -> None:
        """Flush to the disk, so that the lines survive a crash of the machine."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            if error.errno not in _NOT_ON_DISK:
                raise

    def close(self) -> None:
        """Flush and close the file; may be called twice."""
        if not self._file.closed:
            try:
                self.sync()
            finally:
                self._file.close()


def _first_line(number: int, flight: str) -> dict[str, Any]:
    """Return the first line of a later part."""
    return {"part": number, "of": flight}


def _mark(header: bytes) -> str:
    """Return an identifier of the flight: a hash of its first line, which describes its start."""
    return hashlib.sha256(header).hexdigest()[:16]


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n"


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")
