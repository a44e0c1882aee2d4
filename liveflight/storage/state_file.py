"""Write a show's saved state, and read the newest that is whole.

`state` is the newest, `state.previous` the one before. The first line holds the version, the
SHA-256 of what follows, and the length of the JSON; the rest after that is the picture. So a file
that was cut or garbled is recognised for certain, and the one before is read.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from contextlib import suppress
from pathlib import Path

from liveflight.core.contracts import LiveflightError
from liveflight.storage import named_files, saved_state
from liveflight.storage.saved_state import SavedState
from liveflight.system import folders

log = logging.getLogger("liveflight.storage")

VERSION = 1
MAX_BYTES = 4 * 1024 * 1024
"""Largest file that is read or written."""
NAME, _PREVIOUS, _DRAFT = "state", "state.previous", "state.part"
_HEAD = re.compile(rb"liveflight state (\d{1,4}) ([0-9a-f]{64}) (\d{1,7})")


def folder(name: str) -> Path:
    """Return the folder of the show of that name.

    Raises LiveflightError for a name that could be more than a folder's name."""
    named_files.check_name("show", name)
    return folders.state() / name


def read(folder: Path) -> SavedState | None:
    """Return the newest state that is whole; None where there is none. Never raises.

    Says in the log what is wrong with a file, and what was left out."""
    for name in (NAME, _PREVIOUS):
        path = folder / name
        try:
            state = _read(path)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError, LiveflightError) as error:
            log.warning("saved state %s is not used: %s", path, named_files.why(error))
            continue
        if state.left_out:
            log.warning("saved state %s: %s", path, saved_state.left_out(state.left_out))
        return state
    return None


def picture(folder: Path) -> tuple[bytes, float]:
    """Return the last picture of a show, the bytes of a JPEG, and its brightness from 0 to 1.

    The bytes are empty where there is none, or it was black."""
    state = read(folder)
    brightness = state.brightness if state else 0.0
    return (state.picture if state and brightness else b""), brightness


def write(state: SavedState, folder: Path) -> None:
    """Write a state whole, for this user alone; the one before stays as the previous one.

    Survives a crash of the program or the machine at any moment. Raises OSError."""
    data = dump(state)
    if len(data) > MAX_BYTES:
        raise OSError(f"it would be larger than {MAX_BYTES >> 20} MiB")
    folders.make(folder)
    draft, newest = folder / _DRAFT, folder / NAME
    try:
        _write_whole(draft, data)
        if _is_whole(newest):  # a damaged one must not take the place of a good previous one
            os.replace(newest, folder / _PREVIOUS)
        os.replace(draft, newest)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    _sync_folder(folder)


def dump(state: SavedState) -> bytes:
    """Return the bytes of a state's file."""
    text = saved_state.dump(state)
    rest = text + state.picture
    head = f"liveflight state {VERSION} {hashlib.sha256(rest).hexdigest()} {len(text)}\n"
    return head.encode() + rest


def parse(data: bytes) -> SavedState:
    """Return the state of a file's bytes.

    Raises LiveflightError or ValueError where they are damaged or of another version."""
    text, picture = _parts(data)
    return saved_state.parse(text, picture)


def _read(path: Path) -> SavedState:
    return parse(folders.read(path, MAX_BYTES))


def _parts(data: bytes) -> tuple[bytes, bytes]:
    """Return the JSON and the picture of a whole file. Raises LiveflightError."""
    head, _, rest = data.partition(b"\n")
    found = _HEAD.fullmatch(head)
    if not found or hashlib.sha256(rest).hexdigest().encode() != found[2]:
        raise LiveflightError("it is damaged")
    if int(found[1]) != VERSION:
        raise LiveflightError(f"it is of version {int(found[1])}: allowed is {VERSION}")
    length = int(found[3])
    return rest[:length], rest[length:]


def _is_whole(path: Path) -> bool:
    try:
        _parts(folders.read(path, MAX_BYTES))
    except (OSError, LiveflightError):
        return False
    return True


def _write_whole(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    flags |= getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Have the new names survive a power failure; where a system cannot, they soon do anyway."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
