"""Write frames as PNG files."""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image

from liveflight.core.contracts import LiveflightError, Size
from liveflight.outputs.sinks.frame_sink import (
    FrameSink,
    Picture,
    cannot_write,
    check_picture,
)
from liveflight.storage import new_files
from liveflight.storage.new_files import IfTaken


class PngFolder(FrameSink):
    """Write lossless PNGs, frame_00001.png and so on, into a folder without frames.

    Raises LiveflightError where the folder cannot be made or written, or already holds frames."""

    name = "the folder of pictures"

    def __init__(self, path: Path, size: Size) -> None:
        """Make the folder `path` for pictures of this width and height."""
        self.path, self._shape = path, (size[1], size[0], 3)
        self._frames = 0
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error
        if not os.access(path, os.W_OK):
            raise cannot_write(path, PermissionError(0, "permission denied"))
        if any(path.glob("frame_*.png")):
            raise LiveflightError(
                f"folder {str(path)!r} holds another flight's frames: name a new one, or empty it"
            )

    def write(self, picture: Picture) -> None:
        check_picture(picture, self._shape)
        # A file of this name belongs to another flight that started at the same time.
        save_png(self.path / f"frame_{self._frames + 1:05}.png", picture, "refuse")
        self._frames += 1

    def close(self, *, whole: bool = True) -> None:
        """Do nothing: every picture is complete already."""


def save_png(path: Path, picture: Picture, if_taken: IfTaken = "next") -> Path:
    """Write a picture completely or not at all, and return the path used.

    Raises LiveflightError where it cannot be stored."""
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, format="PNG")
    try:
        return new_files.write(encoded.getvalue(), path, if_taken)
    except OSError as error:
        raise cannot_write(path, error) from error
