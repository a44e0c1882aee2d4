from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveflight.core.beat import BeatClock, passes


def at(clock: BeatClock) -> tuple[int, int]:
    return clock.bar, clock.beat


@pytest.mark.parametrize("rate", [30, 144])
def test_two_minutes_at_120_are_240_beats_at_every_frame_rate(rate: int) -> None:
    clock = BeatClock(120.0)
    for _ in range(120 * rate):
        clock.advance(1 / rate)
    assert clock.position == pytest.approx(240.0)


def test_beats_and_bars_count_from_one_and_go_round() -> None:
    clock = BeatClock(60.0)
    clock.beats_per_bar, clock.bars_per_phrase = 3, 2
    seen = []
    for _ in range(7):
        seen.append(at(clock))
        clock.advance(1.0)
    assert seen == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (1, 1)]


def test_a_moment_passes_once_and_at_its_own_place() -> None:
    assert passes(3.9, 4.0, 4) and passes(3.9, 9.1, 4)
    assert not passes(4.0, 4.1, 4) and not passes(3.5, 3.9, 4)


# Taps


def tapped(clock: BeatClock, *intervals: float) -> None:
    clock.tap()
    for interval in intervals:
        clock.advance(interval)
        clock.tap()


def test_two_taps_set_the_tempo_and_are_beats() -> None:
    clock = BeatClock(120.0)
    clock.advance(0.31)
    assert not clock.tap()
    clock.advance(0.6)
    assert clock.tap()
    assert clock.bpm == pytest.approx(100.0)
    assert clock.position == 2.0, "at 1.82 the nearest beat is the second"


def test_a_tap_may_be_left_out_or_doubled() -> None:
    clock = BeatClock()
    tapped(clock, 0.5, 0.5, 1.0, 0.5, 0.2, 0.5)
    assert clock.bpm == pytest.approx(120.0)


@pytest.mark.parametrize("bpm", [93.0, 128.0, 174.0])
def test_frames_that_round_the_times_of_taps_do_not_round_the_tempo(bpm: float) -> None:
    clock = BeatClock()
    frames = [round(beat * 60 / bpm * 30) for beat in range(9)]
    tapped(clock, *[(later - earlier) / 30 for earlier, later in pairwise(frames)])
    assert clock.bpm == pytest.approx(bpm, rel=0.015)


def test_taps_are_forgotten_after_two_seconds() -> None:
    clock = BeatClock(120.0)
    tapped(clock, 0.5, 0.5)
    clock.advance(2.1)
    assert not clock.tap()
    clock.advance(0.75)
    assert clock.tap()
    assert clock.bpm == pytest.approx(80.0)


def test_taps_in_one_frame_set_no_tempo_and_a_drummed_key_no_absurd_one() -> None:
    clock = BeatClock(120.0)
    tapped(clock, 0.0, 0.0)
    assert clock.bpm == 120.0
    tapped(clock, 0.01, 0.01)
    assert clock.bpm == 300.0


def test_a_tap_after_the_beat_is_that_beat_and_one_before_it_the_next() -> None:
    clock = BeatClock(60.0)
    clock.tap()
    clock.advance(1.2)
    clock.tap()
    assert clock.position == 1.0
    clock.advance(0.7)
    clock.tap()
    assert clock.position == 2.0


# Resync and outside clocks


def test_resync_begins_bar_and_phrase() -> None:
    clock = BeatClock(60.0)
    clock.advance(6.4)
    assert at(clock) == (2, 3)
    clock.resync()
    assert at(clock) == (1, 1) and clock.position % 1 == 0
    before = clock.position
    clock.resync()
    assert clock.position == before, "twice is once"


def followed(clock: BeatClock, outside: float, bpm: float, frames: int, rate: int) -> list[float]:
    """Where ours was after each frame beside a clock that begins at `outside`."""
    places = []
    for frame in range(1, frames + 1):
        clock.follow(outside + bpm / 60 * frame / rate, bpm)
        clock.advance(1 / rate)
        places.append(clock.position)
    return places


def test_an_outside_clock_is_followed_at_once_when_it_is_far() -> None:
    clock = BeatClock(120.0)
    clock.advance(10.0)
    place = followed(clock, 101.25, 90.0, 1, 30)[0]
    assert place >= 20.0 and place % 16 == pytest.approx((101.25 + 1.5 / 30) % 16)
    assert clock.bpm == 90.0


@pytest.mark.parametrize("apart", [-0.3, 0.3])
@pytest.mark.parametrize("rate", [30, 144])
def test_small_differences_are_made_up_smoothly(apart: float, rate: int) -> None:
    clock = BeatClock(120.0)
    clock.position = 160.0
    places = followed(clock, 160.0 + apart, 120.0, rate, rate)
    steps = [later - earlier for earlier, later in pairwise([160.0, *places])]
    assert min(steps) >= 0 and max(steps) < 4 * 2 / rate
    assert places[-1] == pytest.approx(162.0 + apart, abs=0.005)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40))
@settings(derandomize=True, deadline=None)
def test_whatever_an_outside_clock_says_no_beat_comes_twice(said: list[float]) -> None:
    clock = BeatClock()
    for position in said:
        before = math.floor(clock.position)
        clock.follow(position, abs(position))
        clock.advance(1 / 60)
        assert before <= clock.position <= before + 18
        assert 20 <= clock.bpm <= 300


def test_where_the_outside_clock_is_silent_ours_goes_on_at_its_tempo() -> None:
    clock = BeatClock(120.0)
    last = followed(clock, 0.0, 90.0, 30, 30)[-1]
    clock.advance(2.0)
    assert clock.position == pytest.approx(last + 3.0)


@given(st.lists(st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0, 1.9, 2.0, 2.5]), max_size=20))
@settings(derandomize=True, deadline=None)
def test_whatever_is_tapped_is_a_tempo(waits: list[float]) -> None:
    clock = BeatClock()
    for wait in waits:
        clock.advance(wait)
        clock.tap()
        assert 20 <= clock.bpm <= 300


def test_two_intervals_that_do_not_agree_are_no_trouble() -> None:
    clock = BeatClock()
    for wait in (0.0, 0.5, 1.9):
        clock.advance(wait)
        clock.tap()
    assert clock.bpm == pytest.approx(120.0)
