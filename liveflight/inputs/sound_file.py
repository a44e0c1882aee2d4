"""A file in place of the microphone, heard as time goes by: decoded by ffmpeg, in a process of its
own, from its beginning.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np

from liveflight import child, ffmpeg
from liveflight.core.contracts import LiveflightError
from liveflight.core.spectrum import Samples

_WIDTH = 4
"""Bytes of a sample."""

_JUMP = 2.0
"""Seconds of sound at most that one frame hears: what a stall has missed is skipped."""


class Recording:
    """Begins with the first `read`; after its end there is silence."""

    rate = 44100

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        self._first = b""
        self._began: float | None = None
        self._heard = 0
        """Samples."""

    def open(self) -> None:
        path = str(self._path)
        if not self._path.is_file():
            raise LiveflightError(f"sound {path!r}: there is no such file")
        program = ffmpeg.find()
        if program is None:
            raise LiveflightError(f"no ffmpeg to hear {path!r}: pip install imageio-ffmpeg")
        with tempfile.TemporaryFile() as said:
            try:
                self._process = child.start(
                    _command(program, self._path, self.rate),
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
                )  # fmt: skip
            except OSError as error:
                why = error.strerror or error
                raise LiveflightError(f"ffmpeg {program!r} does not start: {why}") from error
            self._first = self._bytes(_WIDTH)
            if not self._first:
                self.close()
                said.seek(0)
                words = said.read().decode(errors="replace").splitlines() or ["it is empty"]
                reason = words[0].rpartition("] ")[2]
                raise LiveflightError(f"sound {path!r} cannot be heard: {reason}")

    def read(self, now: float) -> Samples:
        """float32 (N,): as many as the time since the last call takes. Waits for the decoder, which
        is some hundred times faster than the sound and ahead by what the pipe holds."""
        if self._began is None:
            self._began = now
        wanted = round((now - self._began) * self.rate) - self._heard
        self._heard += wanted
        skipped = max(0, wanted - round(_JUMP * self.rate))
        self._bytes(skipped * _WIDTH)
        wanted -= skipped
        samples = np.zeros(wanted, np.float32)
        data = self._bytes(wanted * _WIDTH)
        decoded = np.frombuffer(data[: len(data) // _WIDTH * _WIDTH], np.float32)
        samples[: len(decoded)] = np.nan_to_num(decoded)
        return samples

    def lines(self) -> list[str]:
        return []

    def close(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def _bytes(self, count: int) -> bytes:
        if self._process is None or count <= 0:
            return b""
        assert self._process.stdout is not None
        first, self._first = self._first[:count], self._first[count:]
        return first + self._process.stdout.read(count - len(first))


def _command(program: str, path: Path, rate: int) -> list[str]:
    mono = f"{ffmpeg.MEAN},aresample={rate}"
    # "file:" keeps a name like "http:x.wav" a name.
    return [
        *(program, "-hide_banner", "-loglevel", "error", "-i", f"file:{path.absolute()}"),
        *("-map", "0:a:0", "-af", mono, "-f", "f32le", "pipe:1"),
    ]
