"""Record what the audience is shown, with the sound that is heard, while the show goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from liveflight.core.contracts import Size
from liveflight.outputs.sinks import live_encoding
from liveflight.outputs.sinks.encoded_sink import EncodedSink
from liveflight.outputs.sinks.frame_sink import Picture, cannot_write
from liveflight.outputs.sinks.sound_pipe import SoundPipe
from liveflight.outputs.sinks.video_encoding import mp4_flags
from liveflight.storage.new_files import Draft
from liveflight.system import folders

_FRAGMENTS = "+frag_keyframe+empty_moov+default_base_moof"
"""Flags of an MP4 that plays while it grows, for an ffmpeg without hybrid fragments."""

_KEYFRAME_S = 1.0
"""Seconds between keyframes: what a killed ffmpeg loses at most."""


class LiveRecording(EncodedSink):
    """Write an .mp4 in the user's folder of videos, named by the time of day.

    It grows as NAME.unfinished.mp4, and has its name when it is complete. If this process is
    killed, ffmpeg finishes the file; if both are, all but the last second or two can be played. A
    window that changes its size begins another file. After a fault it ends: the disk is full."""

    reconnects = False
    stall_s = 30.0  # a slow disk that empties its cache
    finish_s = 30.0
    close_s = 35.0

    def __init__(
        self, fps: float, sound_rate: int = 0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Record `fps` frames per second.

        `sound_rate`: samples per second of the sound that `hear` will get; 0 for none."""
        super().__init__("the recording", fps, clock)
        self._sound_rate = sound_rate if os.name == "posix" else 0  # elsewhere no second pipe
        self._sound: SoundPipe | None = None
        self._draft: Draft | None = None
        self.saved: list[Path] = []
        """The files that are complete."""
        self.began: float | None = None
        """When the first frame was shown, in seconds of the clock."""

    @property
    def seconds(self) -> float:
        """Return how long it has been recording."""
        return 0.0 if self.began is None else self._clock() - self.began

    def hear(self, samples: np.ndarray, rate: int) -> None:
        """Take the sound of the last moment, float32 (N,); may be called from any thread."""
        if sound := self._sound:
            sound.put(samples, rate)

    def write(self, picture: Picture) -> None:
        if self.began is None:
            self.began = self._clock()
        super().write(picture)

    def status_lines(self) -> list[str]:
        minutes, seconds = divmod(int(self.seconds), 60)
        return [f"recording {minutes}:{seconds:02}", *super().status_lines()]

    def open(self, size: Size) -> None:
        path = folders.videos() / time.strftime("%Y-%m-%d %H.%M.%S.mp4")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._draft = Draft(path, "{stem}.unfinished{suffix}")
        except OSError as error:
            raise cannot_write(path, error) from error
        if self._sound_rate:
            self._sound = SoundPipe(self._sound_rate, self._clock)
        super().open(size)
        if self._sound:
            self._sound.start()

    def command(self, size: Size) -> list[str]:
        assert self._draft
        program = live_encoding.find_ffmpeg("record")
        sound, track = [], []
        if self._sound:
            sound = ["-f", "f32le", "-ar", str(self._sound.rate), "-ac", "1"]
            sound += ["-i", f"pipe:{self._sound.reader}"]
            track = ["-map", "1:a", "-c:a", "aac", "-b:a", "192k"]
        return [
            *(program, "-hide_banner", "-loglevel", "error", "-y"),
            *(*live_encoding.picture_input(size, self.fps), *sound, "-map", "0:v"),
            *(*live_encoding.encoding(program, self.fps, _KEYFRAME_S), *track),
            *("-movflags", mp4_flags(program, _FRAGMENTS), "-f", "mp4", f"file:{self._draft.path}"),
        ]

    def more_inputs(self) -> tuple[int, ...]:
        return (self._sound.reader,) if self._sound else ()

    def send(self, picture: Picture, at: float) -> None:
        if self._sound and self._sound.began is None:
            self._sound.began = at
        super().send(picture, at)

    def end(self, *, whole: bool) -> None:
        sound, draft = self._sound, self._draft
        try:
            if sound:
                sound.stop()  # it ends once ffmpeg has no pictures to wait for
            super().end(whole=whole)
            if draft and whole:
                self._finish(draft)
        finally:
            self._sound = self._draft = None
            if sound:
                sound.close()
            with suppress(OSError):
                if draft and not os.path.getsize(draft.path):
                    draft.drop()

    def explained(self, reason: str) -> str:
        return f"{reason}; what was recorded is in {self._draft.path if self._draft else '?'}"

    def _finish(self, draft: Draft) -> None:
        try:
            self.saved.append(draft.finish())
        except OSError as error:
            raise cannot_write(draft.path, error) from error
