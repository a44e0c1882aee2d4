"""Where ffmpeg is, the one that imageio-ffmpeg carries or the system's."""

from __future__ import annotations

import os

from liveflight import child


def find() -> str | None:
    """The program's path; None where there is none."""
    try:
        import imageio_ffmpeg

        found = str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        found = "ffmpeg"
    return found if os.path.dirname(found) else child.program(found)
