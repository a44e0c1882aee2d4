"""Read a microphone or a line input through `device_process`, and reopen it when it is lost.

A device counts as lost when no block comes for a second (unplugged, asleep, driver ended). It is
tried again at growing intervals.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

import numpy as np

from liveflight.controllers.audio import device_process
from liveflight.core.spectrum import Samples
from liveflight.system.worker import Worker

log = logging.getLogger("liveflight.sound")

LOST_AFTER_S = 1.0
"""Seconds without a block after which a device counts as lost: PortAudio reports no unplugging."""

_FIRST_BLOCK_S = 3.0
"""Seconds that the first block may take."""

_RETRY_DELAYS_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds between two attempts to reopen it; the last one stays."""

_CLOSE_TIMEOUT_S = 2.0
"""Seconds that `close` waits for an attempt."""


class AudioCapture(Protocol):
    """Deliver samples; `device_process.CaptureProcess` in a show."""

    rate: int
    """Samples per second."""

    @property
    def ended(self) -> bool: ...

    def take(self) -> Samples: ...

    def close(self) -> None: ...


class Device:
    """Deliver what one device records; an `audio.input.SampleSource`."""

    def __init__(
        self, name: str, make: Callable[[str], AudioCapture] = device_process.CaptureProcess
    ) -> None:
        """Take the device's name, or part of it, or `default`. `make` opens a device by name."""
        self.rate = 44100
        self.lost = False
        self._name, self._make = name, make
        self._capture: AudioCapture | None = None
        self._worker: Worker[AudioCapture] = Worker(True)
        self._before: float | None = None
        """When `read` was last called, in seconds of the loop's clock."""
        self._alive = 0.0
        """When the last block came, or by when the first may come, less LOST_AFTER_S."""
        self._tried, self._attempts = 0.0, 0
        self._closed = False

    def open(self) -> None:
        self._begin(self._make(self._name))

    def read(self, now: float) -> Samples:
        """Return the samples since the last call: float32 (N,). While it is lost, silence.

        `now`: seconds of the loop's clock."""
        before, self._before = self._before, now
        samples = self._capture.take() if self._capture else np.zeros(0, np.float32)
        if len(samples):
            self._alive = now
        elif before is None:
            self._alive = now + _FIRST_BLOCK_S - LOST_AFTER_S
        self._watch(now, heard=len(samples) > 0)
        if self.lost and before is not None:
            return np.zeros(round((now - before) * self.rate), np.float32)
        return samples

    def status_lines(self) -> list[str]:
        return [f"sound: {self._name} is lost"] if self.lost else []

    def close(self) -> None:
        self._closed = True
        self._worker.close(_CLOSE_TIMEOUT_S)
        if self._worker.busy and self._worker.wait():
            self._finish_attempt()
        capture, self._capture = self._capture, None
        if capture:
            capture.close()

    def _watch(self, now: float, heard: bool) -> None:
        ended = self._capture is not None and self._capture.ended
        if heard and self.lost and not ended:
            self.lost, self._attempts = False, 0
            log.warning("sound: %s is back", self._name)
        elif not self.lost and (ended or now - self._alive > LOST_AFTER_S):
            self.lost, self._tried = True, now
            log.warning("sound: nothing comes from %s any more; trying again", self._name)
        if self._worker.busy:
            if self._worker.wait():
                self._finish_attempt()
        elif (
            self.lost
            and now - self._tried >= _RETRY_DELAYS_S[min(self._attempts, len(_RETRY_DELAYS_S) - 1)]
        ):
            self._tried, self._attempts = now, self._attempts + 1
            capture, self._capture = self._capture, None
            self._worker.submit(partial(self._reopen, capture))

    def _finish_attempt(self) -> None:
        with suppress(Exception):  # still gone, or the system has no process or thread left
            self._begin(self._worker.result())

    def _reopen(self, lost: AudioCapture | None) -> AudioCapture:
        if lost:
            lost.close()
        capture = self._make(self._name)
        if self._closed:  # `close` no longer waits for it
            capture.close()
        return capture

    def _begin(self, capture: AudioCapture) -> None:
        self._capture, self.rate = capture, capture.rate
