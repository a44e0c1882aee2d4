"""Read opening hours, such as "tue-sun 10:00-18:00". Pure: knows no clock and no calendar."""

from __future__ import annotations

import re
from dataclasses import dataclass

from liveflight.core.contracts import LiveflightError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
"""Minutes of a day on the clock."""

_MAX_HOURS = 99
"""Entries of opening hours."""
_EXAMPLE = 'such as "tue-sun 10:00-18:00" or "mon-fri 9:00-17:00, sat 22:00-02:00"'
_TIMES = re.compile(r"(\d{1,2}):(\d{2}) ?- ?(\d{1,2}):(\d{2})")
_LONG_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Hours:
    """Hold one stretch of opening hours, which begins once a week."""

    weekday: int
    """0 is Monday."""
    begin: int
    """Minutes after midnight on the clock."""
    end: int
    """The same, above `begin`; from 1440 on it is on the next day."""


def parse(text: str) -> tuple[Hours, ...]:
    """Return the opening hours of a text, at least one.

    Entries are separated by commas or semicolons. Each has days, such as `mon` or `tue-sun`, and a
    time, such as `10:00-18:00`; one that ends earlier than it begins ends on the next day. Days
    without a time take the next one's; a time without days is for those before it, at first for
    every day. Raises LiveflightError naming what is wrong and what is allowed."""
    entries = [" ".join(entry.lower().split()) for entry in re.split("[,;]", text)]
    if len(entries) > _MAX_HOURS:
        raise LiveflightError(f"hours: {len(entries)} entries: allowed are up to {_MAX_HOURS}")
    found: list[Hours] = []
    days: list[int] = list(range(7))
    waiting: list[int] = []
    for entry in entries:
        named, times = _split(entry, text)
        if named:
            days = waiting = waiting + _days(named, text)
        if times:
            begin, end = _minutes(times, text)
            found += [Hours(day, begin, end) for day in sorted(set(days))]
            waiting = []
    if waiting or not found:
        raise _wrong(entries[-1], text, "a time is missing")
    return tuple(found)


def _split(entry: str, text: str) -> tuple[str, str]:
    """Return an entry's days and its time; either may be empty, but not both."""
    found = re.fullmatch(r"([a-z][a-z -]*?)? ?(\d.*)?", entry)
    if not found or not entry:
        raise _wrong(entry, text, "it is neither days nor a time")
    return (found[1] or "").strip(), found[2] or ""


def _days(named: str, text: str) -> list[int]:
    first, dash, last = (word.strip() for word in named.partition("-"))
    begin = _day(first, text)
    if not dash:
        return [begin]
    return [(begin + n) % 7 for n in range((_day(last, text) - begin) % 7 + 1)]


def _day(name: str, text: str) -> int:
    for names in (DAYS, _LONG_NAMES):
        if name in names:
            return names.index(name)
    raise _wrong(name, text, f"days are {', '.join(DAYS)}")


def _minutes(times: str, text: str) -> tuple[int, int]:
    found = _TIMES.fullmatch(times)
    if not found:
        raise _wrong(times, text, "a time is of the form 10:00-18:00")
    hour, minute, last_hour, last_minute = map(int, found.groups())
    begin, end = hour * 60 + minute, last_hour * 60 + last_minute
    if max(minute, last_minute) > 59 or begin >= DAY_MIN or end > DAY_MIN:
        raise _wrong(times, text, "times are from 0:00 to 24:00")
    if begin == end:
        raise _wrong(times, text, "it begins and ends at the same time; all day is 0:00-24:00")
    return begin, end if end > begin else end + DAY_MIN


def _wrong(part: str, text: str, why: str) -> LiveflightError:
    return LiveflightError(f"hours {text[:80]!r}: {part[:40]!r}: {why}; write them {_EXAMPLE}")
