"""Play a sound file to the analysis in place of a microphone, decoded by an ffmpeg process."""

from __future__ import annotations

import logging
import math
import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from liveflight.core.contracts import LiveflightError
from liveflight.core.spectrum import Samples
from liveflight.system import child_process, ffmpeg

log = logging.getLogger("liveflight.sound")

_SAMPLE_BYTES = 4

_RETRY_S = (0.5, 30.0)
"""Seconds until a decoder that broke off is started again, at first and at most."""

_MAX_EXIT_WAIT_S = 1.0
"""Seconds that a decoder may take to exit after the end of the sound."""

_SKIP_BYTES = 1 << 20
"""Bytes that are skipped per read: hours of sound have gigabytes."""

_MAX_READ_S = 2.0
"""Seconds of sound that one read returns at most; the rest of a longer pause is skipped."""


class AudioFile:
    """A sound file that begins with the first `read`.

    After its end there is silence, or its beginning where it is to `loop`. A decoder that breaks
    off is started again in a `live` flight."""

    rate = 44100

    def __init__(self, path: Path, *, loop: bool = False, live: bool = False) -> None:
        self._path, self._loop, self._live = path, loop, live
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: ffmpeg.Watch | None = None
        self._messages: IO[bytes] | None = None
        """The decoder's error messages."""
        self._first = b""
        self._began: float | None = None
        self._heard = 0
        """Samples that `read` has passed, including skipped ones."""
        self._over = False
        self._wait, self._due = _RETRY_S[0], -math.inf
        """Seconds between two starts of the decoder, and the time of the next one."""

    def open(self) -> None:
        """Start the decoder. Raises LiveflightError where the sound cannot be decoded."""
        path = str(self._path)
        if not os.path.isfile(self._path):
            raise LiveflightError(f"sound {path!r}: there is no such file")
        program = ffmpeg.find()
        if program is None:
            raise LiveflightError(f"no ffmpeg to hear {path!r}: pip install imageio-ffmpeg")
        messages = tempfile.TemporaryFile()
        try:
            self._process = child_process.start(
                _command(program, self._path, self.rate, loop=self._loop),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages,
            )  # fmt: skip
        except OSError as error:
            messages.close()
            why = error.strerror or error
            raise LiveflightError(f"ffmpeg {program!r} does not start: {why}") from error
        self._messages, self._watch = messages, ffmpeg.Watch(self._process)
        self._first = b""
        self._first = self._read_bytes(_SAMPLE_BYTES)
        if not self._first:
            messages.seek(0)
            lines = messages.read(ffmpeg.MAX_MESSAGE_BYTES).decode(
                errors="replace"
            ).splitlines() or ["it is empty"]
            reason = lines[0].rpartition("] ")[2]
            self.close()
            raise LiveflightError(f"sound {path!r} cannot be heard: {reason}")

    def read(self, now: float) -> Samples:
        """Return the samples since the last call, float32 (N,), mono; `now` is in seconds.

        Waits for the decoder, which is about a hundred times faster than the sound and ahead by the
        size of the pipe.

        Raises LiveflightError where the decoder breaks off and the flight is not `live`."""
        if self._began is None:
            self._began = now
        if self._process is None and not self._over and now >= self._due:
            self._restart(now)
        wanted = round((now - self._began) * self.rate) - self._heard
        self._heard += wanted
        skipped = max(0, wanted - round(_MAX_READ_S * self.rate))
        for left in range(skipped * _SAMPLE_BYTES, 0, -_SKIP_BYTES):
            self._read_bytes(min(left, _SKIP_BYTES))
        wanted -= skipped
        samples = np.zeros(wanted, np.float32)
        data = self._read_bytes(wanted * _SAMPLE_BYTES)
        decoded = np.frombuffer(data[: len(data) // _SAMPLE_BYTES * _SAMPLE_BYTES], np.float32)
        samples[: len(decoded)] = decoded
        if self._process and len(decoded) < wanted:
            self._handle_end(now, self._process)
        return samples

    def status_lines(self) -> list[str]:
        return []

    def close(self) -> None:
        """End the decoder; may be called twice."""
        process, self._process = self._process, None
        if process and self._watch:
            self._watch.close()
            process.kill()
            with suppress(subprocess.TimeoutExpired):  # it may hang on a removed disk
                process.wait(_MAX_EXIT_WAIT_S)
                assert process.stdout is not None
                process.stdout.close()
            if self._messages:
                self._messages.close()

    def _handle_end(self, now: float, process: subprocess.Popen[bytes]) -> None:
        """Find out whether the sound is over or the decoder failed, and schedule a restart."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(_MAX_EXIT_WAIT_S)
        code = process.poll()
        self.close()
        self._over = code == 0 and not self._loop
        if self._over:
            return
        why = f"ended with code {code}"
        if self._watch and self._watch.killed:
            why = f"gave nothing for {ffmpeg.STALL_LIMIT_S:g} s"
        text = f"sound {str(self._path)!r} broke off: ffmpeg {why}"
        if not self._live:
            raise LiveflightError(text)
        if now > self._due + _RETRY_S[-1]:  # it worked for long enough
            self._wait = _RETRY_S[0]
            log.warning("%s; it is started again", text)
        self._due = now + self._wait

    def _restart(self, now: float) -> None:
        self._wait = min(2 * self._wait, _RETRY_S[1])
        self._due = now + self._wait
        # The file may be away for a while, or no thread may be available.
        with suppress(LiveflightError, OSError, RuntimeError):
            self.open()

    def _read_bytes(self, count: int) -> bytes:
        if self._process is None or count <= 0:
            return b""
        assert self._process.stdout is not None
        first, self._first = self._first[:count], self._first[count:]
        assert self._watch and self._messages
        ffmpeg.trim_messages(self._messages)
        with self._watch:
            return first + self._process.stdout.read(count - len(first))


def _command(program: str, path: Path, rate: int, *, loop: bool) -> list[str]:
    mono = f"{ffmpeg.MEAN_OF_CHANNELS},aresample={rate}"
    # "file:" keeps a name like "http:x.wav" a name.
    return [
        *(program, "-hide_banner", "-loglevel", "error"),
        *(["-stream_loop", "-1"] if loop else []),
        *("-i", f"file:{path.absolute()}"),
        *("-map", "0:a:0", "-af", mono, "-f", "f32le", "pipe:1"),
    ]
