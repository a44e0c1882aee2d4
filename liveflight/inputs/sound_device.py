"""A microphone or a line, through PortAudio. One that falls silent for good (unplugged, asleep) is
opened again, at growing intervals.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from types import ModuleType
from typing import Any

import numpy as np

from liveflight.core.contracts import LiveflightError
from liveflight.core.spectrum import Samples
from liveflight.worker import Worker

log = logging.getLogger("liveflight.sound")

DEAD = 1.0
"""Seconds without a block after which a device counts as lost: PortAudio tells of no unplugging."""

_FIRST = 3.0
"""Seconds that its first block may take."""

_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds between two attempts to open it again."""

_BLOCKS = 256
"""Blocks kept for the next frame, the newest."""

_GRACE = 2.0
"""Seconds that closing waits for an attempt: PortAudio may hang on a device that is gone."""


class Device:
    def __init__(self, name: str) -> None:
        """`name`: part of a device's name, or `default`."""
        self.rate = 44100
        self.lost = False
        self._name = name
        self._stream: Any = None
        self._blocks: deque[Samples] = deque(maxlen=_BLOCKS)
        self._worker: Worker[Any] = Worker(True)
        self._before: float | None = None
        """When `read` was called last."""
        self._alive = 0.0
        """When a block came last, or may be expected from."""
        self._tried, self._attempts = 0.0, 0

    def open(self) -> None:
        self._stream = self._start(library())
        self.rate = round(self._stream.samplerate)

    def read(self, now: float) -> Samples:
        """float32 (N,). While the device is lost, silence."""
        before, self._before = self._before, now
        blocks = []
        while self._blocks:
            blocks.append(self._blocks.popleft())
        if blocks:
            self._alive = now
        elif before is None:
            self._alive = now + _FIRST - DEAD
        self._watch(now, heard=bool(blocks))
        if self.lost and before is not None:
            return np.zeros(round((now - before) * self.rate), np.float32)
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def lines(self) -> list[str]:
        return [f"sound: {self._name} is lost"] if self.lost else []

    def close(self) -> None:
        self._worker.close(_GRACE)
        stream, self._stream = self._stream, None
        if stream:
            with suppress(library().PortAudioError):
                stream.abort()
                stream.close()

    def _watch(self, now: float, heard: bool) -> None:
        if heard and self.lost:
            self.lost, self._attempts = False, 0
            log.warning("sound: %s is back", self._name)
        elif not self.lost and now - self._alive > DEAD:
            self.lost, self._tried = True, now
            log.warning("sound: nothing comes from %s any more; trying again", self._name)
        if self._worker.busy:
            self._arrive()
        elif self.lost and now - self._tried >= _WAITS[min(self._attempts, len(_WAITS) - 1)]:
            self._tried, self._attempts = now, self._attempts + 1
            self._worker.submit(self._again)

    def _arrive(self) -> None:
        if self._worker.wait():
            try:
                self._stream = self._worker.result()
                self.rate = round(self._stream.samplerate)
            except Exception:  # still gone, whatever PortAudio calls it
                self._stream = None

    def _again(self) -> Any:
        """PortAudio knows only the devices that were there when it was initialised."""
        sounddevice = library()
        if self._stream:
            with suppress(sounddevice.PortAudioError):
                self._stream.abort()
                self._stream.close()
        sounddevice._terminate()
        sounddevice._initialize()
        return self._start(sounddevice)

    def _start(self, sounddevice: ModuleType) -> Any:
        wanted = None if self._name == "default" else self._name
        try:
            channels = sounddevice.query_devices(wanted, "input")["max_input_channels"]
            stream = sounddevice.InputStream(
                device=wanted, channels=min(channels, 2), dtype="float32", latency="low",
                callback=self._take,
            )  # fmt: skip
            stream.start()
        except (ValueError, sounddevice.PortAudioError) as error:
            raise LiveflightError(
                f"sound device {self._name!r} cannot be opened ({str(error).splitlines()[0]}); "
                f"there is {', '.join(hearing(sounddevice)) or 'none that hears'}"
            ) from error
        return stream

    def _take(self, block: np.ndarray, frames: int, time: object, status: object) -> None:
        """On PortAudio's own thread: nothing but keeping what came."""
        self._blocks.append(block.mean(axis=1, dtype=np.float32))


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
