"""Write a report of each crash of a show, and read the newest again."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from liveflight import __version__
from liveflight.supervision import status_lines
from liveflight.supervision.show_log import clean
from liveflight.system import folders

MOST = 50
"""Number of reports that are kept, the newest."""
_MOST_LINES = 200
_LONGEST_LINE = 2000
"""Characters of a line: more than a line of the log has with its time."""
_MOST_BYTES = 2**20
_LOG = "the last lines of the log:"
_NAME = re.compile(r"crash-(\d{8}-\d{6})(?:-(\d{1,3}))?\.txt")
"""The time of day, and a number where there are several in a second."""


@dataclass(frozen=True)
class CrashReport:
    """Hold a report that was read."""

    path: Path
    time: datetime
    how: str
    """How the show ended."""
    fields: Mapping[str, str]
    """The last heartbeat, and what else was known."""
    lines: tuple[str, ...]
    """The last lines of the log."""


def write(
    folder: Path,
    how: str,
    status: Mapping[str, Any],
    tail: Sequence[str],
    local_time: Callable[[], datetime] = datetime.now,
) -> Path | None:
    """Write a report into a folder; return its path, or None where it cannot be written.

    `how`: the end in words. `status`: the last heartbeat and what else is known; `uptime_seconds`
    is that of the show. `tail`: the last lines of the log, with the stacks that a crash has left
    there. Of old reports the newest are kept."""
    time = local_time().astimezone()
    head = {"time": time.isoformat(timespec="seconds"), "ended": clean(how)}
    head |= {"liveflight": __version__, "system": platform.platform()}
    head["python"] = platform.python_version()
    if isinstance(uptime := status.get("uptime_seconds"), int | float):
        head["uptime"] = status_lines.in_words(uptime)
    told = {clean(str(key)): clean(str(value)) for key, value in status.items()}
    lines = [f"{key}: {value}" for key, value in {**head, **told}.items()]
    lines += ["", _LOG, *(clean(line, _LONGEST_LINE) for line in tail[-_MOST_LINES:])]
    content = "\n".join(lines).encode(errors="backslashreplace") + b"\n"
    try:
        folders.make(folder)
        path = _free(folder, f"crash-{time:%Y%m%d-%H%M%S}")
        folders.write(path, content)
    except OSError:
        return None
    for old in paths(folder)[MOST:]:
        with suppress(OSError):
            old.unlink()
    return path


def paths(folder: Path) -> list[Path]:
    """Return a folder's reports, the newest first."""
    try:
        named = [(_NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    except OSError:
        return []
    found = [(match[1], int(match[2] or 1), path) for match, path in named if match]
    return [path for *_, path in sorted(found, reverse=True)]


def read(path: Path) -> CrashReport | None:
    """Return a report; None where it is damaged or gone."""
    try:
        text = folders.read(path, _MOST_BYTES).decode(errors="replace")
        head, _, log = text.partition(f"\n{_LOG}\n")
        pairs = (line.partition(": ") for line in head.splitlines())
        fields = {key: value for key, _, value in pairs if value}
        time = datetime.fromisoformat(fields.pop("time")).astimezone()
        return CrashReport(path, time, fields.pop("ended"), fields, tuple(log.splitlines()))
    except (OSError, ValueError, KeyError, OverflowError):
        return None


def _free(folder: Path, stem: str) -> Path:
    names = (stem, *(f"{stem}-{number}" for number in range(2, 1000)))
    found = (folder / f"{name}.txt" for name in names)
    return next((path for path in found if not path.exists()), folder / f"{stem}-999.txt")
