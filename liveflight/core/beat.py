"""The beat clock: where in the bar and the phrase a flight is. Pure: time comes in as dt.

No beat comes twice: what sets the clock anew (a resync, an outside clock that starts over) leads on
to the wanted place in the next phrase, never back to one that has been.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median_low

FORGET = 2.0
"""Seconds after which a tap begins a new count."""

_TAPS = 9
"""Taps that count, the newest."""

_ODD = 0.3
"""Intervals further than this part from the median are no beats: one tap left out, or doubled."""

_PULL = 0.15
"""Time constant in seconds with which small differences to an outside clock are made up."""

_FAR = 0.5
"""Beats of difference to an outside clock beyond which it is followed at once."""

SLOWEST, FASTEST = 20.0, 300.0
"""Beats per minute."""


class BeatClock:
    def __init__(self, bpm: float = 120.0) -> None:
        self.bpm = bpm
        self.beats_per_bar = 4
        self.bars_per_phrase = 4
        self.position = 0.0
        """In beats; bars and phrases begin at whole multiples of theirs."""
        self._time = 0.0
        self._taps: list[float] = []
        self._outside: float | None = None
        """Where an outside clock will be after the next `advance`."""

    @property
    def phrase(self) -> int:
        """Beats per phrase."""
        return self.beats_per_bar * self.bars_per_phrase

    @property
    def beat(self) -> int:
        """In the bar, from 1."""
        return math.floor(self.position) % self.beats_per_bar + 1

    @property
    def bar(self) -> int:
        """In the phrase, from 1."""
        return math.floor(self.position) // self.beats_per_bar % self.bars_per_phrase + 1

    def advance(self, dt: float) -> None:
        """Goes on for `dt` seconds, towards the outside clock where one is followed."""
        self._time += dt
        self.position += self.bpm / 60 * dt
        if self._outside is not None:
            self._pull(self._outside, dt)
            self._outside = None

    def follow(self, position: float, bpm: float) -> None:
        """An outside clock will stand at `position` beats after the next `advance`, and runs at
        `bpm`, clipped to SLOWEST..FASTEST. To be called for every `advance` while it is heard."""
        if math.isfinite(position) and math.isfinite(bpm):
            self.bpm = min(max(bpm, SLOWEST), FASTEST)
            self._outside = position
            self._taps.clear()

    def tap(self) -> bool:
        """A beat is now. Whether the tempo is known: from the second tap on, no more than FORGET
        seconds apart, it is the mean of the intervals that are near their median. Frames round the
        times of taps, which the mean evens out; the median alone would not."""
        if self._taps and self._time - self._taps[-1] > FORGET:
            self._taps.clear()
        self._taps = [*self._taps, self._time][-_TAPS:]
        intervals = [after - before for before, after in pairwise(self._taps) if after > before]
        if not intervals:
            return False
        self.bpm = min(max(60 / _even(intervals), SLOWEST), FASTEST)
        self.position = float(math.floor(self.position + 0.5))
        return True

    def resync(self) -> None:
        """Bar and phrase begin now."""
        self.position = float(math.ceil(self.position / self.phrase) * self.phrase)

    def _pull(self, outside: float, dt: float) -> None:
        apart = (outside - self.position) % self.phrase
        if apart > self.phrase - _FAR:  # a little ahead: slower for a while, but never back
            behind = apart - self.phrase
            most = self.bpm / 60 * dt
            self.position += max(behind * (1 - math.exp(-dt / _PULL)), -most)
        elif apart < _FAR:
            self.position += apart * (1 - math.exp(-dt / _PULL))
        else:
            self.position += apart


def passes(before: float, after: float, grid: int) -> bool:
    """Whether a multiple of `grid` beats lies in (before, after]."""
    return math.floor(after / grid) > math.floor(before / grid)


def _even(intervals: Sequence[float]) -> float:
    middle = median_low(intervals)  # one of them, so that at least that one counts
    return fmean(each for each in intervals if abs(each - middle) <= _ODD * middle)
