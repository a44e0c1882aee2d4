"""A file in place of the microphone, heard as time goes by: decoded by ffmpeg, in a process of its
own, from its beginning.
"""

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

_WIDTH = 4
"""Bytes of a sample."""

_WAITS = (0.5, 30.0)
"""Seconds until a decoder that broke off is started again, at first and at most."""

_GRACE = 1.0
"""Seconds that a decoder whose sound has ended may take to end itself."""

_SKIPPED = 1 << 20
"""Bytes that are skipped at once: of hours there are gigabytes."""

_JUMP = 2.0
"""Seconds of sound at most that one frame hears: what a stall has missed is skipped."""


class AudioFile:
    """Begins with the first `read`. After its end there is silence, or, where it is to `loop`, its
    beginning. A decoder that breaks off is started again in a `live` flight."""

    rate = 44100

    def __init__(self, path: Path, *, loop: bool = False, live: bool = False) -> None:
        self._path, self._loop, self._live = path, loop, live
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: ffmpeg.Watch | None = None
        self._said: IO[bytes] | None = None
        """What the decoder complains of."""
        self._first = b""
        self._began: float | None = None
        self._heard = 0
        """Samples."""
        self._over = False
        self._wait, self._due = _WAITS[0], -math.inf
        """Seconds between two starts of the decoder, and when the next may be."""

    def open(self) -> None:
        path = str(self._path)
        if not os.path.isfile(self._path):
            raise LiveflightError(f"sound {path!r}: there is no such file")
        program = ffmpeg.find()
        if program is None:
            raise LiveflightError(f"no ffmpeg to hear {path!r}: pip install imageio-ffmpeg")
        said = tempfile.TemporaryFile()
        try:
            self._process = child_process.start(
                _command(program, self._path, self.rate, loop=self._loop),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
            )  # fmt: skip
        except OSError as error:
            said.close()
            why = error.strerror or error
            raise LiveflightError(f"ffmpeg {program!r} does not start: {why}") from error
        self._said, self._watch = said, ffmpeg.Watch(self._process)
        self._first = b""
        self._first = self._bytes(_WIDTH)
        if not self._first:
            said.seek(0)
            words = said.read(ffmpeg.SAID).decode(errors="replace").splitlines() or ["it is empty"]
            reason = words[0].rpartition("] ")[2]
            self.close()
            raise LiveflightError(f"sound {path!r} cannot be heard: {reason}")

    def read(self, now: float) -> Samples:
        """float32 (N,): as many as the time since the last call takes. Waits for the decoder, which
        is some hundred times faster than the sound and ahead by what the pipe holds.

        Raises LiveflightError where the decoder breaks off and the flight is not `live`."""
        if self._began is None:
            self._began = now
        if self._process is None and not self._over and now >= self._due:
            self._again(now)
        wanted = round((now - self._began) * self.rate) - self._heard
        self._heard += wanted
        skipped = max(0, wanted - round(_JUMP * self.rate))
        for left in range(skipped * _WIDTH, 0, -_SKIPPED):
            self._bytes(min(left, _SKIPPED))
        wanted -= skipped
        samples = np.zeros(wanted, np.float32)
        data = self._bytes(wanted * _WIDTH)
        decoded = np.frombuffer(data[: len(data) // _WIDTH * _WIDTH], np.float32)
        samples[: len(decoded)] = decoded
        if self._process and len(decoded) < wanted:
            self._end(now, self._process)
        return samples

    def status_lines(self) -> list[str]:
        return []

    def close(self) -> None:
        process, self._process = self._process, None
        if process and self._watch:
            self._watch.close()
            process.kill()
            with suppress(subprocess.TimeoutExpired):  # a disk that is gone may not let go of it
                process.wait(_GRACE)
                assert process.stdout is not None
                process.stdout.close()
            if self._said:
                self._said.close()

    def _end(self, now: float, process: subprocess.Popen[bytes]) -> None:
        """The decoder gives no more: find out whether the sound is over."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        code = process.poll()
        self.close()
        self._over = code == 0 and not self._loop
        if self._over:
            return
        why = f"ended with code {code}"
        if self._watch and self._watch.killed:
            why = f"gave nothing for {ffmpeg.PATIENCE:g} s"
        said = f"sound {str(self._path)!r} broke off: ffmpeg {why}"
        if not self._live:
            raise LiveflightError(said)
        if now > self._due + _WAITS[-1]:  # it has worked for long enough
            self._wait = _WAITS[0]
            log.warning("%s; it is started again", said)
        self._due = now + self._wait

    def _again(self, now: float) -> None:
        self._wait = min(2 * self._wait, _WAITS[1])
        self._due = now + self._wait
        # The file may be gone for a while, or no thread be had.
        with suppress(LiveflightError, OSError, RuntimeError):
            self.open()

    def _bytes(self, count: int) -> bytes:
        if self._process is None or count <= 0:
            return b""
        assert self._process.stdout is not None
        first, self._first = self._first[:count], self._first[count:]
        assert self._watch and self._said
        ffmpeg.trim(self._said)
        with self._watch:
            return first + self._process.stdout.read(count - len(first))


def _command(program: str, path: Path, rate: int, *, loop: bool) -> list[str]:
    mono = f"{ffmpeg.MEAN},aresample={rate}"
    # "file:" keeps a name like "http:x.wav" a name.
    return [
        *(program, "-hide_banner", "-loglevel", "error"),
        *(["-stream_loop", "-1"] if loop else []),
        *("-i", f"file:{path.absolute()}"),
        *("-map", "0:a:0", "-af", mono, "-f", "f32le", "pipe:1"),
    ]
