"""Keep the display's rate by choosing views per tick, the views' scale and the canvas's scale.

Pure: measured times in, decisions out.

Views per tick are given up first, down to as many as fit between two displayed frames. A tick of
one view may take longer: the display does not wait for it. Views shrink where fewer than
`_SLOWEST_TICKS_HZ` would be left, by one notch or, where that is not enough, to the smallest scale
at once, which is kept prepared. The canvas shrinks where displayed frames still come late: it costs
drawing alone. What did not help is taken back, and each failed attempt is repeated later than the
last.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import fmean, median

SCALES = (1.0, 0.84, 0.71, 0.59, 0.5)
"""Scales of the sides of views, and of the canvas; each has 0.7 times the pixels of the last."""

_SLOWEST_TICKS_HZ = 6.0
"""Ticks per second below which growth looks slow."""

_OVERDUE_S = 3 / _SLOWEST_TICKS_HZ
"""Seconds after which a tick still in flight counts as measured: it may take many more."""

_LATE_RATIO = 1.35
"""Ratio of median to wanted interval above which frames are late: 50 Hz is not late for 60."""

_WINDOW_S = 0.4
"""Seconds of the measuring window; a decision gets as long before it is judged."""

_ENOUGH_TO_YIELD = 5
"""Ticks and frames that have to be measured before it yields."""

_ENOUGH_TO_CLIMB = 15
"""Ticks that have to be measured before it climbs."""

_CLIMB_SHARE = 0.85
"""Share of the available time that more or larger views, or a larger canvas, may fill.

Less than what makes it yield, or it would oscillate."""

_TRIAL_S = 5.0
"""Seconds that a climb must last; a shorter one has failed."""

_PATIENCE_S = 2.0, 96.0
"""Seconds without lateness before a climb; and their maximum, as each failed climb doubles them.

The doubled time counts before the next climb to where the last one failed."""

_DEAF_S = 20.0, 640.0
"""Seconds for which lateness is ignored after yielding did not help; and their maximum."""

_MAX_STEPS = 8
"""Most steps that can be asked for."""


@dataclass(frozen=True)
class _Attempt:
    """Record the steps and the canvas's notch before frames were late, and how late they were."""

    steps: int
    canvas: int
    ratio: float


@dataclass(frozen=True)
class _Climb:
    """Record what a climb led to: a number of steps, or a notch of the views or the canvas."""

    steps: int = _MAX_STEPS + 1
    notch: int = -1
    canvas: int = -1


_NO_CLIMB = _Climb()


class Governor:
    """Choose steps and scale from the measured times."""

    def __init__(self, interval: float) -> None:
        """`interval` is the wanted time between two displayed frames in seconds."""
        self._interval = interval
        self._steps, self._asked = _MAX_STEPS, 1
        self._notch = self._largest = self._canvas = 0
        self._frames: deque[tuple[float, float, float]] = deque()
        """Time of each frame, interval before it, seconds that drawing took."""
        self._costs: deque[float] = deque(maxlen=_ENOUGH_TO_CLIMB)
        """Seconds per step."""
        self._now = 0.0
        self._changed: float | None = None
        self._last_late = self._yielded = self._climbed = -_TRIAL_S
        self._patience, self._deaf, self._deaf_until = _PATIENCE_S[0], _DEAF_S[0], 0.0
        self._attempt: _Attempt | None = None
        self._climb_to = self._failed = _NO_CLIMB

    @property
    def scale(self) -> float:
        """Return the scale of the views' width and height, one of SCALES."""
        return SCALES[self._notch]

    @property
    def canvas_scale(self) -> float:
        """Return the scale of the canvas's width and height, one of SCALES."""
        return SCALES[self._canvas]

    @property
    def ceiling(self) -> float:
        """The largest scale that the device's memory is known to hold."""
        return SCALES[self._largest]

    @property
    def smaller(self) -> tuple[float, ...]:
        """Return the scales that may come next when it yields, the smallest first."""
        below = SCALES[self._notch + 1 :]
        return tuple(dict.fromkeys(below[-1:] + below[:1]))

    @property
    def pressed(self) -> bool:
        """Return whether it had to yield just now, or would have to if it could."""
        return self._now - max(self._last_late, self._yielded) < _PATIENCE_S[0]

    def steps(self, asked: int) -> int:
        """Return how many of the steps asked for a tick may take."""
        return min(asked, self._steps)

    def out_of_memory(self, scale: float) -> bool:
        """Note that a step at that scale did not fit into memory: it is never used again.

        Returns False where there is no smaller scale."""
        notch = SCALES.index(scale) + 1
        if notch == len(SCALES):
            return False
        self._largest = max(self._largest, notch)
        self._notch = max(self._notch, self._largest)
        return True

    def tick(self, duration: float, steps: int, asked: int, scale: float) -> None:
        """Record a tick of `duration` seconds for `steps` of the `asked` steps at `scale`."""
        self._asked = asked
        if steps and scale == self.scale:
            self._costs.append(duration / steps)

    def frame(
        self, now: float, interval: float, drawing: float, scale: float, tick_age: float = 0.0
    ) -> None:
        """Record a displayed frame, and decide again a few times a second.

        It was displayed at `now`, `interval` seconds after the previous one, while views were at
        `scale`. Drawing it took `drawing` seconds. The tick in flight, if any, has been `tick_age`
        for so many seconds."""
        self._now = now
        if self._changed is None or scale != self.scale:
            self._settle(now)  # the flight begins, or the views decided on are in preparation
            return
        self._frames.append((now, interval, drawing))
        while len(self._frames) > _ENOUGH_TO_YIELD and self._frames[0][0] < now - _WINDOW_S:
            self._frames.popleft()
        if now - self._changed < _WINDOW_S or len(self._frames) < _ENOUGH_TO_YIELD:
            return
        ratio = median(interval for _, interval, _ in self._frames) / self._interval
        late = ratio > _LATE_RATIO and now >= self._deaf_until
        if not late:
            self._attempt = None
        begun_before = tick_age > now - self._changed  # at another size, or with other steps
        if self._too_much(now, 0.0 if begun_before else tick_age) or (
            late and self._relieve(now, ratio)
        ):
            if now - self._climbed < _TRIAL_S:
                self._patience = min(2 * self._patience, _PATIENCE_S[1])
                self._failed = self._climb_to
            self._yielded = now
        if late:
            self._last_late = now
        elif now - max(self._last_late, self._yielded) > _PATIENCE_S[0]:
            self._climb(now)

    def _too_much(self, now: float, tick_age: float) -> bool:
        """Give up steps that do not fit between two frames, and views too large for one tick.

        Returns whether it did."""
        taken = max(self.steps(self._asked), 1)
        if tick_age > _OVERDUE_S:
            step = tick_age / taken
        elif len(self._costs) >= _ENOUGH_TO_YIELD:
            step = self._step(_ENOUGH_TO_YIELD)
        else:
            return False
        fitting = max(int(self._room() / step), 1) if step else taken
        steps = fitting if fitting < taken else self._steps
        quick = [n for n in range(len(SCALES)) if step * self._growth(n) <= 1 / _SLOWEST_TICKS_HZ]
        notch = max(min(quick, default=len(SCALES) - 1), self._notch)
        if (steps, notch) == (self._steps, self._notch):
            return False
        self._attempt = None  # what is given up for this reason does help
        return self._decide(now, steps, self._reached(notch), self._canvas)

    def _reached(self, notch: int) -> int:
        """Return the notch that is prepared, or will be before others, when this one is wanted."""
        return notch if notch <= self._notch + 1 else len(SCALES) - 1

    def _relieve(self, now: float, ratio: float) -> bool:
        """Give up a little because frames are late, or take back what did not help.

        Returns whether anything was given up."""
        tried = self._attempt = self._attempt or _Attempt(self._steps, self._canvas, ratio)
        smallest = len(SCALES) - 1
        if self._canvas - tried.canvas >= 2 or self._canvas == smallest:
            if ratio > 0.95 * tried.ratio:
                self._deaf_until = now + self._deaf
                self._deaf = min(2 * self._deaf, _DEAF_S[1])
                self._decide(now, tried.steps, self._notch, tried.canvas)
                return False
            self._attempt = _Attempt(self._steps, self._canvas, ratio)
        taken = self.steps(self._asked)
        if taken > 1:
            return self._decide(now, taken // 2, self._notch, self._canvas)
        if self._canvas == smallest:
            return False
        further = 1 if self._canvas == tried.canvas else 2
        return self._decide(now, self._steps, self._notch, min(self._canvas + further, smallest))

    def _climb(self, now: float) -> None:
        """Enlarge the views, else the canvas, or else take more steps, as measured times allow.

        Stays below where the last climb failed, until that is long ago."""
        if len(self._costs) < _ENOUGH_TO_CLIMB:
            return
        since = now - self._yielded
        failed = self._failed if since <= self._patience else _NO_CLIMB
        step, notch, steps, canvas = (
            self._step(_ENOUGH_TO_CLIMB), self._notch, self._steps, self._canvas,
        )  # fmt: skip
        if notch > self._largest and (wider := self._wider(step, failed)) != notch:
            notch, climb = wider, _Climb(notch=wider)
        elif canvas > max(failed.canvas + 1, 0) and self._room_for_canvas():
            canvas -= 1
            climb = _Climb(canvas=canvas)
        else:
            most = min(self._asked, failed.steps - 1)
            fitting = int(_CLIMB_SHARE * self._room() / step) if step else most
            steps = max(min(fitting, most), steps)
            climb = _Climb(steps=steps)
        if (steps, notch, canvas) == (self._steps, self._notch, self._canvas):
            return
        if since > 4 * self._patience:
            self._patience = max(self._patience / 2, _PATIENCE_S[0])
        self._decide(now, steps, notch, canvas)
        self._climbed = self._last_late = now
        self._climb_to = climb

    def _wider(self, step: float, failed: _Climb) -> int:
        """Return the notch of the largest views whose steps fit, below where a climb failed."""
        larger = range(max(self._largest, failed.notch + 1), self._notch)
        fits = (n for n in larger if step * self._growth(n) <= _CLIMB_SHARE / _SLOWEST_TICKS_HZ)
        return next(fits, self._notch)

    def _room_for_canvas(self) -> bool:
        """Return whether frames of the next larger canvas can be drawn in time."""
        growth = (SCALES[self._canvas - 1] / SCALES[self._canvas]) ** 2
        return self._drawing() * growth <= _CLIMB_SHARE * self._interval

    def _step(self, ticks: int) -> float:
        """Return the seconds that a step took in the last `ticks` ticks.

        The mean, which is what counts for a rate, without the extremes, so that one hiccup does not
        decide."""
        return fmean(sorted(list(self._costs)[-ticks:])[1:-1])

    def _room(self) -> float:
        """Return the seconds that a tick may take to fit between two displayed frames."""
        return self._interval - self._drawing()

    def _drawing(self) -> float:
        return median(drawing for _, _, drawing in self._frames)

    def _growth(self, notch: int) -> float:
        """Return the number of pixels at that notch, relative to the current notch."""
        return (SCALES[notch] / self.scale) ** 2

    def _decide(self, now: float, steps: int, notch: int, canvas: int) -> bool:
        self._steps, self._notch, self._canvas = steps, notch, canvas
        self._settle(now)
        return True

    def _settle(self, now: float) -> None:
        """Forget what was measured before a change."""
        self._changed = now
        self._frames.clear()
        self._costs.clear()
