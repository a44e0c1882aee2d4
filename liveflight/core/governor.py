"""Keeps the display's rate: how many steps a tick takes, how large the canvas is. Pure: measured
times in, decisions out.

Steps go first, down to as many as fit between two displayed frames; a tick of one step may take
longer, the display does not wait for it. The canvas shrinks where fewer than `_SLOWEST` ticks a
second would be left, or where displayed frames still come late, because others use the GPU too.
What did not help is taken back, and every attempt that failed is repeated later than the last.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import mean, median

SCALES = (1.0, 0.84, 0.71, 0.59, 0.5)
"""The canvas's sides, as parts of what was asked for: each has 0.7 times the pixels of the one
before."""

_SLOWEST = 8.0
"""Ticks per second below which growth is seen as slow."""

_LATE = 1.35
"""Displayed frames are late where the median interval is that many times the wanted one: a display
of 50 Hz is not late for 60."""

_WINDOW = 0.4
"""Seconds that are looked at, and that a decision gets before it is judged."""

_ENOUGH = 5
"""Ticks and frames from which on their times are known well enough to yield."""

_SURE = 15
"""Ticks from which on they are known well enough to climb: steps at random octaves take random
times."""

_ROOM = 0.85
"""How much of the time there is more steps or a larger canvas may fill: less than what makes it
yield, or it would swing."""

_TRIAL = 5.0
"""Seconds for which a climb must stand; one that does not has failed."""

_PATIENCE = 3.0, 96.0
"""Seconds of calm before a climb: at first, and after many failures, each of which doubles them."""

_DEAF = 20.0, 640.0
"""Seconds for which lateness is borne after yielding has not helped, likewise."""

_MOST = 8
"""Steps that may ever be asked for."""


@dataclass(frozen=True)
class _Attempt:
    """What was given up because frames were late, and how late they were before it."""

    steps: int
    notch: int
    ratio: float


class Governor:
    def __init__(self, interval: float) -> None:
        """`interval` is the wanted time between two displayed frames in seconds."""
        self._interval = interval
        self._steps, self._asked = _MOST, 1
        self._notch = self._largest = 0
        self._frames: deque[tuple[float, float, float]] = deque()
        """When, the interval before it, what drawing took."""
        self._costs: deque[float] = deque(maxlen=_SURE)
        """Seconds per step."""
        self._changed: float | None = None
        self._calm = self._yielded = self._climbed = -_TRIAL
        self._patience, self._deaf, self._deaf_until = _PATIENCE[0], _DEAF[0], 0.0
        self._attempt: _Attempt | None = None

    @property
    def scale(self) -> float:
        """The canvas's width and height as a part of what was asked for, one of SCALES."""
        return SCALES[self._notch]

    @property
    def ceiling(self) -> float:
        """The largest scale that the device's memory is known to hold."""
        return SCALES[self._largest]

    @property
    def next_scale(self) -> float:
        """What comes after `scale` when less has to do; the smallest stays."""
        return SCALES[min(self._notch + 1, len(SCALES) - 1)]

    def steps(self, asked: int) -> int:
        """How many of the steps asked for a tick may take."""
        return min(asked, self._steps)

    def out_of_memory(self, scale: float) -> bool:
        """A step at that scale did not fit into the memory, and never will. False where there is no
        smaller one."""
        notch = SCALES.index(scale) + 1
        if notch == len(SCALES):
            return False
        self._largest = max(self._largest, notch)
        self._notch = max(self._notch, self._largest)
        return True

    def tick(self, duration: float, steps: int, asked: int, scale: float) -> None:
        """A tick at that scale took `duration` seconds for `steps` of the `asked` steps."""
        self._asked = asked
        if steps and scale == self.scale:
            self._costs.append(duration / steps)

    def frame(self, now: float, interval: float, drawing: float, scale: float) -> None:
        """A frame was displayed at `now`, `interval` seconds after the one before, of a canvas at
        that scale; `drawing` of them went into showing it. Decides anew, a few times a second."""
        if self._changed is None or scale != self.scale:
            self._settle(now)  # the flight begins, or the canvas decided on is in preparation
            return
        self._frames.append((now, interval, drawing))
        while len(self._frames) > _ENOUGH and self._frames[0][0] < now - _WINDOW:
            self._frames.popleft()
        if now - self._changed < _WINDOW or len(self._frames) < _ENOUGH:
            return
        ratio = median(interval for _, interval, _ in self._frames) / self._interval
        late = ratio > _LATE and now >= self._deaf_until
        if not late:
            self._attempt = None
        if self._too_much(now) or (late and self._relieve(now, ratio)):
            self._patience = self._after_a_fall(now)
            self._yielded = now
        if late:
            self._calm = now
        elif now - max(self._calm, self._yielded) > self._patience:
            self._climb(now)

    def _after_a_fall(self, now: float) -> float:
        failed = now - self._climbed < _TRIAL
        return min(2 * self._patience, _PATIENCE[1]) if failed else self._patience

    def _too_much(self, now: float) -> bool:
        """Gives up steps that do not fit between two frames, and a canvas on which one step takes
        too long; whether it did."""
        if len(self._costs) < _ENOUGH:
            return False
        step, taken = self._step(_ENOUGH), self.steps(self._asked)
        fitting = max(int(self._room() / step), 1) if step else taken
        if fitting < taken:
            return self._decide(now, fitting, self._notch)
        quick = [n for n in range(len(SCALES)) if step * self._growth(n) <= 1 / _SLOWEST]
        notch = min(quick, default=len(SCALES) - 1)
        return notch > self._notch and self._decide(now, self._steps, notch)

    def _relieve(self, now: float, ratio: float) -> bool:
        """Gives up a little because frames are late, or takes back what was given up in vain;
        whether anything was given up."""
        tried = self._attempt = self._attempt or _Attempt(self._steps, self._notch, ratio)
        if self._notch - tried.notch >= 2 or self._notch == len(SCALES) - 1:
            if ratio > 0.95 * tried.ratio:
                self._deaf_until = now + self._deaf
                self._deaf = min(2 * self._deaf, _DEAF[1])
                self._decide(now, tried.steps, tried.notch)
                return False
            self._attempt = _Attempt(self._steps, self._notch, ratio)
        taken = self.steps(self._asked)
        if taken > 1:
            return self._decide(now, taken - 1, self._notch)
        lowest = self._notch == len(SCALES) - 1
        return not lowest and self._decide(now, self._steps, self._notch + 1)

    def _climb(self, now: float) -> None:
        """One up, the canvas before the steps, where the measured times have room for it."""
        if len(self._costs) < _SURE:
            return
        step, notch, steps = self._step(_SURE), self._notch, self._steps
        if notch > self._largest:
            notch -= step * self._growth(notch - 1) <= _ROOM / _SLOWEST
        elif steps < self._asked:
            steps += step * (steps + 1) <= _ROOM * self._room()
        if (steps, notch) == (self._steps, self._notch):
            return
        if now - self._yielded > 4 * self._patience:
            self._patience = max(self._patience / 2, _PATIENCE[0])
        self._decide(now, steps, notch)
        self._climbed = self._calm = now

    def _step(self, ticks: int) -> float:
        """Seconds that a step took in the last so many: the mean, which is what counts for a rate,
        but for the extremes, lest one hiccup decide."""
        return mean(sorted(list(self._costs)[-ticks:])[1:-1])

    def _room(self) -> float:
        """Seconds that a tick may take to fit between two displayed frames."""
        return self._interval - median(drawing for _, _, drawing in self._frames)

    def _growth(self, notch: int) -> float:
        """The pixels at that notch as a multiple of those there are."""
        return (SCALES[notch] / self.scale) ** 2

    def _decide(self, now: float, steps: int, notch: int) -> bool:
        self._steps, self._notch = steps, notch
        self._settle(now)
        return True

    def _settle(self, now: float) -> None:
        """Forgets what was measured before a change."""
        self._changed = now
        self._frames.clear()
        self._costs.clear()
