"""Measure sound as meters (level, bands, onsets), from a microphone, a line input or a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from liveflight.controllers.audio.device import Device
from liveflight.core.contracts import Value
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Mailbox, Message, Set
from liveflight.core.spectrum import AudioFeatures, Samples, Spectrum
from liveflight.media.audio_file import AudioFile
from liveflight.system.worker import Worker

_CLOSE_TIMEOUT_S = 1.0
"""Seconds that `close` waits for a running analysis."""

_METERS = tuple((field.name, f"sound.{field.name}") for field in fields(AudioFeatures))

_SUFFIXES = {".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma",
             ".mp4", ".mkv", ".mov", ".webm"}  # fmt: skip


SampleListener = Callable[[Samples, int], None]
"""Takes samples, and their number per second, on the thread that analyses them."""


class SampleSource(Protocol):
    """Deliver samples; one call at a time."""

    rate: int
    """Samples per second, from `open` on; it may change when a lost device returns."""

    def open(self) -> None:
        """Begin. Raises LiveflightError where it cannot."""
        ...

    def read(self, now: float) -> Samples:
        """Return the samples since the last call; `now` in seconds of the loop's clock."""
        ...

    def status_lines(self) -> list[str]:
        """Return trouble for the HUD; mostly nothing."""
        ...

    def close(self) -> None:
        """Stop. May be called twice, and without `open`."""
        ...


def is_file(name: str) -> bool:
    """Return whether `name` means a file, rather than a device."""
    path = Path(name)
    return path.suffix.lower() in _SUFFIXES or os.path.isfile(path)


class SoundInput:
    """Put each meter of `sound.*` that has changed, once per frame.

    `name`: a file, part of a device's name, or `default`. In the `background`, what sounded until a
    frame began is analysed while that frame is shown, and put before the next one; otherwise within
    the frame itself."""

    def __init__(
        self,
        name: str,
        background: bool = False,
        once: bool = True,
        hear: SampleListener | None = None,
    ) -> None:
        """Choose the source by its name. `once`: a file ends in silence instead of looping.

        `hear` gets what is analysed, too."""
        self._hear = hear
        self._source: SampleSource = (
            AudioFile(Path(name), loop=not once, live=background) if is_file(name) else Device(name)
        )
        self._background = background
        self._work: Worker[AudioFeatures] = Worker(background)
        self._heard = AudioFeatures()
        self._gain: float | None = None
        self._now = 0.0
        self._shown: dict[str, float] = {}

    def open(self, mailbox: Mailbox) -> None:
        self._source.open()
        self._mailbox = mailbox
        self._begin()

    def poll(self, now: float) -> None:
        """Put the meters that have changed; an onset lasts one frame."""
        self._now = now
        if not self._background:
            self._work.submit(partial(self._analyse, now))
        if self._work.busy and self._work.wait():
            self._heard = self._work.result()
        else:
            self._heard = replace(self._heard, onset=0.0)
        self._put_changed()

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Take the gain; in the background, begin the analysis for the next frame."""
        self._gain = None if values["sound.auto"] else float(values["sound.gain"])
        if self._background and not self._work.busy:
            self._work.submit(partial(self._analyse, self._now))

    def status_lines(self) -> list[str]:
        return self._source.status_lines()

    def close(self) -> None:
        self._work.close(_CLOSE_TIMEOUT_S)
        self._source.close()

    def _begin(self) -> None:
        self._rate = self._source.rate
        self._spectrum = Spectrum(self._rate)

    def _analyse(self, now: float) -> AudioFeatures:
        samples = self._source.read(now)
        if self._hear:
            self._hear(samples, self._source.rate)
        if self._source.rate != self._rate:
            self._begin()
        self._spectrum.hear(samples)
        return self._spectrum.features(self._gain)

    def _put_changed(self) -> None:
        meters = {
            key: round(CONTROLS[key].clip_sensor(getattr(self._heard, name)), 4)
            for name, key in _METERS
        }
        changed = {key: each for key, each in meters.items() if self._shown.get(key) != each}
        self._shown = meters
        self._mailbox.put(*(Set(key, each, "sound") for key, each in changed.items()))
