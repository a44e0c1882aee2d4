"""An ffmpeg that finds the disk full: it writes to /dev/full."""

from __future__ import annotations

from pathlib import Path

import imageio_ffmpeg
import pytest

_PROGRAM = f"""#!/bin/sh
count=$#
for word; do
    shift
    case $#,$word in *.unfinished.mp4) word=file:/dev/full ;; esac
    set -- "$@" "$word"
done
exec '{imageio_ffmpeg.get_ffmpeg_exe()}' "$@"
"""

NEEDS_DEV_FULL = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="there is no /dev/full here"
)


def use_ffmpeg_on_a_full_disk(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Have liveflight run that ffmpeg; return the program's file."""
    program = folder / "ffmpeg"
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    patch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    return program
