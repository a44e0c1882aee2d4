"""MIDI clock: 24 ticks a beat, start, stop, continue and song position, as MIDI 1.0 has them."""

from __future__ import annotations

from collections import deque

TICKS = 24
"""Per beat."""
_LOST = 0.5
"""Seconds without a tick after which a clock counts as stopped: slower than any tempo in use."""
_LEAST = 0.0005
"""Seconds between two ticks of the fastest clock that can be meant: 5,000 beats per minute."""
_WINDOW = 2 * TICKS
"""Ticks over which the tempo is measured: drivers report single ones a few milliseconds off."""


class MidiClock:
    def __init__(self) -> None:
        self._ticks: deque[float] = deque(maxlen=_WINDOW + 1)
        self._count = -1
        """Ticks since the start; the first one after it is the beat itself."""
        self._playing = True
        """Many senders only tick, and never say start."""

    def tick(self, at: float) -> None:
        """A tick came at `at` seconds."""
        if self._ticks and at - self._ticks[-1] > _LOST:
            self._ticks.clear()
        self._ticks.append(at)
        if self._playing:
            self._count += 1

    def start(self) -> None:
        self._count, self._playing = -1, True

    def stop(self) -> None:
        self._playing = False

    def go_on(self) -> None:
        self._playing = True

    def locate(self, sixteenths: int) -> None:
        """The song's position, in sixteenth notes from its start."""
        self._count = sixteenths * TICKS // 4 - 1

    def at(self, now: float) -> tuple[float, float] | None:
        """Beats since the start, and beats per minute, at `now` seconds; None while it does not run
        or has not ticked for long enough to know its tempo."""
        known = len(self._ticks) > TICKS // 2
        if not (known and self._playing and now - self._ticks[-1] < _LOST and self._count >= 0):
            return None
        apart = (self._ticks[-1] - self._ticks[0]) / (len(self._ticks) - 1)
        if apart < _LEAST:  # a burst: a driver that was held up hands on all at once
            return None
        since = min(max(now - self._ticks[-1], 0.0), apart) / apart
        return (self._count + since) / TICKS, 60 / (apart * TICKS)
