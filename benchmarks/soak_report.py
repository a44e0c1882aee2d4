"""Judge what a soak sampled: a table, the growth in thirty days, and a plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

WARM_UP = 0.2
"""The share of samples that is left out: a flight first fills its caches."""
MAX_SLOPE = 0.05
"""MiB a minute that memory may gain, by the upper bound of the 95 % interval."""
_MIN_MINUTES = 8
_LONG_MINUTES = 30
"""A shorter life fills its caches for most of its time: its growth says nothing about weeks."""
_LEAST_RESTS = 30
"""Samples at rest, three in two minutes, from which on memory goes by them alone."""
_Z = 1.96
"""Standard errors of a 95 % interval."""
_A_MONTH = 30 * 24 * 60
"""Minutes."""


@dataclass(frozen=True)
class Sample:
    """The state of a show at one moment; sums over all its processes where not said otherwise."""

    seconds: float
    private: float
    """MiB that the show's own process has written, in memory or swapped out."""
    tree: float
    """MiB that all processes have written."""
    files: int
    threads: int
    """Of the show's own process, as is `files`."""
    processes: int
    gl: int
    """GL objects."""
    frames: int
    late: int
    restarts: int
    rests: int = 0
    """1 while the show is left alone with one preset, as each time it is: memory is compared."""


@dataclass(frozen=True)
class Trend:
    """The course of a figure: medians of its first and last fifth, its slope and bound a minute."""

    name: str
    first: float
    last: float
    slope: float
    bound: float
    """Upper end of the slope's 95 % interval."""
    grows: bool


def lives(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Return the samples of each life of the show, from one restart to the next."""
    found: list[list[Sample]] = []
    for sample in samples:
        if not found or sample.restarts != found[-1][-1].restarts:
            found.append([])
        found[-1].append(sample)
    return found


def is_long(life: Sequence[Sample]) -> bool:
    """Return whether the growth of a life says anything."""
    return life[-1].seconds - life[0].seconds >= 60 * _LONG_MINUTES


def trends(samples: Sequence[Sample]) -> list[Trend]:
    """Return the trends of one life, without its warm-up.

    Memory is that at rest, if there are rests. It grows where the bound of its slope exceeds
    MAX_SLOPE, a count where the median of its last fifth exceeds the maximum of its first. Raises
    ValueError for less than eight minutes."""
    judged = list(samples)[int(len(samples) * WARM_UP) :]
    if not judged or judged[-1].seconds - samples[0].seconds < 60 * _MIN_MINUTES:
        raise ValueError(f"a trend needs {_MIN_MINUTES} minutes of samples")
    found = []
    for name in ("private", "tree", "files", "threads", "processes", "gl"):
        memory = name in ("private", "tree")
        rests = [sample for sample in judged if sample.rests]
        kept = rests if memory and len(rests) >= _LEAST_RESTS else judged
        values = [float(getattr(sample, name)) for sample in kept]
        fifth = max(len(values) // 5, 1)
        first, last = values[:fifth], values[-fifth:]
        slope, bound = _slope([sample.seconds / 60 for sample in kept], values)
        grows = bound > MAX_SLOPE if memory else median(last) > max(first)
        found.append(Trend(name, median(first), median(last), slope, bound, grows))
    return found


def _slope(minutes: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Return the least-squares slope of the medians of each minute, and its upper bound.

    Neighbouring minutes resemble each other, so the number of independent ones is reduced by their
    correlation: n (1 - r) / (1 + r)."""
    whole = np.floor(np.asarray(minutes) - minutes[0]).astype(int)
    kept = [number for number in range(whole.max() + 1) if (whole == number).any()]
    y = np.array([np.median(np.asarray(values)[whole == number]) for number in kept])
    x = np.array(kept, float)
    slope, start = np.polyfit(x, y, 1)
    rest = y - (slope * x + start)
    if not (spread := float(rest @ rest)):
        return float(slope), float(slope)
    alike = min(max(float(rest[1:] @ rest[:-1]) / spread, 0.0), 0.9)
    independent = max(len(x) * (1 - alike) / (1 + alike), 3.0)
    error = math.sqrt(spread / (independent - 2) / len(x)) / float(x.std())
    return float(slope), float(slope + _Z * error)


def table(samples: Sequence[Sample], kills: int) -> str:
    """Return the figures of a soak as lines."""
    last = samples[-1]
    lines = [
        f"{last.seconds / 3600:.2f} hours, {last.frames} frames, {last.late} late, "
        f"{last.restarts} restarts, {kills} kills",
        f"{'':10} {'first':>9} {'last':>9} {'a minute':>9} {'at most':>9} {'30 days':>10}",
    ]
    longest = max(lives(samples), key=len)
    for trend in trends(longest):
        month = trend.last + trend.slope * _A_MONTH
        figures = f"{trend.first:9.1f} {trend.last:9.1f} {trend.slope:+9.3f} {trend.bound:+9.3f}"
        grows = "grows" if trend.grows else "steady"
        grows = grows if is_long(longest) else "too short to judge"
        lines.append(f"{trend.name:10} {figures} {month:10.0f}  {grows}")
    if len(lives(samples)) > 1:
        lines.append("of the longest time between two restarts; without its first fifth")
    return "\n".join(lines)


def plot(samples: Sequence[Sample], path: Path) -> None:
    """Draw the samples over the hours into a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    hours = [sample.seconds / 3600 for sample in samples]
    shown = {
        "memory, MiB": ("tree", "private"),
        "open files, threads": ("files", "threads"),
        "processes": ("processes",),
        "GL objects": ("gl",),
        "frames late": ("late",),
        "restarts": ("restarts",),
    }
    figure, axes = pyplot.subplots(3, 2, figsize=(14, 9), sharex=True)
    for axis, (title, names) in zip(axes.flat, shown.items(), strict=True):
        for name in names:
            axis.plot(hours, [getattr(sample, name) for sample in samples], label=name, lw=1)
        axis.set_title(title)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        if len(names) > 1:
            axis.legend()
    for axis in axes[-1]:
        axis.set_xlabel("hours")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
