"""Write frames as an H.264 video, through an ffmpeg process."""

from __future__ import annotations

import os
from pathlib import Path

from liveflight.core.contracts import LiveflightError, Size
from liveflight.outputs.sinks.encoder_process import EncoderProcess
from liveflight.outputs.sinks.frame_sink import (
    FrameSink,
    Picture,
    cannot_write,
    check_picture,
)
from liveflight.outputs.sinks.video_encoding import Soundtrack, command
from liveflight.storage.new_files import Draft, IfTaken
from liveflight.system import ffmpeg


class VideoFile(FrameSink):
    """Write H.264 in MP4, and AAC with `sound`.

    The video is yuv420p with the BT.709 matrix, tagged with the sRGB transfer of the pictures. On
    one machine the same pictures give the same bytes.

    The file grows as NAME.unfinished.mp4 beside its own name, which it takes when it is complete:
    see `new_files.Draft`. A video that was stopped keeps the unfinished name, and plays. When this
    process is killed, ffmpeg still finishes the file. When ffmpeg is killed too, all but the last
    seconds stay playable if that ffmpeg knows hybrid fragments (7.1 and later).

    Raises LiveflightError for an odd width or height, a place that cannot be written and a missing
    ffmpeg; `write` and `close` raise it where ffmpeg stops early, with its reason, or hangs."""

    name = "the video file"

    def __init__(
        self,
        path: Path,
        size: Size,
        fps: float,
        sound: Soundtrack | None = None,
        if_taken: IfTaken = "next",
    ) -> None:
        """Start ffmpeg for pictures of this width and height."""
        width, height = size
        if width < 2 or height < 2 or width % 2 or height % 2:
            even = f"{max(2, width - width % 2)}x{max(2, height - height % 2)}"
            raise LiveflightError(
                f"size {width}x{height}: a video needs an even width and height, such as {even}"
            )
        self._path, self._shape, self._if_taken = path, (height, width, 3), if_taken
        self._frames = 0
        self._closed = False
        program = _find_ffmpeg(path)
        self._draft = _open_draft(path)
        try:
            self._encoder = EncoderProcess(command(program, self._draft.path, size, fps, sound))
        except LiveflightError:
            self._draft.drop()
            raise
        self._watch = ffmpeg.Watch(self._encoder.process, self._progress)

    @property
    def path(self) -> Path:
        """Return where the video is now: under its unfinished name, or its own."""
        return self._draft.path

    def write(self, picture: Picture) -> None:
        check_picture(picture, self._shape)
        try:
            with self._watch:
                self._encoder.write(picture)
        except OSError as error:
            raise self._failure() from error
        self._frames += 1

    def close(self, *, whole: bool = True) -> None:
        if self._closed:
            return
        failed = self._finish() != 0
        # ffmpeg complains when it is stopped before the first picture; the user knows.
        if failed and self._frames:
            raise self._failure()
        self._encoder.close()
        if not self._frames:
            self._draft.drop()
        elif whole:
            try:
                self._draft.finish(self._if_taken)
            except OSError as error:
                raise cannot_write(self._path, error) from error

    def _finish(self) -> int:
        with self._watch:
            returncode = self._encoder.finish()
        self._watch.close()
        self._closed = True
        return returncode

    def _progress(self) -> object:
        """Return a value that changes while ffmpeg takes pictures or writes to the file."""
        try:
            state = self.path.stat()
        except OSError:
            return self._frames
        return self._frames, state.st_size, state.st_mtime_ns

    def _failure(self) -> LiveflightError:
        self._finish()
        reason = self._encoder.reason()
        self._encoder.close()
        if self._watch.killed:
            reason = f"it hung for {ffmpeg.STALL_LIMIT_S:g} s and was ended"
        if self.path.exists() and not self.path.stat().st_size:
            self._draft.drop()
        return LiveflightError(
            f"video {str(self._path)!r} broke off after {self._frames} pictures: ffmpeg: {reason}"
        )


def _find_ffmpeg(path: Path) -> str:
    found = ffmpeg.find()
    if found is None:
        raise LiveflightError(
            f"no ffmpeg to write {str(path)!r}: pip install imageio-ffmpeg, "
            "or name a folder instead to get PNG pictures"
        )
    return found


def _open_draft(path: Path) -> Draft:
    if os.path.isdir(path):
        raise LiveflightError(f"cannot write {str(path)!r}: it is a folder; name a file in it")
    try:
        return Draft(path, "{stem}.unfinished{suffix}")
    except OSError as error:
        raise cannot_write(path, error) from error
