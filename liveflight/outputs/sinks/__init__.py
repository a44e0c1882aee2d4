"""Send finished frames somewhere: one module per kind of sink, after `example.py`."""

from __future__ import annotations

import os
from pathlib import Path

from liveflight.core.contracts import LiveflightError, Size
from liveflight.outputs.sinks.png_folder import PngFolder
from liveflight.outputs.sinks.video_encoding import Soundtrack
from liveflight.outputs.sinks.video_file import VideoFile
from liveflight.storage.new_files import IfTaken


def open_sink(
    path: str | Path,
    size: Size,
    fps: float,
    sound: Soundtrack | None = None,
    if_taken: IfTaken = "next",
) -> VideoFile | PngFolder:
    """Open the sink that a file name asks for.

    A name ending in .mp4 gives a VideoFile, with `sound`. A name without a suffix, or ending in
    "/", gives a PngFolder, without sound, which never replaces another flight's pictures.

    Raises LiveflightError for any other name, and whatever those two raise."""
    if is_video(path):
        return VideoFile(Path(path), size, fps, sound, if_taken)
    return PngFolder(Path(path), size)


def is_video(path: str | Path) -> bool:
    """Return whether a name is that of a video, not of a folder.

    Raises LiveflightError for a name that is neither."""
    is_folder = str(path).endswith(("/", os.sep))
    suffix = Path(path).suffix.lower()
    if Path(path).name in ("", ".mp4"):
        raise LiveflightError(f"output {str(path)!r} has no name: try flight.mp4")
    if is_folder or not suffix:
        return False
    if suffix == ".mp4":
        return True
    raise LiveflightError(
        f"output {str(path)!r} ends in {suffix!r}: a video ends in .mp4; a name without a suffix, "
        "or ending in a slash, is a folder of PNG pictures"
    )
