from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveflight.core.contracts import LiveflightError
from liveflight.core.opening_hours import DAYS, Hours, parse

TEN, SIX = 600, 1080


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tue-thu 10:00-18:00", [(1, TEN, SIX), (2, TEN, SIX), (3, TEN, SIX)]),
        ("Monday 10:00-18:00", [(0, TEN, SIX)]),
        ("  MON   10:00 - 18:00  ", [(0, TEN, SIX)]),
        ("10:00-18:00", [(day, TEN, SIX) for day in range(7)]),
        ("sat 22:00-2:00", [(5, 1320, 1560)]),
        ("sat 0:00-24:00", [(5, 0, 1440)]),
        ("sat 22:00-0:00", [(5, 1320, 1440)]),
        ("sun-mon 10:00-18:00", [(0, TEN, SIX), (6, TEN, SIX)]),
        ("mon 9:00-10:00, sat 10:00-18:00", [(0, 540, TEN), (5, TEN, SIX)]),
        ("mon 9:00-10:00; sat 10:00-18:00", [(0, 540, TEN), (5, TEN, SIX)]),
        ("mon, wed 10:00-18:00", [(0, TEN, SIX), (2, TEN, SIX)]),
        ("mon 9:00-10:00, 10:00-18:00", [(0, 540, TEN), (0, TEN, SIX)]),
    ],
)
def test_hours_are_read(text: str, found: list[tuple[int, int, int]]) -> None:
    assert parse(text) == tuple(Hours(*each) for each in found)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'': it is neither days nor a time"),
        ("tue", "'tue': a time is missing"),
        ("mon 10:00-18:00, tue", "'tue': a time is missing"),
        ("tues 10:00-18:00", "'tues': days are mon, tue"),
        ("mon-xyz 10:00-18:00", "'xyz': days are mon, tue"),
        ("mon 10-18", "'10-18': a time is of the form 10:00-18:00"),
        ("mon 10:00", "'10:00': a time is of the form 10:00-18:00"),
        ("mon 10:60-18:00", "times are from 0:00 to 24:00"),
        ("mon 24:00-18:00", "times are from 0:00 to 24:00"),
        ("mon 10:00-24:01", "times are from 0:00 to 24:00"),
        ("mon 10:00-10:00", "all day is 0:00-24:00"),
        ("10:00-18:00 mon", "a time is of the form 10:00-18:00"),
        ("mon 10:00-18:00,", "'': it is neither days nor a time"),
        ("mon 10:00-18:00," * 100, "allowed are up to 99"),
    ],
)
def test_mistakes_are_named_with_what_is_allowed(text: str, why: str) -> None:
    with pytest.raises(LiveflightError) as caught:
        parse(text)
    assert str(caught.value).startswith("hours") and why in str(caught.value)


@given(st.text(alphabet="montuewedsat 0123456789:-,;\n\0é", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except LiveflightError:
        return
    assert all(each.weekday < len(DAYS) and each.begin < each.end <= 2880 for each in found)
