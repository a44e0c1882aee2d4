"""Test that the log writes each kind of line once a minute."""

from __future__ import annotations

import logging

import pytest

from liveflight.system.logs import Handler, Limit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_one_line_of_a_kind_a_minute_then_their_count(clock: Clock) -> None:
    limit = Limit(clock)
    assert limit.passed("the port is gone") == ["the port is gone"]
    for _ in range(7):
        clock.now += 8
        assert limit.passed("the port is gone") == []
    clock.now += 8
    assert limit.passed("the port is gone") == [
        "the port is gone (7 more like this)",
        "the port is gone",
    ]
    clock.now += 3600
    assert limit.passed("another") == ["another"]
    assert limit.rest() == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("192.168.1.7:51002 refused", "10.0.0.255:9 refused"),
        ("<Task 0x7f3a90> failed", "<Task 0xFF01> failed"),
        ("frame 17 took 33.4 ms", "frame 180 took 1.25 ms"),
    ],
)
def test_lines_that_differ_in_numbers_are_one_kind(first: str, second: str, clock: Clock) -> None:
    limit = Limit(clock)
    limit.passed(first)
    assert limit.passed(second) == []
    assert limit.rest() == [f"{first} (1 more like this)"]


def test_what_differs_in_words_is_said_at_once(clock: Clock) -> None:
    limit = Limit(clock)
    assert limit.passed("MIDI port Hat is gone") and limit.passed("MIDI port Box is gone")


def test_a_flood_of_kinds_has_an_end_and_is_forgotten(clock: Clock) -> None:
    limit = Limit(clock)
    words = [
        "".join(chr(97 + number // 26**place % 26) for place in range(4)) for number in range(5000)
    ]
    written = [line for word in words for line in limit.passed(word)]
    assert len(written) == 61
    assert "are counted, not shown" in written[-1]
    clock.now += 61
    assert limit.passed("calm again")[-1] == "calm again"
    assert len(limit.rest()) == 0


def test_only_the_first_line_is_said_again(clock: Clock) -> None:
    limit = Limit(clock)
    for _ in range(3):
        limit.passed("it failed\nTraceback:\n  line 1")
    assert limit.rest() == ["it failed (2 more like this)"]


def test_what_cannot_be_formatted_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("x", logging.WARNING, "", 1, "%d", ("no number",), None)
    Handler().handle(record)
    assert "Logging error" in capsys.readouterr().err
