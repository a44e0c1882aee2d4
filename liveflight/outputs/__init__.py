"""Where the finished picture goes: a window, an offscreen picture, a file."""

from __future__ import annotations

import os
import sys


def has_display() -> bool:
    """Whether there is a desktop to open a window on, asked without opening anything: macOS and
    Windows always have one; elsewhere DISPLAY or WAYLAND_DISPLAY says so."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
