"""Test how a soak is judged, and run one real flight of a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.diagnostics.bench import soak
from liveflight.diagnostics.bench.soak import Sample, trends

MINUTES = 60


def samples(
    resident: Callable[[float], float] = lambda minute: 800.0,
    files: Callable[[int], int] = lambda second: 13,
    threads: Callable[[int], int] = lambda second: 40,
    minutes: float = MINUTES,
) -> list[Sample]:
    """Return one sample a second."""
    return [
        Sample(float(second), resident(second / 60), files(second), threads(second))
        for second in range(int(60 * minutes))
    ]


def growing(taken: list[Sample]) -> set[str]:
    return {trend.name for trend in trends(taken) if trend.grows}


def test_a_flight_that_stays_as_it_is_is_steady() -> None:
    assert growing(samples()) == set()


def test_figures_are_medians_of_fifths_and_a_slope_a_minute() -> None:
    memory, files, _ = trends(samples(resident=lambda minute: 800 + 3 * minute))
    # Judged are the minutes 12 to 60; the middles of their first and last fifths are 16.8 and 55.2.
    assert memory.first == pytest.approx(800 + 3 * 16.8, abs=0.1)
    assert memory.last == pytest.approx(800 + 3 * 55.2, abs=0.1)
    assert memory.slope == pytest.approx(3)
    assert (files.first, files.last) == (13, 13)
    assert files.slope == pytest.approx(0)


@pytest.mark.parametrize(
    ("resident", "minutes", "leaks"),
    [
        (lambda minute: 800 + 2 * minute, 60, True),
        (lambda minute: 800 + 2 * minute + 50 * (int(minute * 60) % 2), 60, True),
        (lambda minute: 800 + 0.9 * minute, 60, False),  # 35 MiB, but slowly
        (lambda minute: 800 + 10 * minute, 4, False),  # fast, but 26 MiB
        (lambda minute: 1400 - 2 * minute, 60, False),
        (lambda minute: min(300 + 100 * minute, 1400), 60, False),  # all of it in the warm-up
        (lambda minute: 800 + 500 * (45 < minute < 46), 60, False),
    ],
)
def test_memory_leaks_where_it_grows_both_fast_and_far(
    resident: Callable[[float], float], minutes: float, leaks: bool
) -> None:
    assert growing(samples(resident=resident, minutes=minutes)) == (
        {"resident"} if leaks else set()
    )


@pytest.mark.parametrize(
    ("count", "grows"),
    [
        (lambda second: 13 + second // 600, True),
        (lambda second: 13 + (second > 1800), True),
        (lambda second: 13 + second % 2, False),
        (lambda second: 13 + 5 * (second == 3500), False),
        (lambda second: min(13 + second // 10, 40), False),
        (lambda second: 20 - second // 600, False),
    ],
)
def test_files_and_threads_grow_where_there_are_more_than_there_ever_were(
    count: Callable[[int], int], grows: bool
) -> None:
    assert growing(samples(files=count)) == ({"files"} if grows else set())
    assert growing(samples(threads=count)) == ({"threads"} if grows else set())


def test_too_few_samples_are_not_judged() -> None:
    with pytest.raises(LiveflightError, match="24 samples are too few"):
        trends(samples()[:24])
    assert len(trends(samples()[:25])) == 3


@pytest.mark.gl
def test_a_flight_is_played_and_noted(tmp_path: Path) -> None:
    given = {"network": "efficientnet_lite0", "layer": "stem", "filter": 3, "weights": None}
    given |= {"view": (64, 48), "canvas": None, "size": (96, 64), "output": "headless"}
    given |= {"device": "cpu"}
    given |= {"engine": "autograd", "seed": 1, "settings": {}, "fps": 200.0, "minutes": 1.2 / 60}
    file = tmp_path / "soak.csv"
    raw = json.loads(json.dumps(soak.measure({**given, "csv": str(file)})))
    heading, *rows = file.read_text().splitlines()
    assert heading == "seconds,resident,files,threads"
    assert len(rows) == len(raw["samples"]) == 2
    second, resident, files, threads = (float(cell) for cell in rows[1].split(","))
    assert 1 <= second <= 2 and resident > 50 and files > 3 and threads > 1
    assert raw["packets"] == raw["frames"] + raw["changes"] and raw["changes"] == 1
    raw |= {"title": "mine", "samples": [[i, 800.0 + 5 * i, 13, 40] for i in range(100)]}
    (table,) = soak.tables(raw)
    assert [(row[0], row[-1]) for row in table.rows] == [
        ("memory, MiB", "grows"),
        ("open files", "steady"),
        ("threads", "steady"),
    ]
