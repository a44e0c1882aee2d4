"""Record from a microphone or a line input in a child process.

PortAudio knows only the devices that existed when it was initialised. It may hang on one that is
gone, and aborts its process when the JACK server it was connected to ends. In a child process none
of this ends a show, and each attempt at a lost device starts with a fresh PortAudio.

    python -m liveflight.controllers.audio.device_process NAME

The child writes one line of JSON, `{"rate": ...}` in samples per second or `{"error": ...}`. Then
it writes the samples as native float32, at most two channels mixed down to one, until standard
input is closed or the device is gone.
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

_OPEN_TIMEOUT_S = 10.0
"""Seconds that opening a device may take."""
_CLOSE_TIMEOUT_S = 1.0
"""Seconds that the process has to release its device."""
_MAX_BLOCKS = 256
"""Blocks kept for the next frame; older ones are dropped."""
_RATE_RANGE_HZ = (5000, 1_000_000)
"""Lowest and highest plausible samples per second."""
_SAMPLE_BYTES = 4
"""Bytes of a sample."""


class CaptureProcess:
    """Hold one open device in its child process."""

    def __init__(self, name: str) -> None:
        """Open the device whose name contains `name`, or `default`.

        Raises LiveflightError where it cannot be opened, or sounddevice or PortAudio is missing."""
        self._blocks: deque[Samples] = deque(maxlen=_MAX_BLOCKS)
        first: SimpleQueue[bytes] = SimpleQueue()
        self._process = child_process.start(
            child_process.python(__name__, name),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            stderr=subprocess.DEVNULL,  # where ALSA and JACK complain, sometimes endlessly
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
        """Return whether no more samples will come."""
        return not self._thread.is_alive()

    def take(self) -> Samples:
        """Return the samples since the last call, the newest second at most: float32 (N,)."""
        blocks = []
        while self._blocks:
            blocks.append(self._blocks.popleft())
        return np.concatenate(blocks)[-self.rate :] if blocks else np.zeros(0, np.float32)

    def close(self) -> None:
        """End the process. May be called twice."""
        child_process.end(self._process, _CLOSE_TIMEOUT_S)
        if self._thread.ident:  # unset if the system had no thread left
            self._thread.join(_CLOSE_TIMEOUT_S)

    def _answer(self, name: str, first: SimpleQueue[bytes]) -> int:
        """Return the rate in samples per second from the child's first line.

        Raises LiveflightError where it is an error, or none comes."""
        try:
            line = first.get(timeout=_OPEN_TIMEOUT_S)
        except Empty:
            raise LiveflightError(f"sound device {name!r} does not answer") from None
        with suppress(ValueError):
            match json.loads(line):
                case {"rate": int(rate)} if _RATE_RANGE_HZ[0] <= rate <= _RATE_RANGE_HZ[1]:
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
                whole = len(rest) // _SAMPLE_BYTES * _SAMPLE_BYTES
                self._blocks.append(np.frombuffer(rest[:whole], np.float32))
                rest = rest[whole:]


def input_device_names(sounddevice: ModuleType) -> list[str]:
    """Return the names of the devices with an input."""
    devices = sounddevice.query_devices()
    return [str(device["name"]) for device in devices if device["max_input_channels"]]


def load_sounddevice() -> ModuleType:
    """Import sounddevice. Raises LiveflightError where it, or PortAudio, is missing."""
    try:
        import sounddevice
    except ImportError as error:
        raise LiveflightError(
            'sound needs the package sounddevice: pip install "liveflight[audio]"'
        ) from error
    except OSError as error:  # the wheels for Linux contain no PortAudio
        raise LiveflightError(
            f"sound needs PortAudio: apt-get install libportaudio2 ({error})"
        ) from error
    return sounddevice


def _opened(name: str, hear: Callable[[Samples], None], gone: Callable[[], None]) -> Any:
    """Return a running stream of that device.

    `hear` and `gone` are called on a thread of PortAudio's. Raises LiveflightError."""
    sounddevice = load_sounddevice()
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
            f"there is {', '.join(input_device_names(sounddevice)) or 'no input device'}"
        ) from error
    return stream


def _serve(name: str, out: IO[bytes], ends: Callable[[], None]) -> None:
    """Record until standard input is closed. `ends` may be called before, by any thread."""
    heard: Queue[Samples] = Queue(_MAX_BLOCKS)

    def hear(samples: Samples) -> None:
        with suppress(Full):  # the show takes nothing while it is suspended
            heard.put_nowait(samples)

    def say() -> None:
        with suppress(OSError):  # the show has closed the pipe
            while True:
                out.write(heard.get().tobytes())
                out.flush()
        ends()

    def begin(answer: dict[str, Any]) -> None:
        out.write(json.dumps(answer).encode() + b"\n")
        out.flush()

    # A driver may hang, and the show may end meanwhile.
    patience = threading.Timer(_OPEN_TIMEOUT_S, ends)
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
    """End the process at once: PortAudio may hang or abort it while its threads are ended."""
    os._exit(0)


if __name__ == "__main__":
    with child_process.standard_output() as said, suppress(BrokenPipeError):
        _serve(sys.argv[1], said.buffer, _end)
    _end()
