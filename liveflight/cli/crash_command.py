"""Read aloud how a supervised show crashed last."""

from __future__ import annotations

from datetime import datetime

from liveflight.storage import named_files
from liveflight.system import folders


def last(name: str) -> list[str]:
    """Return what is known of the last crash of the show of that name.

    Raises LiveflightError for a name that could be more than a folder's name."""
    from liveflight.supervision import last_crash

    named_files.check_name("show", name)
    return last_crash.lines(folders.state() / name, datetime.now().astimezone())
