"""Compute statistics of measured times, and write figures. Pure. Times are in seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile, with `share` in 0..1.

    It is the smallest value that this share of the values does not exceed. Of fewer than a hundred
    values, the 0.99 percentile is the largest."""
    if not values:
        raise ValueError("there are no values")
    rank = math.ceil(share * len(values))
    return sorted(values)[max(rank, 1) - 1]


def intervals(moments: Sequence[float]) -> list[float]:
    """Return the time from each moment to the next."""
    return [later - earlier for earlier, later in pairwise(moments)]


def share_above(values: Iterable[float], limit: float) -> float:
    """Return the share of the values above the limit, 0..1."""
    above = [value > limit for value in values]
    return sum(above) / len(above) if above else 0.0


def three_digits(value: float) -> str:
    """Write three significant digits, without powers of ten: 0.0123, 1.23, 12.3, 123, 1234."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def ms(seconds: float) -> str:
    """Write seconds as milliseconds, such as 12.3 ms."""
    return f"{three_digits(1e3 * seconds)} ms"


def times(ratio: float) -> str:
    """Write a ratio, such as 4.50x."""
    return f"{three_digits(ratio)}x"


def percent(part: float) -> str:
    """Write a share of 1, such as 88 %."""
    return f"{100 * part:.0f} %" if part >= 0.1 or part == 0 else f"{100 * part:.2g} %"


def quantity(value: float, unit: str) -> str:
    """Write a value with a prefixed unit, such as 12.3 GFLOP/s."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{three_digits(value / factor)} {prefix}{unit}"
    return f"{three_digits(value)} {unit}"


def mebibytes(size: float) -> str:
    """Write bytes as MiB."""
    return f"{size / 2**20:.0f} MiB"
