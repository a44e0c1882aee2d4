"""Follow a MIDI clock: 24 ticks a beat, start, stop, continue, song position (MIDI 1.0)."""

from __future__ import annotations

from collections import deque

TICKS_PER_BEAT = 24
"""Clock ticks per beat."""
_LOST_AFTER_S = 0.5
"""Seconds without a tick after which the clock counts as stopped: slower than any tempo in use."""
_MIN_TICK_INTERVAL_S = 0.0005
"""Seconds between two ticks of the fastest plausible clock: 5,000 beats per minute."""
_WINDOW_TICKS = 2 * TICKS_PER_BEAT
"""Ticks over which the tempo is averaged: drivers report single ticks a few milliseconds off."""


class MidiClock:
    """Compute position and tempo from ticks; all times in seconds of any one clock."""

    def __init__(self) -> None:
        self._ticks: deque[float] = deque(maxlen=_WINDOW_TICKS + 1)
        self._count = -1
        """Ticks since the start; the first one after it is beat 0."""
        self._playing = True
        """True from the beginning: many senders only tick and never send start."""

    def tick(self, at: float) -> None:
        """Count a tick that came at `at` seconds."""
        if self._ticks and at - self._ticks[-1] > _LOST_AFTER_S:
            self._ticks.clear()
        self._ticks.append(at)
        if self._playing:
            self._count += 1

    def start(self) -> None:
        """Begin at beat 0 with the next tick."""
        self._count, self._playing = -1, True

    def stop(self) -> None:
        """Stop and keep the position; ticks no longer count."""
        self._playing = False

    def resume(self) -> None:
        """Continue from where it stopped."""
        self._playing = True

    def locate(self, sixteenths: int) -> None:
        """Set the song's position, in sixteenth notes from its start."""
        self._count = sixteenths * TICKS_PER_BEAT // 4 - 1

    def at(self, now: float) -> tuple[float, float] | None:
        """Return beats since the start and beats per minute at `now` seconds.

        None while the clock stands, or has not ticked for long enough to know its tempo."""
        known = len(self._ticks) > TICKS_PER_BEAT // 2
        if not (
            known and self._playing and now - self._ticks[-1] < _LOST_AFTER_S and self._count >= 0
        ):
            return None
        apart = (self._ticks[-1] - self._ticks[0]) / (len(self._ticks) - 1)
        if apart < _MIN_TICK_INTERVAL_S:  # a burst: a delayed driver delivers many ticks at once
            return None
        since = min(max(now - self._ticks[-1], 0.0), apart) / apart
        return (self._count + since) / TICKS_PER_BEAT, 60 / (apart * TICKS_PER_BEAT)
