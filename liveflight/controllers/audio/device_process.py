"""What a microphone or a line hears, from a process of its own: PortAudio knows only the devices
that were there when it was initialised, may hang on one that is gone, and aborts its process where
the JACK server it was connected to has ended. Here that ends no show, and each attempt at a lost
device begins with a fresh PortAudio.

    python -m liveflight.controllers.audio.device_process NAME

One line of JSON, `{"rate": ...}` in samples per second or `{"error": ...}`, then the samples as
native float32, two channels at most mixed down, until standard input is closed or the device is
gone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Full, Queue, SimpleQueue
from types import ModuleType
from typing import IO, Any

import numpy as np

from liveflight.core.contracts import LiveflightError
from liveflight.core.spectrum import Samples
from liveflight.system import child_process

_PATIENCE = 10.0
"""Seconds that opening a device may take."""
_GRACE = 1.0
"""Seconds that the process has to let go of its device."""
_BLOCKS = 256
"""Blocks kept for the next frame, the newest."""
_RATES = (5000, 1_000_000)
"""Samples per second that can be meant."""
_WIDTH = 4
"""Bytes of a sample."""


class Line:
    """A device that is open."""

    def __init__(self, name: str) -> None:
        """`name`: part of a device's name, or `default`. Raises LiveflightError where it cannot be
        opened, or sounddevice or PortAudio is missing."""
        self._blocks: deque[Samples] = deque(maxlen=_BLOCKS)
        first: SimpleQueue[bytes] = SimpleQueue()
        self._process = child_process.start(
            child_process.python(__name__, name), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            stderr=subprocess.DEVNULL,  # where ALSA and JACK complain, some without end
        )  # fmt: skip
        self._thread = threading.Thread(
            target=self._listen, args=(first,), name="sound in", daemon=True
        )
        try:
            self._thread.start()
            self.rate = self._answer(name, first)
            """Samples per second."""
        except BaseException:
            self.close()
            raise

    @property
    def ended(self) -> bool:
        """Whether nothing will come any more."""
        return not self._thread.is_alive()

    def take(self) -> Samples:
        """What has sounded since the last call, the newest second of it: float32 (N,)."""
        blocks = []
        while self._blocks:
            blocks.append(self._blocks.popleft())
        return np.concatenate(blocks)[-self.rate :] if blocks else np.zeros(0, np.float32)

    def close(self) -> None:
        """May be called twice."""
        child_process.end(self._process, _GRACE)
        if self._thread.ident:  # else the system had none left
            self._thread.join(_GRACE)

    def _answer(self, name: str, first: SimpleQueue[bytes]) -> int:
        """The rate that was said first."""
        try:
            line = first.get(timeout=_PATIENCE)
        except Empty:
            raise LiveflightError(f"sound device {name!r} does not answer") from None
        with suppress(ValueError):
            match json.loads(line):
                case {"rate": int(rate)} if _RATES[0] <= rate <= _RATES[1]:
                    return rate
                case {"error": str(error)}:
                    raise LiveflightError(error)
        self.close()
        code = self._process.returncode
        raise LiveflightError(f"sound device {name!r} ended as it was opened, with code {code}")

    def _listen(self, first: SimpleQueue[bytes]) -> None:
        pipe: IO[bytes] | None = self._process.stdout
        assert pipe
        with pipe:
            first.put(pipe.readline())
            rest = b""
            while data := pipe.read(1 << 16):
                rest += data
                whole = len(rest) // _WIDTH * _WIDTH
                self._blocks.append(np.frombuffer(rest[:whole], np.float32))
                rest = rest[whole:]


def hearing(sounddevice: ModuleType) -> list[str]:
    """The names of the devices that hear."""
    devices = sounddevice.query_devices()
    return [str(device["name"]) for device in devices if device["max_input_channels"]]


def library() -> ModuleType:
    """sounddevice. Raises LiveflightError where it, or PortAudio, is missing."""
    try:
        import sounddevice
    except ImportError as error:
        raise LiveflightError(
            'sound needs the package sounddevice: pip install "liveflight[audio]"'
        ) from error
    except OSError as error:  # the wheels for Linux bring no PortAudio
        raise LiveflightError(
            f"sound needs PortAudio: apt-get install libportaudio2 ({error})"
        ) from error
    return sounddevice


def _opened(name: str, hear: Callable[[Samples], None], gone: Callable[[], None]) -> Any:
    """A stream of that device; `hear` and `gone` are called on a thread of PortAudio's."""
    sounddevice = library()
    wanted = None if name == "default" else name

    def take(block: np.ndarray, frames: int, time: object, status: object) -> None:
        hear(block.mean(axis=1, dtype=np.float32))

    try:
        channels = sounddevice.query_devices(wanted, "input")["max_input_channels"]
        stream = sounddevice.InputStream(
            device=wanted, channels=min(channels, 2), dtype="float32", latency="low",
            callback=take, finished_callback=gone,
        )  # fmt: skip
        stream.start()
    except (ValueError, sounddevice.PortAudioError) as error:
        raise LiveflightError(
            f"sound device {name!r} cannot be opened ({str(error).splitlines()[0]}); "
            f"there is {', '.join(hearing(sounddevice)) or 'none that hears'}"
        ) from error
    return stream


def _serve(name: str, out: IO[bytes], ends: Callable[[], None]) -> None:
    """Until standard input is closed. `ends` may be called by any thread before."""
    heard: Queue[Samples] = Queue(_BLOCKS)

    def hear(samples: Samples) -> None:
        with suppress(Full):  # nobody takes it: the show is held
            heard.put_nowait(samples)

    def say() -> None:
        with suppress(OSError):  # nobody listens any more
            while True:
                out.write(heard.get().tobytes())
                out.flush()
        ends()

    def begin(answer: dict[str, Any]) -> None:
        out.write(json.dumps(answer).encode() + b"\n")
        out.flush()

    # A driver may hang, and whoever asked may end meanwhile.
    patience = threading.Timer(_PATIENCE, ends)
    patience.daemon = True
    patience.start()
    try:
        stream = _opened(name, hear, ends)
    except LiveflightError as error:
        begin({"error": str(error)})
        return
    except Exception as error:
        begin({"error": f"sound device {name!r} cannot be opened: {error!r}"})
        return
    patience.cancel()
    begin({"rate": round(stream.samplerate)})
    threading.Thread(target=say, daemon=True).start()
    sys.stdin.read()


def _end() -> None:
    """At once: as PortAudio's threads are taken down, it may hang or abort the process."""
    os._exit(0)


if __name__ == "__main__":
    with child_process.standard_output() as said, suppress(BrokenPipeError):
        _serve(sys.argv[1], said.buffer, _end)
    _end()
