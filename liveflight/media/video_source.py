"""Moving pictures from outside, a camera or a video file, by an ffmpeg in a process of its own.

A source is what ffmpeg can open here: a camera (`/dev/video0` or `0`; on macOS its number or name,
on Windows its name), a video file, or `lavfi:` and one of ffmpeg's test sources.
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

log = logging.getLogger("liveflight.controllers")

_LARGEST = 960
"""Pixels to which the longer side is reduced: a seed needs no more, and frames come by a pipe."""

_UPRIGHT = "scale=w='max(1,round(iw*sar*{0}))':h='max(1,round(ih*{0}))':flags=area".format(
    f"min(1,{_LARGEST}/max(iw*sar,ih))"
)
"""Frames of that size, of square pixels."""

_MOST = 40
"""Frames per second that a show takes of a source: all of a camera's 30, every other one of 60."""

_EACH_ONCE = (
    f"select='isnan(prev_selected_t)+gte(abs(t-prev_selected_t),1/{_MOST})'",
    f"settb=1/{_MOST}",
    "setpts=N",
)
"""Frames as they come, none waiting for the next and none twice, whatever rate the file claims:
browsers and phones write thousands a second. Then numbered, as if they came at that rate."""

_LARGEST_SIDE = 16384
"""Pixels of a side that a frame may have."""

_PATIENCE = (0.5, 8.0)
"""Seconds until a lost source is opened again, at first and at most."""

HUNG = 10.0
"""Seconds without a frame after which a source counts as lost: cameras may take some to begin."""


class VideoSource(Protocol):
    def newest(self, now: float) -> np.ndarray | None:
        """The frame to be seen now, uint8 (H, W, 3), row 0 at the top, or None where it is the one
        from before. `now` in seconds since the flight began or of any clock."""
        ...

    def close(self) -> None: ...


class Capture:
    """A source in its own time, for a show: its newest frame counts, and where it ends, vanishes or
    hangs it is opened again, with a line in the log at each change."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._newest: deque[np.ndarray] = deque(maxlen=1)
        self._ends = threading.Event()
        self._stream: Stream | None = None
        self._frames, self._seen = 0, -1
        """How many have come, and had as `newest` looked last."""
        self._since = 0.0
        """When one was seen to come last, or the source was opened."""
        self._hung = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def newest(self, now: float) -> np.ndarray | None:
        if self._frames != self._seen or self._stream is None:
            self._seen, self._since = self._frames, now
        elif now - self._since > HUNG:
            self._since, self._hung = now, True
            with self._lock:
                if self._stream:
                    self._stream.stop()
        return self._newest.pop() if self._newest else None

    def close(self) -> None:
        """May be called twice."""
        self._ends.set()
        with self._lock:
            if self._stream:
                self._stream.stop()
        self._thread.join(2.0)

    def _run(self) -> None:
        wait, lost = _PATIENCE[0], False
        while not self._ends.is_set():
            reason, frames = self._watch(lost)
            lost = lost and not frames
            if frames and not self._hung:
                wait = _PATIENCE[0]
            if not lost and not self._ends.is_set():
                log.warning("camera %s: %s; it is tried again", self._source, reason)
                lost = True
            self._ends.wait(wait)
            wait = min(2 * wait, _PATIENCE[1])

    def _watch(self, lost: bool) -> tuple[str, int]:
        """Takes frames until there are no more; why, and how many there were."""
        frames, self._hung = 0, False
        try:
            with self._lock:
                if self._ends.is_set():
                    return "closed", 0
                self._stream = Stream(self._source, ["-re"], *_EACH_ONCE, rate=_MOST)
            while (frame := self._stream.read()) is not None:
                if lost and not frames:
                    log.warning("camera %s: it is back", self._source)
                frames += 1
                self._newest.append(frame)
                self._frames += 1
            reason = self._stream.reason()
            return f"no picture for {HUNG:.0f} s" if self._hung else reason, frames
        except Exception as error:  # no process, file or memory to be had just now
            return (str(error) if isinstance(error, LiveflightError) else repr(error)), frames
        finally:
            with self._lock:
                stream, self._stream = self._stream, None
            if stream:  # without the lock: one that a driver does not let go of never ends
                with contextlib.suppress(OSError):
                    stream.close()


class OfflineVideo:
    """A source at the flight's own time, for a render: the same frames every time for a file."""

    def __init__(self, source: str, fps: float) -> None:
        """`fps`: of the flight. Raises LiveflightError where it cannot be opened."""
        self._source, self._fps, self._read = source, fps, 0
        self._stream = Stream(source, [], f"fps={ffmpeg.rate(fps)}")
        self._watch = ffmpeg.Watch(self._stream._process)

    def newest(self, now: float) -> np.ndarray | None:
        """Raises LiveflightError where the source breaks off."""
        frame = None
        while self._read <= round(now * self._fps):
            with self._watch:
                frame = self._stream.read()
            if frame is None:
                reason = self._stream.reason()
                if self._watch.killed:
                    reason = f"no picture for {ffmpeg.STALL_LIMIT_S:g} s"
                raise LiveflightError(f"camera {self._source!r}: {reason}")
            self._read += 1
        return frame

    def close(self) -> None:
        self._watch.close()
        self._stream.close()


class Stream:
    """Frames of a source, one after the other; a file begins anew when it has ended."""

    def __init__(self, source: str, pace: list[str], *filters: str, rate: int = 0) -> None:
        """`pace`: ffmpeg's options for files; `rate`: frames per second after the filters, where
        they do not say it. Raises LiveflightError where ffmpeg is missing."""
        program = _ffmpeg()
        self._source = source
        self._said = tempfile.TemporaryFile()
        command = [
            *(program, "-hide_banner", "-loglevel", "error", "-nostdin"),
            *_input(source, pace),
            *("-map", "0:V:0"),  # a song's cover is no video
            *("-an", "-vf", ",".join([*filters, _UPRIGHT]), "-pix_fmt", "rgb24"),
            *(["-r", str(rate)] if rate else []),
            *("-c:v", "ppm", "-f", "image2pipe", "pipe:1"),
        ]
        try:
            self._process = child_process.start(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._said
            )
        except OSError as error:
            self._said.close()
            raise LiveflightError(f"ffmpeg does not start: {error.strerror or error}") from error

    def read(self) -> np.ndarray | None:
        """The next frame, uint8 (H, W, 3); None where there are no more."""
        assert self._process.stdout is not None
        ffmpeg.trim_messages(self._said)
        return _ppm(self._process.stdout)

    def reason(self) -> str:
        """Why it ended."""
        self._process.wait()
        self._said.seek(0)
        said = self._said.read(ffmpeg.MAX_MESSAGE_BYTES).decode(errors="replace")
        return ffmpeg_errors.explained(said, self._source)

    def stop(self) -> None:
        """There are no more frames. May be called while another thread reads."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def close(self) -> None:
        """May be called twice."""
        self.stop()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._said.close()


def _ppm(pipe: IO[bytes]) -> np.ndarray | None:
    """A picture in the format that says its size: P6, width and height, 255, then the pixels."""
    if pipe.readline() != b"P6\n":
        return None
    width, height = map(int, pipe.readline().split())
    if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE):
        raise LiveflightError(
            f"a frame of {width}x{height} pixels: allowed is 1 to {_LARGEST_SIDE}"
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
