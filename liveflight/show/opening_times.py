"""Find out whether a show is open, and when it opens next. Knows no clock: time is an argument.

A stretch of opening hours is from one instant to another, so that it begins once and ends once on
days when clocks are changed, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo

from liveflight.core.opening_hours import DAYS, Hours


class OpeningTimes:
    """Opening hours in one time zone."""

    def __init__(self, hours: Sequence[Hours], zone: tzinfo | None = None) -> None:
        """`zone`: that of the hours; None is the machine's own."""
        self._hours, self._zone = hours, zone

    def is_open(self, now: float) -> bool:
        """Return whether the show is open at `now`, in seconds since 1970."""
        return any(begin <= now < end for begin, end in self._near(now, -2, 2))

    def opens(self, now: float) -> str:
        """Return when it opens next after `now`, such as `tue 10:00`."""
        begin = min(begin for begin, _ in self._near(now, -1, 9) if begin > now)
        local = self._local(begin)
        return f"{DAYS[local.weekday()]} {local.hour}:{local.minute:02}"

    def _near(self, now: float, first: int, last: int) -> Iterator[tuple[float, float]]:
        """Yield begin and end of the stretches that begin `first` to `last` days from now."""
        today = self._local(now).date()
        for day in range(first, last):
            begins = today + timedelta(day)
            for hours in self._hours:
                if hours.weekday == begins.weekday():
                    yield self._instant(begins, hours.begin), self._instant(begins, hours.end)

    def _local(self, now: float) -> datetime:
        return datetime.fromtimestamp(now, self._zone)

    def _instant(self, day: date, minutes: int) -> float:
        """Return when the clock shows that many minutes after the midnight of a day.

        Of a time that comes twice the first counts; one that is skipped is an hour later."""
        days, minutes = divmod(minutes, 24 * 60)
        there = day + timedelta(days)
        hour, minute = divmod(minutes, 60)
        zone = self._zone
        return datetime(there.year, there.month, there.day, hour, minute, tzinfo=zone).timestamp()
