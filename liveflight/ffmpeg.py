"""Where ffmpeg is, the one that imageio-ffmpeg carries or the system's."""

from __future__ import annotations

import shutil


def find() -> str | None:
    """The program's path; None where there is none."""
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return shutil.which("ffmpeg")
