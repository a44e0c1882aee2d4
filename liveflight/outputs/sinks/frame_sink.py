"""Define the contract of everything that takes finished frames."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from liveflight.core.contracts import LiveflightError

Picture = npt.NDArray[np.uint8]
"""A frame: uint8, (H, W, 3), sRGB-coded RGB, row 0 at the top."""


class FrameSink(ABC):
    """Take finished frames in order; leaving its context closes it.

    All calls come from the frame loop's thread, and `write` holds up the frame: in a live show,
    derive from `LiveSink`, which never does. A subclass that keeps a picture after `write` copies
    it: its memory is reused for the next frame."""

    name = "a frame sink"
    """The sink's name in error messages."""
    channels = 3
    """Bytes of a pixel in the pictures that it takes."""

    @abstractmethod
    def write(self, picture: Picture) -> None:
        """Take the next frame.

        Raises LiveflightError where the frame cannot be stored or sent."""

    @abstractmethod
    def close(self, *, whole: bool = True) -> None:
        """Finish what was written; may be called twice.

        `whole`: all frames that were meant to be written have been."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        # The exception being raised says more than an error of closing would add.
        with contextlib.suppress(LiveflightError) if kind else contextlib.nullcontext():
            self.close(whole=kind is None)


def check_picture(picture: Picture, shape: tuple[int, int, int]) -> None:
    """Raise ValueError unless the picture is uint8 of this shape."""
    if picture.shape != shape or picture.dtype != np.uint8:
        raise ValueError(f"picture is {picture.dtype} {picture.shape}, not uint8 {shape}")


def cannot_write(path: Path, error: OSError) -> LiveflightError:
    """Return the error for a file or folder that cannot be written."""
    missing = isinstance(error, FileNotFoundError)
    reason = f"there is no folder {str(path.parent)!r}" if missing else reason_of(error)
    return LiveflightError(f"cannot write {str(path)!r}: {reason}; choose another place")


def reason_of(error: OSError) -> str:
    """Return the operating system's reason in lower case."""
    return (error.strerror or str(error)).lower()
