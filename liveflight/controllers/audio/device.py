"""A microphone or a line, as `sound_process` hears it. One that falls silent for good (unplugged,
asleep, its driver ended) is opened again, at growing intervals.
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

DEAD = 1.0
"""Seconds without a block after which a device counts as lost: PortAudio tells of no unplugging."""

_FIRST = 3.0
"""Seconds that its first block may take."""

_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds between two attempts to open it again."""

_GRACE = 2.0
"""Seconds that closing waits for an attempt."""


class Line(Protocol):
    """`sound_process.Line`."""

    rate: int

    @property
    def ended(self) -> bool: ...

    def take(self) -> Samples: ...

    def close(self) -> None: ...


class Device:
    def __init__(self, name: str, line: Callable[[str], Line] = device_process.Line) -> None:
        """`name`: part of a device's name, or `default`."""
        self.rate = 44100
        self.lost = False
        self._name, self._make = name, line
        self._line: Line | None = None
        self._worker: Worker[Line] = Worker(True)
        self._before: float | None = None
        """When `read` was called last."""
        self._alive = 0.0
        """When a block came last, or may be expected from."""
        self._tried, self._attempts = 0.0, 0
        self._closed = False

    def open(self) -> None:
        self._begin(self._make(self._name))

    def read(self, now: float) -> Samples:
        """float32 (N,). While the device is lost, silence."""
        before, self._before = self._before, now
        samples = self._line.take() if self._line else np.zeros(0, np.float32)
        if len(samples):
            self._alive = now
        elif before is None:
            self._alive = now + _FIRST - DEAD
        self._watch(now, heard=len(samples) > 0)
        if self.lost and before is not None:
            return np.zeros(round((now - before) * self.rate), np.float32)
        return samples

    def status_lines(self) -> list[str]:
        return [f"sound: {self._name} is lost"] if self.lost else []

    def close(self) -> None:
        self._closed = True
        self._worker.close(_GRACE)
        if self._worker.busy and self._worker.wait():
            self._arrive()
        line, self._line = self._line, None
        if line:
            line.close()

    def _watch(self, now: float, heard: bool) -> None:
        ended = self._line is not None and self._line.ended
        if heard and self.lost and not ended:
            self.lost, self._attempts = False, 0
            log.warning("sound: %s is back", self._name)
        elif not self.lost and (ended or now - self._alive > DEAD):
            self.lost, self._tried = True, now
            log.warning("sound: nothing comes from %s any more; trying again", self._name)
        if self._worker.busy:
            if self._worker.wait():
                self._arrive()
        elif self.lost and now - self._tried >= _WAITS[min(self._attempts, len(_WAITS) - 1)]:
            self._tried, self._attempts = now, self._attempts + 1
            line, self._line = self._line, None
            self._worker.submit(partial(self._again, line))

    def _arrive(self) -> None:
        with suppress(Exception):  # still gone, or no process or thread to be had just now
            self._begin(self._worker.result())

    def _again(self, line: Line | None) -> Line:
        if line:
            line.close()
        line = self._make(self._name)
        if self._closed:  # nobody will
            line.close()
        return line

    def _begin(self, line: Line) -> None:
        self._line, self.rate = line, line.rate
