"""Test how a soak is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from soak_report import Sample, lives, plot, table, trends

ONE = Sample(0.0, 600, 900, 40, 30, 7, 120, 0, 0, 0)
RNG = np.random.default_rng(5)
NOISE = [float(each) for each in RNG.normal(0, 2, 720)]
WAVES = [float(each) for each in np.cumsum(RNG.normal(0, 0.3, 720))]


def samples(
    private: Callable[[float], float] = lambda minute: 600.0,
    files: Callable[[int], int] = lambda second: 40,
    minutes: int = 60,
) -> list[Sample]:
    """Return a sample every five seconds."""
    return [
        replace(ONE, seconds=float(each), private=private(each / 60), files=files(each))
        for each in range(0, 60 * minutes, 5)
    ]


def growing(taken: list[Sample]) -> set[str]:
    return {trend.name for trend in trends(taken) if trend.grows}


def test_a_show_that_stays_as_it_is_is_steady() -> None:
    assert growing(samples()) == set()


def test_figures_are_medians_of_fifths_and_a_slope_a_minute() -> None:
    memory, *_ = trends(samples(private=lambda minute: 600 + 3 * minute))
    # Judged are the minutes 12 to 60; the middles of their first and last fifths are 16.8 and 55.2.
    assert memory.first == pytest.approx(600 + 3 * 16.8, abs=0.3)
    assert memory.last == pytest.approx(600 + 3 * 55.2, abs=0.3)
    assert memory.slope == pytest.approx(3) and memory.bound == pytest.approx(3)


@pytest.mark.parametrize(
    ("private", "leaks"),
    [
        (lambda minute: 600 + 0.06 * minute, True),
        (lambda minute: 600 + 0.04 * minute, False),
        (lambda minute: 600 + 0.2 * minute + NOISE[int(12 * minute)], True),
        (lambda minute: 600 - 0.2 * minute + NOISE[int(12 * minute)], False),
        (lambda minute: min(300 + 100 * minute, 1400), False),  # all of it in the warm-up
        (lambda minute: 600 + 5 * (minute > 40), True),
    ],
)
def test_memory_grows_where_its_slope_may_be_above_the_limit(
    private: Callable[[float], float], leaks: bool
) -> None:
    assert growing(samples(private=private)) == ({"private"} if leaks else set())


def test_slow_waves_widen_the_bound() -> None:
    def width(course: list[float]) -> float:
        trend = trends(samples(private=lambda minute: 600 + course[int(12 * minute)]))[0]
        return trend.bound - trend.slope

    scaled = [each * np.std(WAVES) / np.std(NOISE) for each in NOISE]
    assert width(WAVES) > 2 * width(scaled)


@pytest.mark.parametrize(
    ("count", "grows"),
    [
        (lambda second: 40 + second // 600, True),
        (lambda second: 40 + (second > 1800), True),
        (lambda second: 40 + second % 2, False),
        (lambda second: 40 + 5 * (second == 3500), False),
        (lambda second: min(40 + second // 10, 60), False),
        (lambda second: 40 - second // 600, False),
    ],
)
def test_files_grow_where_there_are_more_than_there_ever_were(
    count: Callable[[int], int], grows: bool
) -> None:
    assert growing(samples(files=count)) == ({"files"} if grows else set())


def test_less_than_eight_minutes_are_not_judged() -> None:
    with pytest.raises(ValueError, match="8 minutes"):
        trends(samples(minutes=8))
    assert len(trends(samples(minutes=9))) == 6


def test_each_restart_begins_a_life() -> None:
    taken = [replace(each, restarts=int(each.seconds > 600)) for each in samples(minutes=30)]
    assert [len(life) for life in lives(taken)] == [121, 239]
    assert "1 restarts, 1 kills" in table(taken, kills=1)


def test_the_plot_has_a_panel_for_each_figure(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot(samples(minutes=2), tmp_path / "soak.png")
    with Image.open(tmp_path / "soak.png") as drawn:
        assert drawn.size == (1400, 900)
        assert np.asarray(drawn.convert("L")).std() > 10


@pytest.mark.parametrize(("minutes", "said"), [(20, "too short to judge"), (60, "grows")])
def test_growth_between_two_kills_counts_where_they_are_far_apart(minutes: int, said: str) -> None:
    leaking = samples(private=lambda minute: 600 + minute, minutes=minutes)
    (line,) = [line for line in table(leaking, 0).splitlines() if line.startswith("private")]
    assert line.endswith(said)


def test_memory_is_compared_at_rest_where_there_are_rests() -> None:
    def steps(minute: float) -> float:
        return 600 + 0.3 * minute + 40 * (minute % 2 < 1.5 and minute > 30)

    taken = [
        replace(each, rests=int(each.seconds / 60 % 2 >= 1.7)) for each in samples(private=steps)
    ]
    assert trends(taken)[0].slope == pytest.approx(0.3, abs=0.01)
    assert trends(samples(private=steps))[0].slope > 0.6, "without them, the steps count"
    files = trends([replace(each, files=40 + each.rests) for each in taken])[2]
    assert (files.name, files.first) == ("files", 40), "counts go by all samples"
