"""Let one supervisor run a show of a name, and tell whether the last one ended in order."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from liveflight.core.contracts import LiveflightError
from liveflight.system import folders


class ShowLock:
    """Hold the file `lock` in a show's folder.

    It has content while a supervisor runs. A supervisor that is killed, or loses its power, leaves
    the content behind and nobody with the lock."""

    def __init__(self, folder: Path, name: str) -> None:
        """Take the lock. Raises LiveflightError where another supervisor has it."""
        self.left_running = False
        """Whether the last supervisor did not end in order."""
        self._file = -1
        try:
            folders.make(folder)
            self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return  # a machine that can keep nothing can still run a show
        if not _take(self._file):
            os.close(self._file)
            self._file = -1
            raise LiveflightError(
                f"the show {name!r} is running already: end it, or choose another --name"
            )
        self.left_running = os.fstat(self._file).st_size > 0
        self._write(f"{os.getpid()}\n".encode())

    def end(self) -> None:
        """Note the end in order, and let go."""
        if self._file >= 0:
            self._write(b"")
            os.close(self._file)
            self._file = -1

    def _write(self, content: bytes) -> None:
        with suppress(OSError):  # a full disk takes the length all the same, and that counts
            os.ftruncate(self._file, len(content))
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, content)
            os.fsync(self._file)


def _take(file: int) -> bool:
    """Lock an open file for this process; return False where another has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(file, 1 << 20, os.SEEK_SET)  # a byte that nobody reads
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
