"""Give the sound that is heard to ffmpeg, in step with the pictures."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Full, Queue

import numpy as np

from liveflight.system.worker import start_thread

_MAX_BLOCKS = 256
"""Blocks that wait for ffmpeg; more are dropped, and filled with silence."""

_SILENT_AFTER_S = 0.15
"""Seconds without a block after which silence is written: ffmpeg waits for sound with pictures."""

_MAX_DRIFT_S = 0.1
"""Seconds by which the sound may be early or late: blocks come with the frames' jitter."""

Block = tuple[np.ndarray, int, float]
"""Samples, their number per second, and when the last of them was heard."""


class SoundPipe:
    """A pipe of float32 samples, one channel, that keeps real time.

    Fill gaps with silence, and leave out surplus samples. Only where the system
    has pipes that a child process inherits: not on Windows."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.perf_counter) -> None:
        """Open a pipe for `rate` samples per second. Raises OSError."""
        self.rate, self._clock = rate, clock
        self.began: float | None = None
        """When the first picture was shown, in seconds of the clock."""
        self.written = 0
        """Samples until now."""
        self.reader, self._writer = os.pipe()
        self._blocks: Queue[Block] = Queue(_MAX_BLOCKS)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write. Call it once the child process has its end of the pipe."""
        os.close(self.reader)
        self.reader = -1
        self._thread = start_thread(self._run, "sound pipe")

    def put(self, samples: np.ndarray, rate: int) -> None:
        """Add what was heard until now, unless it is ending; never waits."""
        if self._closing.is_set():
            return  # else there would be no end as long as something is heard
        with suppress(Full):
            self._blocks.put_nowait((samples, rate, self._clock()))

    def stop(self) -> None:
        """Begin to end: what waits is still written. Does not wait."""
        self._closing.set()

    def close(self) -> None:
        """End the sound, once ffmpeg has ended or reads no more pictures; may be called twice."""
        self.stop()
        if self.reader >= 0:
            os.close(self.reader)
            self.reader = -1
        if self._thread:
            self._thread.join()
        elif self._writer >= 0:
            os.close(self._writer)
            self._writer = -1

    def in_step(self, block: Block) -> np.ndarray:
        """Return the samples that continue the sound after this block was heard."""
        samples, rate, now = block
        if rate != self.rate:
            count = round(len(samples) * self.rate / rate)
            places = np.arange(count) * (rate / self.rate)
            samples = np.interp(places, np.arange(len(samples)), samples) if count else samples[:0]
        if self.began is None:
            return np.zeros(0, np.float32)
        missing = round((now - self.began) * self.rate) - self.written
        if abs(missing - len(samples)) > _MAX_DRIFT_S * self.rate:
            samples = samples[-missing:] if missing > 0 else samples[:0]
            samples = np.concatenate([np.zeros(max(missing - len(samples), 0)), samples])
        self.written += len(samples)
        return samples.astype(np.float32)

    def _run(self) -> None:
        with suppress(OSError), open(self._writer, "wb", buffering=0) as pipe:
            while True:
                try:
                    block = self._blocks.get(timeout=_SILENT_AFTER_S)
                except Empty:
                    if self._closing.is_set():
                        return
                    block = np.zeros(0), self.rate, self._clock() - _SILENT_AFTER_S / 2
                pipe.write(self.in_step(block).tobytes())
