"""Read frames of a camera or a video file, through an ffmpeg process.

A source is anything that ffmpeg can open: a camera (`/dev/video0` or `0`; on macOS its number or
name, on Windows its name), a video file, or `lavfi:` and one of ffmpeg's test sources.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from liveflight.core.contracts import LiveflightError
from liveflight.media import ffmpeg_errors
from liveflight.system import child_process, ffmpeg

log = logging.getLogger("liveflight.media")

MAX_SIDE_PX = 960
"""Pixels to which the longer side is reduced: the seed needs no more, and a pipe carries it."""

_UPRIGHT = "scale=w='max(1,round(iw*sar*{0}))':h='max(1,round(ih*{0}))':flags=area".format(
    f"min(1,{MAX_SIDE_PX}/max(iw*sar,ih))"
)
"""Filter that scales frames to that size, with square pixels."""

MAX_RATE_HZ = 40
"""Frames per second that a show takes: all of a camera's 30, every second one of 60."""

RATE_FILTERS = (
    f"select='isnan(prev_selected_t)+gte(abs(t-prev_selected_t),1/{MAX_RATE_HZ})'",
    f"settb=1/{MAX_RATE_HZ}",
    "setpts=N",
)
"""Filters that pass each frame once and at once, whatever rate the file claims.

Browsers and phones claim thousands per second. The frames are then numbered at `MAX_RATE_HZ`."""

_MAX_FRAME_SIDE_PX = 16384
"""Pixels that a side of a frame may have."""

RETRY_S = (0.5, 8.0)
"""Seconds until a lost source is opened again, at first and at most."""

HUNG_S = 10.0
"""Seconds without a frame after which a source counts as lost: cameras start slowly."""


class VideoSource(Protocol):
    """Frames of a camera or a video file."""

    def newest(self, now: float) -> np.ndarray | None:
        """Return the current frame, uint8 (H, W, 3), row 0 at the top; None for no new one.

        `now`: seconds since the flight began, or of any clock."""
        ...

    def close(self) -> None: ...


class Capture:
    """A source in its own time, for a show: only its newest frame counts.

    Where it ends, vanishes or hangs, it is opened again, with a line in the log at each change."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._newest: deque[np.ndarray] = deque(maxlen=1)
        self._ends = threading.Event()
        self.stream: Stream | None = None
        self._frames, self._seen = 0, -1
        """Number of frames until now, and at the last call of `newest`."""
        self._since = 0.0
        """When `newest` last saw a new frame, or the source was opened."""
        self._hung = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def newest(self, now: float) -> np.ndarray | None:
        if self._frames != self._seen or self.stream is None:
            self._seen, self._since = self._frames, now
        elif now - self._since > HUNG_S:
            self._since, self._hung = now, True
            with self._lock:
                if self.stream:
                    self.stream.stop()
        return self._newest.pop() if self._newest else None

    def close(self) -> None:
        """End the thread and its process; may be called twice."""
        self._ends.set()
        with self._lock:
            if self.stream:
                self.stream.stop()
        self._thread.join(2.0)

    def _run(self) -> None:
        wait, lost = RETRY_S[0], False
        while not self._ends.is_set():
            reason, frames = self._watch(lost)
            lost = lost and not frames
            if frames and not self._hung:
                wait = RETRY_S[0]
            if not lost and not self._ends.is_set():
                log.warning("camera %s: %s; it is tried again", self._source, reason)
                lost = True
            self._ends.wait(wait)
            wait = min(2 * wait, RETRY_S[1])

    def _watch(self, lost: bool) -> tuple[str, int]:
        """Read frames until there are no more; return the reason and their number."""
        frames, self._hung = 0, False
        try:
            with self._lock:
                if self._ends.is_set():
                    return "closed", 0
                self.stream = Stream(self._source, ["-re"], *RATE_FILTERS, rate=MAX_RATE_HZ)
            while (frame := self.stream.read()) is not None:
                if lost and not frames:
                    log.warning("camera %s: it is back", self._source)
                frames += 1
                self._newest.append(frame)
                self._frames += 1
            reason = self.stream.reason()
            return f"no picture for {HUNG_S:.0f} s" if self._hung else reason, frames
        except Exception as error:  # no process, file or memory is available now
            return (str(error) if isinstance(error, LiveflightError) else repr(error)), frames
        finally:
            with self._lock:
                stream, self.stream = self.stream, None
            if stream:  # without the lock: closing may hang in a driver
                with contextlib.suppress(OSError):
                    stream.close()


class OfflineVideo:
    """A source in the flight's own time, for a render: a file always gives the same frames."""

    def __init__(self, source: str, fps: float) -> None:
        """Open the source for a flight at `fps`. Raises LiveflightError where it cannot."""
        self._source, self._fps, self._read = source, fps, 0
        self.stream = Stream(source, [], f"fps={ffmpeg.rate(fps)}")
        self._watch = ffmpeg.Watch(self.stream.process)

    def newest(self, now: float) -> np.ndarray | None:
        """Return the frame for `now`. Raises LiveflightError where the source breaks off."""
        frame = None
        while self._read <= round(now * self._fps):
            with self._watch:
                frame = self.stream.read()
            if frame is None:
                reason = self.stream.reason()
                if self._watch.killed:
                    reason = f"no picture for {ffmpeg.STALL_LIMIT_S:g} s"
                raise LiveflightError(f"camera {self._source!r}: {reason}")
            self._read += 1
        return frame

    def close(self) -> None:
        self._watch.close()
        self.stream.close()


class Stream:
    """Frames of a source, one after the other; a file starts again at its end."""

    def __init__(self, source: str, pace: list[str], *filters: str, rate: int = 0) -> None:
        """Start ffmpeg on a source.

        `pace`: ffmpeg's options for files. `rate`: frames per second after the filters, where they
        do not set it. Raises LiveflightError where ffmpeg is missing."""
        program = _ffmpeg()
        self._source = source
        self._messages = tempfile.TemporaryFile()
        command = [
            *(program, "-hide_banner", "-loglevel", "error", "-nostdin"),
            *_input(source, pace),
            *("-map", "0:V:0"),  # a song's cover is no video
            *("-an", "-vf", ",".join([*filters, _UPRIGHT]), "-pix_fmt", "rgb24"),
            *(["-r", str(rate)] if rate else []),
            *("-c:v", "ppm", "-f", "image2pipe", "pipe:1"),
        ]
        try:
            self.process = child_process.start(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._messages
            )
        except OSError as error:
            self._messages.close()
            raise LiveflightError(f"ffmpeg does not start: {error.strerror or error}") from error

    def read(self) -> np.ndarray | None:
        """Return the next frame, uint8 (H, W, 3); None at the end."""
        assert self.process.stdout is not None
        ffmpeg.trim_messages(self._messages)
        return _ppm(self.process.stdout)

    def reason(self) -> str:
        """Return why the frames ended."""
        self.process.wait()
        self._messages.seek(0)
        messages = self._messages.read(ffmpeg.MAX_MESSAGE_BYTES).decode(errors="replace")
        return ffmpeg_errors.explained(messages, self._source)

    def stop(self) -> None:
        """End the frames; may be called while another thread reads."""
        with contextlib.suppress(OSError):
            self.process.kill()

    def close(self) -> None:
        """End the process and release its pipes; may be called twice."""
        self.stop()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._messages.close()


def _ppm(pipe: IO[bytes]) -> np.ndarray | None:
    """Read a PPM picture: P6, width and height, 255, then the pixels; None at the end."""
    if pipe.readline() != b"P6\n":
        return None
    width, height = map(int, pipe.readline().split())
    if not (0 < width <= _MAX_FRAME_SIDE_PX and 0 < height <= _MAX_FRAME_SIDE_PX):
        raise LiveflightError(
            f"a frame of {width}x{height} pixels: allowed is 1 to {_MAX_FRAME_SIDE_PX}"
        )
    pipe.readline()
    pixels = pipe.read(3 * width * height)
    if len(pixels) < 3 * width * height:
        return None
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def _input(source: str, pace: list[str]) -> list[str]:
    if source.startswith("lavfi:"):
        return [*pace, "-f", "lavfi", "-i", source.removeprefix("lavfi:")]
    if os.path.isfile(source):
        # "file:" keeps a name like "http:x.mp4" a name.
        return [*pace, "-stream_loop", "-1", "-i", f"file:{Path(source).absolute()}"]
    if sys.platform == "darwin":
        return ["-f", "avfoundation", "-framerate", "30", "-i", f"{source}:none"]
    if sys.platform == "win32":
        return ["-f", "dshow", "-i", f"video={source}"]
    return ["-f", "v4l2", "-i", f"/dev/video{source}" if source.isdecimal() else source]


def _ffmpeg() -> str:
    found = ffmpeg.find()
    if found is None:
        raise LiveflightError("no ffmpeg to see a camera or a video: pip install imageio-ffmpeg")
    return found
