"""Where ffmpeg is, the one that imageio-ffmpeg carries or the system's, and how it is started."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any


def find() -> str | None:
    """The program's path; None where there is none."""
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return shutil.which("ffmpeg")


def start(command: Sequence[str], **pipes: Any) -> subprocess.Popen[bytes]:
    """Runs it with these `stdin`, `stdout` and `stderr`, in a group of its own: Ctrl-C at the
    terminal reaches us alone, and we end it. Raises OSError."""
    group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return subprocess.Popen(command, **pipes, **group)
