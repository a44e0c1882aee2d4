"""Read aloud how a supervised show crashed last."""

from __future__ import annotations

from datetime import datetime


def last(name: str) -> list[str]:
    """Return what is known of the last crash of the show of that name.

    Raises LiveflightError for a name that could be more than a folder's name."""
    from liveflight.storage import state_file
    from liveflight.supervision import last_crash

    return last_crash.lines(state_file.folder(name), datetime.now().astimezone())
