"""Find the user's own folders, and keep their content safe from others.

Code and graphs are loaded from the cache only where nobody but this user and root could have
written them. Every folder on the path is checked: whoever can write to one can replace what lies
below it.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import platformdirs

log = logging.getLogger("liveflight.system.folders")

_NAME = "liveflight"
_HOMELESS = Path(os.devnull, _NAME)
"""The folder of a user without a home. Nothing can exist or be made there."""
_NO_HOME = "there is no home folder: set HOME"
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def config() -> Path:
    """Return the folder of presets, cue lists, favourites and MIDI bindings."""
    return _folder(lambda: platformdirs.user_config_path(_NAME))


def pictures() -> Path:
    """Return the folder of screenshots."""
    return _folder(lambda: platformdirs.user_pictures_path() / _NAME)


def videos() -> Path:
    """Return the folder of live recordings."""
    return _folder(lambda: platformdirs.user_videos_path() / _NAME)


def caches() -> Path:
    """Return the folder of measurements and builds for this machine."""
    return _folder(lambda: Path(platformdirs.user_cache_dir(_NAME)))


def data() -> Path:
    """Return the folder of atlases made on this machine."""
    return _folder(lambda: platformdirs.user_data_path(_NAME))


def state() -> Path:
    """Return the folder of saved shows, each in a folder of its name."""
    return _folder(lambda: platformdirs.user_state_path(_NAME))


def _folder(asked: Callable[[], Path]) -> Path:
    try:
        return asked()
    except (RuntimeError, KeyError):  # neither HOME nor an entry for the user
        return _HOMELESS


def make(folder: Path) -> None:
    """Make a folder and those above it, each for this user alone (0700 whatever the umask).

    Raises OSError."""
    if _HOMELESS in (folder, *folder.parents):
        raise FileNotFoundError(errno.ENOENT, _NO_HOME, str(folder))
    missing = [each for each in (folder, *folder.parents) if not os.path.exists(each)]
    for each in reversed(missing):
        each.mkdir(0o700, exist_ok=True)
        each.chmod(0o700)
    if not os.path.isdir(folder):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def unwritable(folder: Path) -> str:
    """Return why a folder, existing or not, cannot be written to; empty where it can."""
    if _HOMELESS in (folder, *folder.parents):
        return _NO_HOME
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not os.path.isdir(there):
        return f"{there} is not a folder"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"{there} cannot be written to"


def by_content() -> dict[str, Path]:
    """Return the user's folders by what they hold."""
    return {
        "presets, MIDI bindings": config(),
        "measurements, kernels": caches(),
        "screenshots": pictures(),
        "live recordings": videos(),
    }


def warnings() -> Iterator[str]:
    """Yield a line for each folder that cannot be written to: what it would hold, and why."""
    for content, folder in by_content().items():
        if why := unwritable(folder):
            yield f"{content} cannot be saved: {why}"


def private(folder: Path) -> Path:
    """Return a folder, made if missing and with links resolved, that others cannot write to.

    Only this user and root may be able to write to it and to those above it. A folder of our own
    that others could write to is closed to them. Raises OSError; PermissionError, with a line in
    the log, where others can write."""
    make(folder)
    found, ours = Path(os.path.realpath(folder)), Path(os.path.realpath(caches()))
    for each in (found, *found.parents):
        if each in (found, ours):  # another folder named liveflight may belong to a team
            _close(each)
    if why := _foreign(found):
        _say_foreign(folder, why)
        raise PermissionError(errno.EPERM, why, str(folder))
    return found


@contextmanager
def temporary() -> Iterator[Path]:
    """Yield a folder that only this user can write to, and remove it afterwards. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix=f"{_NAME}-") as name:
        found = Path(os.path.realpath(name))
        if why := _foreign(found):
            raise PermissionError(errno.EPERM, f"{why}; TMPDIR=FOLDER names another", name)
        yield found


def read(path: Path, most: int) -> bytes:
    """Return the content of a file in a private folder.

    Raises OSError; PermissionError where others could have written to the file (it may date from a
    time when the folder was open to them) or it has more than `most` bytes."""
    with open(path, "rb", opener=_unfollowing) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or _writable_by_others(status) or status.st_size > most:
            raise PermissionError(errno.EPERM, "it is not a file of ours", str(path))
        return file.read(most)


def write(path: Path, content: bytes) -> None:
    """Write a whole file, for this user alone (0600 whatever the umask), or nothing.

    Other programs may write the same file at the same time. Raises OSError."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with open(part, "xb", opener=_owned) as file:
            file.write(content)
        part.chmod(0o600)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _owned(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _unfollowing(path: str, flags: int) -> int:
    # Without blocking: a pipe of that name would never open.
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _close(folder: Path) -> None:
    """Take write permission in a folder of ours away from others."""
    status = folder.stat()
    if (
        os.name == "posix"
        and status.st_uid == os.geteuid()
        and status.st_mode & _WRITABLE_BY_OTHERS
    ):
        folder.chmod(0o700)


def _foreign(found: Path) -> str:
    """Return why others could write in a folder whose links are resolved; empty where none can."""
    if os.name != "posix":  # Windows' access lists keep others out of the profile
        inside = found.is_relative_to(os.path.realpath(Path.home()))
        return "" if inside else f"{found} is not in the user's profile"
    for each in (found, *found.parents):
        status = each.stat()
        if status.st_uid not in (0, os.geteuid()):
            return f"{each} belongs to another user"
        if status.st_mode & _WRITABLE_BY_OTHERS and not status.st_mode & stat.S_ISVTX:
            return f"others can write to {each}"
    return ""


def _writable_by_others(status: os.stat_result) -> bool:
    """Return whether others may have written a file."""
    if os.name != "posix":
        return False
    return status.st_uid not in (0, os.geteuid()) or bool(status.st_mode & _WRITABLE_BY_OTHERS)


@cache
def _say_foreign(folder: Path, why: str) -> None:
    log.warning(
        "what lies in %s is not used: %s; chmod go-w closes it, "
        "XDG_CACHE_HOME=FOLDER names another",
        folder,
        why,
    )
