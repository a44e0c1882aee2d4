"""Local time comes from a zone with daylight saving, as a clock on a wall shows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from liveflight.supervision.daily_restart import DailyRestart

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)


def minutes(begin: datetime, hours: float) -> Iterator[tuple[float, datetime]]:
    """Yield monotonic seconds and the naive local time, minute by minute."""
    for count in range(int(hours * 60)):
        local = (begin + count * MINUTE).astimezone(BERLIN).replace(tzinfo=None)
        yield 60.0 * count, local


def restarts(at: str, begin: datetime, hours: float) -> list[datetime]:
    daily = DailyRestart(time.fromisoformat(at), 0.0)
    return [local for now, local in minutes(begin, hours) if daily.due(now, local)]


def test_once_a_day_at_its_time() -> None:
    found = restarts("04:00", datetime(2026, 6, 1, 8, tzinfo=UTC), 72)
    assert [f"{each:%d %H:%M}" for each in found] == ["02 04:00", "03 04:00", "04 04:00"]


def test_a_time_that_daylight_saving_leaves_out_comes_as_soon_as_possible() -> None:
    found = restarts("02:30", datetime(2026, 3, 28, 12, tzinfo=UTC), 48)
    assert [f"{each:%d %H:%M}" for each in found] == ["29 03:00", "30 02:30"]


def test_a_time_that_comes_twice_counts_once() -> None:
    found = restarts("02:30", datetime(2026, 10, 24, 12, tzinfo=UTC), 48)
    assert [f"{each:%d %H:%M}" for each in found] == ["25 02:30", "26 02:30"]


def test_around_midnight() -> None:
    found = restarts("23:30", datetime(2026, 6, 1, 8, tzinfo=UTC), 48)
    assert [f"{each:%d %H:%M}" for each in found] == ["01 23:30", "02 23:30"]


def test_a_show_that_has_just_begun_goes_on() -> None:
    assert restarts("04:00", datetime(2026, 6, 1, 1, tzinfo=UTC), 8) == []


def test_not_before_visitors_on_a_machine_that_slept_at_night() -> None:
    daily = DailyRestart(time(4), 0.0)
    assert not daily.due(8 * 3600.0, datetime(2026, 6, 1, 3, 59))
    assert not daily.due(8 * 3600.0, datetime(2026, 6, 1, 10, 0))
    assert daily.due(20 * 3600.0, datetime(2026, 6, 2, 4, 59))


def test_a_clock_that_jumps_to_and_fro_restarts_once() -> None:
    daily = DailyRestart(time(4), 0.0)
    evening, night = datetime(2026, 6, 1, 22), datetime(2026, 6, 2, 4, 1)
    asked = [evening, night, evening, night + timedelta(days=1), evening, night] * 20
    found = [daily.due(7 * 3600.0 + 60 * n, local) for n, local in enumerate(asked)]
    assert sum(found) == 1


def test_never_without_a_time() -> None:
    daily = DailyRestart(None, 0.0)
    assert not any(daily.due(*each) for each in minutes(datetime(2026, 6, 1, tzinfo=UTC), 48))
