from __future__ import annotations

import pytest

from liveflight.diagnostics.bench import figures


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([3.0], 0.99, 3.0),
        ([2.0, 1.0], 0.5, 1.0),
        ([5.0, 1.0, 3.0, 2.0, 4.0], 0.5, 3.0),
        ([5.0, 1.0, 3.0, 2.0, 4.0], 0.99, 5.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 1001)], 0.99, 990.0),
        ([1.0, 2.0], 0.0, 1.0),
        ([1.0, 2.0], 1.0, 2.0),
    ],
)
def test_percentiles_are_by_nearest_rank(
    values: list[float], share: float, expected: float
) -> None:
    assert figures.percentile(values, share) == expected


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        figures.percentile([], 0.5)


def test_intervals_and_what_is_above() -> None:
    assert figures.intervals([1.0, 3.0, 3.5]) == [2.0, 0.5]
    assert figures.intervals([1.0]) == []
    assert figures.share_above([1.0, 2.0, 3.0, 4.0], 2.0) == 0.5
    assert figures.share_above([], 2.0) == 0.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.01234, "0.0123"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"),
     (1234.0, "1234"), (-1.5, "-1.50"), (float("inf"), "inf")],
)  # fmt: skip
def test_three_digits(value: float, text: str) -> None:
    assert figures.three_digits(value) == text


def test_figures_with_units() -> None:
    assert figures.ms(0.0123) == "12.3 ms"
    assert figures.times(4.5) == "4.50x"
    assert figures.percent(0.876) == "88 %"
    assert figures.percent(0.0123) == "1.2 %"
    assert figures.percent(0.0) == "0 %"
    assert figures.quantity(7.9e14, "FLOP/s") == "790 TFLOP/s"
    assert figures.quantity(1.83e11, "FLOP/s") == "183 GFLOP/s"
    assert figures.quantity(512.0, "B/s") == "512 B/s"
    assert figures.mebibytes(3 * 2**20) == "3 MiB"
