"""Where rendered pictures go: an H.264 file through ffmpeg, a folder of PNGs, a single screenshot.

Pictures are uint8, (H, W, 3), sRGB-coded RGB, row 0 at the top. Writing is synchronous."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.video_encoding import Soundtrack, command
from liveflight.storage import new_files
from liveflight.storage.new_files import Draft, IfTaken
from liveflight.system import child_process, ffmpeg

Picture = npt.NDArray[np.uint8]


class FrameSink(ABC):
    """Takes the pictures of one flight, all of one size, in order. Leaving its context closes."""

    path: Path
    """Where they are now."""

    @abstractmethod
    def write(self, picture: Picture) -> None:
        """Raises LiveflightError where the picture cannot be stored."""

    @abstractmethod
    def close(self, *, whole: bool = True) -> None:
        """Finish what was written: all that was meant to be, or not. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        # What is already being raised says more than what closing would add.
        with contextlib.suppress(LiveflightError) if kind else contextlib.nullcontext():
            self.close(whole=kind is None)


def open_sink(
    path: str | Path,
    size: tuple[int, int],
    fps: float,
    sound: Soundtrack | None = None,
    if_taken: IfTaken = "next",
) -> FrameSink:
    """A VideoFile for a name ending in .mp4, a PngFolder for one without a suffix or ending in "/".
    A video has `sound`; a folder of pictures has none, and never replaces another's.

    Raises LiveflightError for any other name, and what those two raise."""
    is_folder = str(path).endswith(("/", os.sep))
    suffix = Path(path).suffix.lower()
    if Path(path).name in ("", ".mp4"):
        raise LiveflightError(f"output {str(path)!r} has no name: try flight.mp4")
    if suffix == ".mp4" and not is_folder:
        return VideoFile(Path(path), size, fps, sound, if_taken)
    if is_folder or not suffix:
        return PngFolder(Path(path), size)
    raise LiveflightError(
        f"output {str(path)!r} ends in {suffix!r}: a video ends in .mp4; a name without a suffix, "
        "or ending in a slash, is a folder of PNG pictures"
    )


class VideoFile(FrameSink):
    """H.264 in MP4, yuv420p, BT.709 matrix, tagged with the sRGB transfer that the pictures have;
    with `sound`, AAC.

    The file grows as NAME.unfinished.mp4 beside its own name, which it takes when it is whole: see
    `new_files.Draft`. What was stopped stays there, and plays. When this process is killed, ffmpeg
    still finishes it; when ffmpeg is killed too, all but its last seconds stays playable, if that
    ffmpeg knows hybrid fragments (7.1 and later). On one machine the same pictures give the same
    bytes.

    Raises LiveflightError for an odd width or height, a place that cannot be written, a missing
    ffmpeg, and, from `write` or `close`, with the reason ffmpeg gave where it stopped midway, or
    where it hangs."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: float,
        sound: Soundtrack | None = None,
        if_taken: IfTaken = "next",
    ) -> None:
        width, height = size
        if width < 2 or height < 2 or width % 2 or height % 2:
            even = f"{max(2, width - width % 2)}x{max(2, height - height % 2)}"
            raise LiveflightError(
                f"size {width}x{height}: a video needs an even width and height, such as {even}"
            )
        self._path, self._shape, self._if_taken = path, (height, width, 3), if_taken
        self._frames = 0
        self._closed = False
        program = _ffmpeg(path)
        self._draft = _draft(path)
        try:
            self._start(program, command(program, self._draft.path, size, fps, sound))
        except LiveflightError:
            self._draft.drop()
            raise
        self._watch = ffmpeg.Watch(self._process, self._progress)

    def _start(self, program: str, words: list[str]) -> None:
        self._said = tempfile.TemporaryFile()
        try:
            self._process = child_process.start(
                words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._said
            )
        except OSError as error:
            self._said.close()
            raise LiveflightError(f"ffmpeg {program!r} does not start: {_why(error)}") from error

    @property
    def path(self) -> Path:  # type: ignore[override]
        return self._draft.path

    def write(self, picture: Picture) -> None:
        _check(picture, self._shape)
        assert self._process.stdin is not None
        try:
            with self._watch:
                self._process.stdin.write(np.ascontiguousarray(picture).data)
        except OSError as error:  # a broken pipe; EINVAL on Windows
            raise self._failure() from error
        self._frames += 1

    def close(self, *, whole: bool = True) -> None:
        if self._closed:
            return
        failed = self._finish() != 0
        # Stopped within the first picture, ffmpeg complains of having none; the user knows.
        if failed and self._frames:
            raise self._failure()
        self._said.close()
        if not self._frames:
            self._draft.drop()
        elif whole:
            try:
                self._draft.finish(self._if_taken)
            except OSError as error:
                raise _cannot_write(self._path, error) from error

    def _finish(self) -> int:
        assert self._process.stdin is not None
        with self._watch:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            returncode = self._process.wait()
        self._watch.close()
        self._closed = True
        return returncode

    def _progress(self) -> object:
        """What changes while ffmpeg takes pictures, or writes what it has."""
        try:
            state = self.path.stat()
        except OSError:
            return self._frames
        return self._frames, state.st_size, state.st_mtime_ns

    def _failure(self) -> LiveflightError:
        self._finish()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").splitlines()
        self._said.close()
        # The first line is the cause, the others follow from it; "[mp4 @ 0x...]" is for its makers.
        reason = lines[0].rpartition("] ")[2] if lines else f"exit code {self._process.returncode}"
        if self._watch.killed:
            reason = f"it hung for {ffmpeg.STALL_LIMIT_S:g} s and was ended"
        if self.path.exists() and not self.path.stat().st_size:
            self._draft.drop()
        return LiveflightError(
            f"video {str(self._path)!r} broke off after {self._frames} pictures: ffmpeg: {reason}"
        )


class PngFolder(FrameSink):
    """Lossless PNGs: frame_00001.png, frame_00002.png, ... in a new or frameless folder.

    Raises LiveflightError where the folder cannot be made or written, or holds frames already."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self.path, self._shape = path, (size[1], size[0], 3)
        self._frames = 0
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise _cannot_write(path, error) from error
        if not os.access(path, os.W_OK):
            raise _cannot_write(path, PermissionError(0, "permission denied"))
        if any(path.glob("frame_*.png")):
            raise LiveflightError(
                f"folder {str(path)!r} holds another flight's frames: name a new one, or empty it"
            )

    def write(self, picture: Picture) -> None:
        _check(picture, self._shape)
        # A frame that is there now is of another flight, begun at the same time.
        save_png(self.path / f"frame_{self._frames + 1:05}.png", picture, "refuse")
        self._frames += 1

    def close(self, *, whole: bool = True) -> None:
        """Every picture is complete already."""


def save_png(path: Path, picture: Picture, if_taken: IfTaken = "next") -> Path:
    """Write a picture, whole or not at all, and return its name. Raises LiveflightError where it
    cannot be stored."""
    coded = io.BytesIO()
    Image.fromarray(picture).save(coded, format="PNG")
    try:
        return new_files.write(coded.getvalue(), path, if_taken)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _ffmpeg(path: Path) -> str:
    found = ffmpeg.find()
    if found is None:
        raise LiveflightError(
            f"no ffmpeg to write {str(path)!r}: pip install imageio-ffmpeg, "
            "or name a folder instead to get PNG pictures"
        )
    return found


def _draft(path: Path) -> Draft:
    if os.path.isdir(path):
        raise LiveflightError(f"cannot write {str(path)!r}: it is a folder; name a file in it")
    try:
        return Draft(path, "{stem}.unfinished{suffix}")
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> LiveflightError:
    missing = isinstance(error, FileNotFoundError)
    reason = f"there is no folder {str(path.parent)!r}" if missing else _why(error)
    return LiveflightError(f"cannot write {str(path)!r}: {reason}; choose another place")


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _check(picture: Picture, shape: tuple[int, int, int]) -> None:
    if picture.shape != shape or picture.dtype != np.uint8:
        raise ValueError(f"picture is {picture.dtype} {picture.shape}, not uint8 {shape}")
