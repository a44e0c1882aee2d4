"""Explain in the user's words why ffmpeg gives no picture from a source."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from liveflight.media import file_kind

_CAUSES = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (
            "not contain any stream|matches no streams",
            "it has sound and no picture: a sound file goes to --sound",
        ),
        ("moov atom not found", "it is no video, or its end is missing, as of a download"),
        ("Invalid data found", "it is no video, or damaged"),
        ("Device or resource busy", "another program uses it: close that one"),
        ("No such device", "it is not there any more"),
        ("Inappropriate ioctl|[Nn]ot a video capture device", "it is no camera"),
        ("Is a directory", "it is a folder: name a file in it"),
        (
            r"[Dd]ecoder.* not found|no decoder found",
            "this ffmpeg cannot decode it: convert it to H.264",
        ),
    )
)
"""Patterns of ffmpeg's messages, and their meaning; the first match counts."""


def explained(messages: str, source: str) -> str:
    """Return why a source gives no more pictures; `messages` is everything ffmpeg wrote."""
    lines = messages.splitlines()
    if not lines:
        return "it has ended"
    path = Path(source)
    if os.path.isfile(path):
        with suppress(OSError):
            kind = file_kind.advice(path)
            if kind and kind != file_kind.VIDEO:
                return kind
    if "No such file or directory" in messages:
        return _missing(path)
    if "Permission denied" in messages:
        remedy = (
            "join the group `video`, and log in again" if path.is_char_device() else "ask its owner"
        )
        return f"you may not read it: {remedy}"
    for pattern, words in _CAUSES:
        if pattern.search(messages):
            return words
    # The first line is the cause, the others follow from it. "[mp4 @ 0x...]" says nothing here.
    return lines[0].rpartition("] ")[2]


def _missing(path: Path) -> str:
    if path.suffix or (path.name != str(path) and path.parent != Path("/dev")):
        return "there is no such file"
    cameras: Sequence[Path] = sorted(Path("/dev").glob("video*"))
    found = f"there is {', '.join(map(str, cameras))}" if cameras else "there is none here"
    return f"there is no such camera: {found}"
