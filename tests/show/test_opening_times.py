from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from liveflight.core.opening_hours import parse
from liveflight.show.opening_times import OpeningTimes

pytestmark = pytest.mark.filterwarnings("error")

BERLIN = ZoneInfo("Europe/Berlin")
"""Clocks went from 2:00 to 3:00 on Sunday 2026-03-29, and from 3:00 to 2:00 on 2026-10-25."""


def at(text: str, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp()


def times(text: str) -> OpeningTimes:
    return OpeningTimes(parse(text), BERLIN)


@pytest.mark.parametrize(
    ("now", "open_now"),
    [
        ("2026-12-01T09:59:59", False),  # a Tuesday
        ("2026-12-01T10:00:00", True),
        ("2026-12-01T17:59:59", True),
        ("2026-12-01T18:00:00", False),
        ("2026-12-06T12:00:00", True),
        ("2026-12-07T12:00:00", False),  # a Monday
        ("2028-02-29T12:00:00", True),  # a Tuesday
        ("2026-12-31T12:00:00", True),
    ],
)
def test_open_at_its_hours(now: str, open_now: bool) -> None:
    assert times("tue-sun 10:00-18:00").is_open(at(now)) == open_now


@pytest.mark.parametrize(
    ("now", "open_now"),
    [
        ("2026-12-05T21:59", False),  # a Saturday
        ("2026-12-05T23:59", True),
        ("2026-12-06T00:00", True),
        ("2026-12-06T01:59", True),
        ("2026-12-06T02:00", False),
        ("2026-12-05T01:00", False),
    ],
)
def test_over_midnight(now: str, open_now: bool) -> None:
    assert times("mon-fri 9:00-17:00, sat 22:00-2:00").is_open(at(now)) == open_now


def test_from_sunday_into_monday_and_over_the_turn_of_the_year() -> None:
    hours = times("sun 22:00-2:00, thu 20:00-4:00")
    assert hours.is_open(at("2026-12-07T01:00"))
    assert hours.is_open(at("2027-01-01T03:00"))
    assert not hours.is_open(at("2027-01-01T04:00"))


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-12-01T09:00", "tue 10:00"),
        ("2026-12-01T18:00", "wed 10:00"),
        ("2026-12-06T18:00", "tue 10:00"),
        ("2026-12-01T12:00", "wed 10:00"),
    ],
)
def test_when_it_opens_next(now: str, opens: str) -> None:
    assert times("tue-sun 10:00-18:00").opens(at(now)) == opens


def test_once_a_week_in_the_middle_of_it() -> None:
    assert times("tue 10:00-18:00").opens(at("2026-12-01T12:00")) == "tue 10:00"


def changes(hours: str, begin: str, days: int) -> list[str]:
    """Return when it opens and closes, minute by minute, in local time with its offset."""
    there, first = times(hours), at(begin)
    minutes = [first + 60 * n for n in range(days * 24 * 60)]
    opened = [there.is_open(minute) for minute in minutes]
    return [
        datetime.fromtimestamp(minute, BERLIN).isoformat("T", "minutes")
        for minute, (before, after) in zip(minutes[1:], pairwise(opened), strict=True)
        if before != after
    ]


def test_clocks_that_go_forward_open_and_close_it_once() -> None:
    found = changes("sat-sun 10:00-18:00, sat 22:00-2:30", "2026-03-28T00:00", 2)
    assert found == [
        "2026-03-28T10:00+01:00", "2026-03-28T18:00+01:00",
        "2026-03-28T22:00+01:00", "2026-03-29T03:30+02:00",  # 2:30 is skipped
        "2026-03-29T10:00+02:00", "2026-03-29T18:00+02:00",
    ]  # fmt: skip


def test_clocks_that_go_back_open_and_close_it_once() -> None:
    found = changes("sat-sun 10:00-18:00, sat 22:00-2:30", "2026-10-24T00:00", 2)
    assert found == [
        "2026-10-24T10:00+02:00", "2026-10-24T18:00+02:00",
        "2026-10-24T22:00+02:00", "2026-10-25T02:30+02:00",  # the first of two
        "2026-10-25T10:00+01:00", "2026-10-25T18:00+01:00",
    ]  # fmt: skip


def test_open_all_day_never_closes() -> None:
    assert changes("0:00-24:00", "2026-10-23T12:00", 4) == []
    assert changes("0:00-24:00", "2026-03-27T12:00", 4) == []


def test_without_a_zone_it_is_the_machines() -> None:
    now = datetime(2026, 12, 1, 12)
    hours = OpeningTimes(parse("tue 10:00-18:00"))
    assert hours.is_open(now.timestamp())
    assert not hours.is_open((now + timedelta(hours=8)).timestamp())
