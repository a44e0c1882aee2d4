"""Keeps the display's rate: how many steps a tick takes, how large the canvas is. Pure: measured
times in, decisions out.

Steps go first, down to as many as fit between two displayed frames; a tick of one step may take
longer, the display does not wait for it. The canvas shrinks where fewer than `_SLOWEST` ticks a
second would be left, or where displayed frames still come late, because others use the GPU too: by
one notch, or, where one will not do, to the smallest at once, which is kept prepared.
What did not help is taken back, and every attempt that failed is repeated later than the last.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import fmean, median

SCALES = (1.0, 0.84, 0.71, 0.59, 0.5)
"""The canvas's sides, as parts of what was asked for: each has 0.7 times the pixels of the one
before."""

_SLOWEST = 8.0
"""Ticks per second below which growth is seen as slow."""

_OVERDUE = 3 / _SLOWEST
"""Seconds after which a tick that is still running is evidence enough: it may take many more."""

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

_PATIENCE = 2.0, 96.0
"""Seconds of calm before a climb; and at most, after many failures, each of which doubles them,
before the next to where the last one failed."""

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


@dataclass(frozen=True)
class _Place:
    """What a climb led to: so many steps, or so large a canvas."""

    steps: int = _MOST + 1
    notch: int = -1


_NOWHERE = _Place()


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
        self._now = 0.0
        self._changed: float | None = None
        self._calm = self._yielded = self._climbed = -_TRIAL
        self._patience, self._deaf, self._deaf_until = _PATIENCE[0], _DEAF[0], 0.0
        self._attempt: _Attempt | None = None
        self._climb_to = self._failed = _NOWHERE

    @property
    def scale(self) -> float:
        """The canvas's width and height as a part of what was asked for, one of SCALES."""
        return SCALES[self._notch]

    @property
    def ceiling(self) -> float:
        """The largest scale that the device's memory is known to hold."""
        return SCALES[self._largest]

    @property
    def smaller(self) -> tuple[float, ...]:
        """The scales that may come next when less has to do, the one that saves most first."""
        below = SCALES[self._notch + 1 :]
        return tuple(dict.fromkeys(below[-1:] + below[:1]))

    @property
    def pressed(self) -> bool:
        """Whether it had to yield just now, or would have to if it could."""
        return self._now - max(self._calm, self._yielded) < _PATIENCE[0]

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

    def frame(
        self, now: float, interval: float, drawing: float, scale: float, running: float = 0.0
    ) -> None:
        """A frame was displayed at `now`, `interval` seconds after the one before, of a canvas at
        that scale; `drawing` of them went into showing it. The tick in flight, if there is one, has
        been `running` for so many seconds. Decides anew, a few times a second."""
        self._now = now
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
        begun_before = running > now - self._changed  # on another canvas, or with other steps
        if self._too_much(now, 0.0 if begun_before else running) or (
            late and self._relieve(now, ratio)
        ):
            if now - self._climbed < _TRIAL:
                self._patience = min(2 * self._patience, _PATIENCE[1])
                self._failed = self._climb_to
            self._yielded = now
        if late:
            self._calm = now
        elif now - max(self._calm, self._yielded) > _PATIENCE[0]:
            self._climb(now)

    def _too_much(self, now: float, running: float) -> bool:
        """Gives up steps that do not fit between two frames, and a canvas on which one step takes
        too long; whether it did."""
        taken = max(self.steps(self._asked), 1)
        if running > _OVERDUE:
            step = running / taken
        elif len(self._costs) >= _ENOUGH:
            step = self._step(_ENOUGH)
        else:
            return False
        fitting = max(int(self._room() / step), 1) if step else taken
        steps = fitting if fitting < taken else self._steps
        quick = [n for n in range(len(SCALES)) if step * self._growth(n) <= 1 / _SLOWEST]
        notch = max(min(quick, default=len(SCALES) - 1), self._notch)
        if (steps, notch) == (self._steps, self._notch):
            return False
        self._attempt = None  # what is given up for this is not given up in vain
        return self._decide(now, steps, self._reached(notch))

    def _reached(self, notch: int) -> int:
        """The notch that is prepared, or will be before others, when this one is wanted."""
        return notch if notch <= self._notch + 1 else len(SCALES) - 1

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
            return self._decide(now, taken // 2, self._notch)
        lowest = self._notch == len(SCALES) - 1
        further = 1 if self._notch == tried.notch else 2
        return not lowest and self._decide(now, self._steps, self._reached(self._notch + further))

    def _climb(self, now: float) -> None:
        """Up, the canvas before the steps, as far as the measured times have room for it, and short
        of where the last climb failed until that is long ago."""
        if len(self._costs) < _SURE:
            return
        calm = now - self._yielded
        failed = self._failed if calm <= self._patience else _NOWHERE
        step, notch, steps = self._step(_SURE), self._notch, self._steps
        if notch > self._largest:
            wider = range(max(self._largest, failed.notch + 1), notch)
            fits = (n for n in wider if step * self._growth(n) <= _ROOM / _SLOWEST)
            notch = next(fits, notch)
            place = _Place(notch=notch)
        else:
            most = min(self._asked, failed.steps - 1)
            fitting = int(_ROOM * self._room() / step) if step else most
            steps = max(min(fitting, most), steps)
            place = _Place(steps=steps)
        if (steps, notch) == (self._steps, self._notch):
            return
        if calm > 4 * self._patience:
            self._patience = max(self._patience / 2, _PATIENCE[0])
        self._decide(now, steps, notch)
        self._climbed = self._calm = now
        self._climb_to = place

    def _step(self, ticks: int) -> float:
        """Seconds that a step took in the last so many: the mean, which is what counts for a rate,
        but for the extremes, lest one hiccup decide."""
        return fmean(sorted(list(self._costs)[-ticks:])[1:-1])

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
