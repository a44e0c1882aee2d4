from __future__ import annotations

import pytest

from liveflight.core.frame_counter import FrameCounter, Rate


def fly(meter: FrameCounter, frames: int, interval: float, start: float = 0.0) -> list[float]:
    return [meter.count_frame(start + number * interval) for number in range(frames)]


def test_the_first_frame_stands_for_no_time_and_the_others_for_their_interval() -> None:
    meter = FrameCounter(0.25)
    assert fly(meter, 4, 0.0625, start=1000.0) == [0, 0.0625, 0.0625, 0.0625]
    assert meter.frames == 4


def test_the_rate_is_the_frames_per_second() -> None:
    meter = FrameCounter(1 / 60)
    assert meter.rate == 0
    fly(meter, 2, 1 / 50)
    assert meter.rate == pytest.approx(50)
    fly(meter, 400, 1 / 25, start=1.0)
    assert meter.rate == pytest.approx(25, rel=0.01)


def test_one_hiccup_hardly_moves_the_rate() -> None:
    meter = FrameCounter(1 / 60)
    fly(meter, 120, 1 / 60)
    meter.count_frame(119 / 60 + 1 / 20)
    assert 55 < meter.rate < 60


def test_an_interval_of_over_one_and_a_half_wanted_ones_is_late() -> None:
    meter = FrameCounter(0.5)
    now = 0.0
    for interval in (0.0, 0.5, 0.75, 0.76, 0.25, 2.0):
        now += interval
        meter.count_frame(now)
    assert meter.late == 2


def test_after_a_stall_the_flight_goes_on_from_where_it_was() -> None:
    meter = FrameCounter(1 / 60)
    meter.count_frame(0.0)
    assert meter.count_frame(100.0) == pytest.approx(0.1)
    assert meter.count_frame(100.0 + 1 / 64) == 1 / 64
    assert meter.late == 1


def test_a_slow_flight_is_no_stall() -> None:
    meter = FrameCounter(1 / 2)
    assert fly(meter, 4, 1 / 2) == [0, 0.5, 0.5, 0.5]
    assert meter.late == 0


def test_a_clock_that_stands_or_goes_back_leaps_nowhere() -> None:
    meter = FrameCounter(1 / 60)
    meter.count_frame(5.0)
    for now in (5.0, 4.0):
        assert 0 < meter.count_frame(now) < 1e-3
    assert meter.count_frame(4.03125) == 0.03125
    assert meter.frames == 4


def test_the_last_interval_is_known_whatever_it_stands_for() -> None:
    meter = FrameCounter(1 / 60)
    meter.count_frame(1.0)
    assert meter.interval == 0
    meter.count_frame(3.0)
    assert meter.interval == 2.0


def test_how_much_comes_per_second() -> None:
    rate = Rate()
    assert rate.value == 0
    for number in range(200):
        rate.advance(1 / 32, 4 if number % 4 == 0 else 0)
        if number % 4 == 3:
            assert rate.value == pytest.approx(32, rel=0.2)
    for _ in range(320):
        rate.advance(1 / 32, 0)
    assert rate.value < 0.01


def test_a_frame_that_was_not_expected_is_not_late():
    meter = FrameCounter(0.02)
    for number in range(10):
        meter.count_frame(number * 0.1, expected=False)
    assert meter.late == 0
    meter.count_frame(1.0)
    assert meter.late == 1
