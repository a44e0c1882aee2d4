"""Where rendered pictures go: an H.264 file through ffmpeg, a folder of PNGs, a single screenshot.

Pictures are uint8, (H, W, 3), sRGB-coded RGB, row 0 at the top. Writing is synchronous."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from liveflight import child, ffmpeg
from liveflight.core.contracts import LiveflightError

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Soundtrack:
    """The sound of a file, from its beginning, cut or followed by silence."""

    path: Path
    seconds: float
    """How long the pictures are meant to last; where they end early, so does the sound, within
    about a second."""


class Sink(ABC):
    """Takes the pictures of one flight, all of one size, in order. Leaving its context closes."""

    @abstractmethod
    def write(self, picture: Picture) -> None:
        """Raises LiveflightError where the picture cannot be stored."""

    @abstractmethod
    def close(self) -> None:
        """Finishes what was written. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        # What is already being raised says more than what closing would add.
        with contextlib.suppress(LiveflightError) if kind else contextlib.nullcontext():
            self.close()


def open_sink(
    path: str | Path, size: tuple[int, int], fps: float, sound: Soundtrack | None = None
) -> Sink:
    """A VideoFile for a name ending in .mp4, a PngFolder for one without a suffix or ending in "/".
    A video has `sound`; a folder of pictures has none.

    Raises LiveflightError for any other name, and what those two raise."""
    is_folder = str(path).endswith(("/", os.sep))
    suffix = Path(path).suffix.lower()
    if Path(path).name in ("", ".mp4"):
        raise LiveflightError(f"output {str(path)!r} has no name: try flight.mp4")
    if suffix == ".mp4" and not is_folder:
        return VideoFile(Path(path), size, fps, sound)
    if is_folder or not suffix:
        return PngFolder(Path(path), size)
    raise LiveflightError(
        f"output {str(path)!r} ends in {suffix!r}: a video ends in .mp4; a name without a suffix, "
        "or ending in a slash, is a folder of PNG pictures"
    )


class VideoFile(Sink):
    """H.264 in MP4, yuv420p, BT.709 matrix, tagged with the sRGB transfer that the pictures have;
    with `sound`, AAC.

    The file grows under its own name. When this process is killed, ffmpeg still finishes it; when
    ffmpeg is killed too, all but its last seconds stays playable, if that ffmpeg knows hybrid
    fragments (7.1 and later). On one machine the same pictures give the same bytes.

    Raises LiveflightError for an odd width or height, a place that cannot be written, a missing
    ffmpeg, and, from `write` or `close`, with the reason ffmpeg gave where it stopped midway."""

    def __init__(
        self, path: Path, size: tuple[int, int], fps: float, sound: Soundtrack | None = None
    ) -> None:
        width, height = size
        if width < 2 or height < 2 or width % 2 or height % 2:
            even = f"{max(2, width - width % 2)}x{max(2, height - height % 2)}"
            raise LiveflightError(
                f"size {width}x{height}: a video needs an even width and height, such as {even}"
            )
        self._path, self._shape = path, (height, width, 3)
        self._frames = 0
        self._closed = False
        program = _ffmpeg(path)
        _claim(path)
        self._said = tempfile.TemporaryFile()
        try:
            self._process = child.start(
                _command(program, path, size, fps, sound),
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._said,
            )  # fmt: skip
        except OSError as error:
            self._said.close()
            raise LiveflightError(f"ffmpeg {program!r} does not start: {_why(error)}") from error

    def write(self, picture: Picture) -> None:
        _check(picture, self._shape)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(picture).data)
        except OSError as error:  # a broken pipe; EINVAL on Windows
            raise self._failure() from error
        self._frames += 1

    def close(self) -> None:
        if self._closed:
            return
        failed = self._finish() != 0
        # Stopped within the first picture, ffmpeg complains of having none; the user knows.
        if failed and self._frames:
            raise self._failure()
        self._said.close()

    def _finish(self) -> int:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        returncode = self._process.wait()
        self._closed = True
        return returncode

    def _failure(self) -> LiveflightError:
        self._finish()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").splitlines()
        self._said.close()
        # The first line is the cause, the others follow from it; "[mp4 @ 0x...]" is for its makers.
        reason = lines[0].rpartition("] ")[2] if lines else f"exit code {self._process.returncode}"
        return LiveflightError(
            f"video {str(self._path)!r} broke off after {self._frames} pictures: ffmpeg: {reason}"
        )


class PngFolder(Sink):
    """Lossless PNGs: frame_00001.png, frame_00002.png, ... in a new or frameless folder.

    Raises LiveflightError where the folder cannot be made or written, or holds frames already."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self._path, self._shape = path, (size[1], size[0], 3)
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
        save_png(self._path / f"frame_{self._frames + 1:05}.png", picture)
        self._frames += 1

    def close(self) -> None:
        """Every picture is complete already."""


def save_png(path: Path, picture: Picture) -> None:
    """Writes a picture whole or not at all. Raises LiveflightError where it cannot be stored."""
    part = path.with_name(path.name + ".part")
    try:
        Image.fromarray(picture).save(part, format="PNG")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise _cannot_write(path, error) from error


def _command(
    program: str, path: Path, size: tuple[int, int], fps: float, sound: Soundtrack | None
) -> list[str]:
    rate = Fraction(fps).limit_denominator(1001)
    # ffmpeg's default for RGB is the BT.601 matrix; players expect BT.709.
    colours = (
        "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p,"
        "setparams=colorspace=bt709:color_primaries=bt709:color_trc=iec61966-2-1:range=tv"
    )
    # The network needs the cores. veryfast takes 20 ms of one for a picture of 1280x720 and medium
    # 47, for 0.7 dB at the same file size. A keyframe every 2 s bounds what a crash can cost.
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "16"]
    keyframes = ["-g", str(max(1, round(2 * fps)))]
    # "file:" keeps a name like "http:x.mp4" or "-y.mp4" a name.
    heard, track = [], []
    if sound:
        heard = ["-i", f"file:{sound.path.absolute()}"]
        # Where pictures come slowly, ffmpeg's -shortest alone lets the sound run on.
        length = ["-t", f"{sound.seconds:.6f}", "-shortest"]
        track = ["-map", "1:a:0", "-af", "apad", *length, "-c:a", "aac", "-b:a", "192k"]
    return [
        *(program, "-hide_banner", "-loglevel", "error", "-y"),
        *("-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{size[0]}x{size[1]}"),
        *("-framerate", str(rate), "-i", "pipe:0", *heard, "-map", "0:v:0"),
        *("-vf", colours, *encoder, *keyframes, *track),
        *("-movflags", _crash_proof(program), "-f", "mp4", f"file:{path.absolute()}"),
    ]


def _crash_proof(program: str) -> str:
    """Hybrid fragments where this ffmpeg knows them: readable while it grows, plain at the end."""
    known = subprocess.run(
        [program, "-hide_banner", "-h", "muxer=mp4"],
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    # delay_moov: without it there is no edit list, and players see the first picture two late.
    hybrid = b"hybrid_fragmented" in known.stdout
    return "+hybrid_fragmented+delay_moov" if hybrid else "+faststart"


def _ffmpeg(path: Path) -> str:
    found = ffmpeg.find()
    if found is None:
        raise LiveflightError(
            f"no ffmpeg to write {str(path)!r}: pip install imageio-ffmpeg, "
            "or name a folder instead to get PNG pictures"
        )
    return found


def _claim(path: Path) -> None:
    """Creates or empties the file: the system's own word on whether it can be written."""
    if path.is_dir():
        raise LiveflightError(f"cannot write {str(path)!r}: it is a folder; name a file in it")
    try:
        path.open("wb").close()
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
