from __future__ import annotations

import pytest

from liveflight.controllers.midi.clock import TICKS_PER_BEAT, MidiClock


def ticked(clock: MidiClock, count: int, bpm: float, since: float = 0.0) -> float:
    """Tick `count` times from `since` on; return when the last tick came."""
    apart = 60 / bpm / TICKS_PER_BEAT
    for number in range(count):
        clock.tick(since + number * apart)
    return since + (count - 1) * apart


def test_the_first_tick_after_the_start_is_the_beat() -> None:
    clock = MidiClock()
    clock.start()
    last = ticked(clock, 2 * TICKS_PER_BEAT + 1, 120)
    place = clock.at(last)
    assert place == pytest.approx((2.0, 120.0))


def test_between_two_ticks_it_runs_on_but_not_past_the_next() -> None:
    clock = MidiClock()
    apart = 60 / 90 / TICKS_PER_BEAT
    last = ticked(clock, 49, 90)
    halfway, late = clock.at(last + apart / 2), clock.at(last + 5 * apart)
    assert halfway == pytest.approx((2 + 0.5 / TICKS_PER_BEAT, 90.0))
    assert late == pytest.approx((2 + 1 / TICKS_PER_BEAT, 90.0))


def test_jitter_of_a_driver_hardly_moves_the_tempo() -> None:
    clock = MidiClock()
    apart = 60 / 120 / TICKS_PER_BEAT
    for number in range(97):
        clock.tick(number * apart + (0.003 if number % 3 == 1 else 0.0))
    place = clock.at(96 * apart)
    assert place is not None and place[1] == pytest.approx(120, abs=0.5)


def test_a_new_tempo_is_known_two_beats_later() -> None:
    clock = MidiClock()
    last = ticked(clock, 48, 120)
    last = ticked(clock, 49, 100, last + 0.02)
    place = clock.at(last)
    assert place is not None and place[1] == pytest.approx(100.0)


def test_it_is_not_known_before_half_a_beat_nor_after_it_was_stopped_or_lost() -> None:
    clock = MidiClock()
    last = ticked(clock, 12, 120)
    assert clock.at(last) is None
    clock.tick(last + 60 / 120 / TICKS_PER_BEAT)
    assert clock.at(last + 0.03) is not None
    assert clock.at(last + 2.0) is None, "the cable was pulled"
    clock.stop()
    assert clock.at(last + 0.03) is None


def test_stop_keeps_the_place_continue_goes_on_from_it_and_a_song_position_sets_it() -> None:
    clock = MidiClock()
    clock.start()
    last = ticked(clock, 25, 120)
    clock.stop()
    last = ticked(clock, 24, 120, last + 0.02)  # clocks tick on while stopped
    clock.resume()
    last = ticked(clock, 24, 120, last + 60 / 120 / TICKS_PER_BEAT)
    place = clock.at(last)
    assert place is not None and place[0] == pytest.approx(2.0)
    clock.locate(16)
    clock.tick(last + 60 / 120 / TICKS_PER_BEAT)
    place = clock.at(last + 60 / 120 / TICKS_PER_BEAT)
    assert place is not None and place[0] == pytest.approx(4.0)
