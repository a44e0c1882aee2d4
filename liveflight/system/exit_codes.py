"""Name the exit codes by which a supervised show tells its supervisor why it ended."""

from __future__ import annotations

CANNOT = 2
"""The user can fix it: a LiveflightError."""
GPU_LOST = 86
"""The GPU answers every call with an error until the process ends."""
OUT_OF_MEMORY = 87
STALLED = 89
"""Frames are displayed, but the picture has not grown for minutes: every step fails."""
NO_DISPLAY = 88
"""There is no desktop yet, or no longer."""
