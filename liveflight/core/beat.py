"""Count beats, bars and phrases. Pure: time comes in as dt.

No beat comes twice: a resync, or an external clock that starts over, moves the clock forward to the
wanted place in the next phrase, never back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median_low

TAP_TIMEOUT_S = 2.0
"""Seconds without a tap after which the next one begins a new count."""

_MAX_TAPS = 9
"""Number of newest taps that count."""

_OUTLIER = 0.3
"""Relative distance from the median beyond which an interval is a missed or doubled tap."""

_PULL_S = 0.15
"""Time constant in seconds with which small differences to an external clock are made up."""

_JUMP_BEATS = 0.5
"""Beats of difference to an external clock beyond which it is followed at once."""

SLOWEST_BPM, FASTEST_BPM = 20.0, 300.0
"""Range of the tempo in beats per minute."""


class BeatClock:
    """Keep the position in beats, free-running, tapped or following an external clock."""

    def __init__(self, bpm: float = 120.0) -> None:
        self.bpm = bpm
        self.beats_per_bar = 4
        self.bars_per_phrase = 4
        self.position = 0.0
        """Beats since the start; bars and phrases begin at multiples of their lengths."""
        self._time = 0.0
        self._taps: list[float] = []
        self._external: float | None = None
        """Position of an external clock after the next `advance`."""

    @property
    def phrase(self) -> int:
        """Return the number of beats per phrase."""
        return self.beats_per_bar * self.bars_per_phrase

    @property
    def beat(self) -> int:
        """Return the beat of the bar, from 1."""
        return math.floor(self.position) % self.beats_per_bar + 1

    @property
    def bar(self) -> int:
        """Return the bar of the phrase, from 1."""
        return math.floor(self.position) // self.beats_per_bar % self.bars_per_phrase + 1

    def advance(self, dt: float) -> None:
        """Advance by `dt` seconds, towards the external clock where one is followed."""
        self._time += dt
        self.position += self.bpm / 60 * dt
        if self._external is not None:
            self._pull(self._external, dt)
            self._external = None

    def follow(self, position: float, bpm: float) -> None:
        """Follow an external clock that will stand at `position` beats after the next `advance`.

        `bpm` is clipped to SLOWEST_BPM..FASTEST_BPM; values that are not finite are ignored. Call
        it before every `advance` while the clock is received."""
        if math.isfinite(position) and math.isfinite(bpm):
            self.bpm = min(max(bpm, SLOWEST_BPM), FASTEST_BPM)
            self._external = position
            self._taps.clear()

    def tap(self) -> bool:
        """Set a beat here and return whether the tempo is known.

        It is from the second tap on, where taps are no more than TAP_TIMEOUT_S apart: the mean of
        the intervals near their median. Frames round the times of taps. The mean evens that out,
        the median alone would not."""
        if self._taps and self._time - self._taps[-1] > TAP_TIMEOUT_S:
            self._taps.clear()
        self._taps = [*self._taps, self._time][-_MAX_TAPS:]
        intervals = [after - before for before, after in pairwise(self._taps) if after > before]
        if not intervals:
            return False
        self.bpm = min(max(60 / _typical(intervals), SLOWEST_BPM), FASTEST_BPM)
        self.position = float(math.floor(self.position + 0.5))
        return True

    def resync(self) -> None:
        """Begin a bar and a phrase now."""
        self.position = float(math.ceil(self.position / self.phrase) * self.phrase)

    def _pull(self, external: float, dt: float) -> None:
        apart = (external - self.position) % self.phrase
        if apart > self.phrase - _JUMP_BEATS:  # a little ahead: slow down, but never go back
            behind = apart - self.phrase
            most = self.bpm / 60 * dt
            self.position += max(behind * (1 - math.exp(-dt / _PULL_S)), -most)
        elif apart < _JUMP_BEATS:
            self.position += apart * (1 - math.exp(-dt / _PULL_S))
        else:
            self.position += apart


def passes(before: float, after: float, grid: int) -> bool:
    """Return whether a multiple of `grid` beats lies in (before, after]."""
    return math.floor(after / grid) > math.floor(before / grid)


def _typical(intervals: Sequence[float]) -> float:
    middle = median_low(intervals)  # one of them, so that at least that one counts
    return fmean(each for each in intervals if abs(each - middle) <= _OUTLIER * middle)
