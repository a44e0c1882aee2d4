"""Choose the filter that stands out in a picture, from its usual response and what was flown."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

AVERAGING_S = 30.0
"""Time constant in seconds of the average that is a filter's usual response."""

HABITUATION = 0.8
"""Share of its usual response that is subtracted from a filter's response.

Below 1, so that the filters that respond to a picture that never changes still come first."""

_LEAST_RESPONSE = 2.0
"""Standard deviations over noise below which a filter does not count."""

_LEAST_SHARE = 0.5
"""Share of the strongest response below which a filter is never chosen, however unusual it is."""


class FilterAttention:
    """Follow a layer's filter responses, float32 (C,), in standard deviations over noise."""

    def __init__(self) -> None:
        self._responses: np.ndarray = np.empty(0, np.float32)
        self._usual = self._responses

    def see(self, responses: np.ndarray, seconds: float) -> None:
        """Take in the responses of now, `seconds` after the last ones."""
        if len(self._usual) != len(responses):
            self._usual = responses
        share = np.float32(1 - math.exp(-seconds / AVERAGING_S))
        self._usual = self._usual + share * (responses - self._usual)
        self._responses = responses

    def choose(self, among: Sequence[int], flown: Collection[int | None]) -> int | None:
        """Return the filter that stands out most.

        Prefers filters that were not `flown` lately. None where nothing was seen yet, or no filter
        responds."""
        known = [each for each in among if each < len(self._responses)]
        if not known:
            return None
        least = max(_LEAST_RESPONSE, _LEAST_SHARE * float(self._responses[known].max()))
        strong = [each for each in known if self._responses[each] >= least]
        fresh = [each for each in strong if each not in flown] or strong
        salience = self._responses - HABITUATION * np.maximum(self._usual, 0)
        return max(fresh, key=lambda each: float(salience[each]), default=None)
