"""Which filter stands out of what is seen: against what it usually answers, and what was flown."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

LATELY = 30.0
"""Seconds over which a filter's usual answer is an average."""

HABIT = 0.8
"""How much of its usual answer is taken from a filter's answer. Below 1, so that in front of a
picture that stays the same the filters that answer to it are still the first."""

_LEAST = 2.0
"""Standard deviations over noise that a filter has to answer by."""

_SHARE = 0.5
"""Of the strongest answer. What answers less is not what is seen, however unusual it is."""


class Attention:
    """The answers of a layer's filters, float32 (C,), in standard deviations over noise."""

    def __init__(self) -> None:
        self._answers: np.ndarray = np.empty(0, np.float32)
        self._usual = self._answers

    def see(self, answers: np.ndarray, seconds: float) -> None:
        """Take in what the filters answer now, so many seconds after the last time."""
        if len(self._usual) != len(answers):
            self._usual = answers
        share = np.float32(1 - math.exp(-seconds / LATELY))
        self._usual = self._usual + share * (answers - self._usual)
        self._answers = answers

    def choose(self, among: Sequence[int], flown: Collection[int | None]) -> int | None:
        """Return which of these filters stands out most: one that was not `flown` lately, unless
        none of the others answers; None where nothing was seen yet, or nothing answers."""
        known = [each for each in among if each < len(self._answers)]
        if not known:
            return None
        least = max(_LEAST, _SHARE * float(self._answers[known].max()))
        out = [each for each in known if self._answers[each] >= least]
        fresh = [each for each in out if each not in flown] or out
        salience = self._answers - HABIT * np.maximum(self._usual, 0)
        return max(fresh, key=lambda each: float(salience[each]), default=None)
