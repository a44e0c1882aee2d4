"""A show that closes, sleeps and opens again, by an injected clock."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from on_stage import TICK, Begin, Show

from liveflight.core.mailbox import Set
from liveflight.core.opening_hours import parse
from liveflight.loop import closing_time, live_loop
from liveflight.loop.closing_time import FADE_S, SETTLED_S, ClosingTime
from liveflight.show.opening_times import OpeningTimes
from liveflight.storage.cue_lists import Cue, CueList

DAY = 86400.0
TUESDAY = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
CLOSING, OPENING = TUESDAY + 18 * 3600, TUESDAY + DAY + 10 * 3600


class Closing:
    """A show with opening hours, whose clock runs with its frames."""

    def __init__(self, show: Show, now: float) -> None:
        self.show, self.ahead = show, now - show.now
        self.power: list[bool] = []
        times = OpeningTimes(parse("tue-sun 10:00-18:00"), UTC)
        self.part = ClosingTime(show.flight, show.app.presenter, times, self.clock)
        self.part.display_power = self.power.append
        show.app.controllers.add(self.part, "the opening hours")

    def clock(self) -> float:
        return self.show.now + self.ahead

    def levels(self, seconds: float) -> list[float]:
        """Fly on for that long; return the mean level of each picture."""
        return [float(self.show.frame().mean()) for _ in range(round(seconds / TICK))]


@pytest.fixture
def closing(begin: Begin) -> Closing:
    """A show two seconds before it closes."""
    return Closing(begin(), CLOSING - 2)


def test_it_fades_to_black_and_sleeps(closing: Closing) -> None:
    flight = closing.show.flight
    before = closing.levels(2.0)
    assert max(before) - min(before) < 3 and not flight.asleep
    levels = np.array(closing.levels(SETTLED_S + FADE_S + 1))
    assert levels[-1] == 0.0 and flight.asleep
    steps = -np.diff(levels)
    assert steps.max() < before[-1] * 3 * TICK / FADE_S  # no jump
    assert (levels < 5).argmax() * TICK > 4  # and no hurry
    assert (flight.controls.number("show.master"), flight.controls.flag("show.blackout")) == (
        1,
        False,
    )
    assert closing.power == [True, False]


def test_asleep_nothing_moves_and_no_cue_passes(closing: Closing) -> None:
    show = closing.show
    show.flight.cues.start(CueList("walk", (Cue("reef", 600.0), Cue("ink", 5.0))))
    closing.levels(2 + SETTLED_S + FADE_S + 1)
    canvas, before = show.canvas, standing(show)
    closing.levels(20.0)
    assert standing(show) == before
    assert np.array_equal(show.canvas, canvas)


def standing(show: Show) -> tuple[object, ...]:
    """Return what moves on in an open show."""
    loop, selector = show.app.feedback_loop, show.flight.target_selector
    return show.flight.cues.place, selector.time, loop.ticks


def test_it_opens_and_goes_on(closing: Closing) -> None:
    show = closing.show
    closing.levels(2 + SETTLED_S + FADE_S + 1)
    closing.ahead += OPENING - closing.clock() - 1
    assert set(closing.levels(SETTLED_S)) == {0.0}
    levels = np.array(closing.levels(1 + FADE_S + 1.5))
    assert not show.flight.asleep and levels[-1] > 100
    assert np.diff(levels).max() < levels[-1] * 3 * TICK / FADE_S
    assert closing.power == [True, False, True]


def test_closed_at_its_start_it_never_shows_a_picture(begin: Begin) -> None:
    closing = Closing(begin(), CLOSING + 3600)
    assert closing.levels(1.0) == [0.0] * round(1 / TICK)
    assert closing.show.flight.asleep


def test_open_at_its_start_it_shows_one_at_once(begin: Begin) -> None:
    closing = Closing(begin(), CLOSING - 3600)
    assert closing.levels(TICK)[0] > 100
    assert closing.power == [True], "a show that was killed at night has left it off"


@pytest.mark.parametrize("leap", [DAY / 2, -DAY / 2])
def test_a_clock_that_leaps_and_comes_back_changes_nothing(begin: Begin, leap: float) -> None:
    closing = Closing(begin(), TUESDAY + 15 * 3600)
    level = closing.levels(1.0)[-1]
    for _ in range(3):
        closing.ahead += leap
        assert min(closing.levels(SETTLED_S - 1)) > level - 3
        closing.ahead -= leap
        assert min(closing.levels(1.0)) > level - 3


@pytest.mark.parametrize("leap", [DAY, -DAY])
def test_a_leap_by_a_day_from_open_to_open_is_not_seen(begin: Begin, leap: float) -> None:
    closing = Closing(begin(), TUESDAY + DAY + 15 * 3600)
    level = closing.levels(1.0)[-1]
    closing.ahead += leap
    assert min(closing.levels(SETTLED_S + 2)) > level - 3


@pytest.mark.parametrize("leap", [DAY, -DAY])
def test_a_leap_by_a_day_to_a_closed_one_closes_it_once(begin: Begin, leap: float) -> None:
    there = TUESDAY - DAY + 15 * 3600  # a Monday
    closing = Closing(begin(), there - leap)
    closing.levels(1.0)
    closing.ahead += leap
    levels = np.array(closing.levels(SETTLED_S + FADE_S + 3))
    assert levels[-1] == 0.0 and np.diff(levels).max() < 3


def test_it_says_until_when_it_is_closed(
    closing: Closing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "liveflight.loop")
    assert closing.part.status_lines() == []
    closing.levels(2 + SETTLED_S + FADE_S)
    assert closing.part.status_lines() == ["closed until wed 10:00"]
    assert closing.show.flight.values()["show.closed"] == "closed until wed 10:00"
    closing.ahead += OPENING - closing.clock()
    closing.levels(SETTLED_S + FADE_S)
    assert closing.part.status_lines() == []
    assert [each.message for each in caplog.records] == ["closed until wed 10:00", "open"]


def test_what_a_performer_sets_meanwhile_is_there_when_it_opens(closing: Closing) -> None:
    closing.levels(2 + SETTLED_S + FADE_S + 1)
    closing.show.app.mailbox.put(Set("show.master", 0.5))
    assert set(closing.levels(2.0)) == {0.0}
    closing.ahead += OPENING - closing.clock()
    level = closing.levels(SETTLED_S + FADE_S + 1)[-1]
    assert 40 < level < 80


def test_the_display_is_on_again_when_the_show_ends(closing: Closing) -> None:
    closing.levels(2 + SETTLED_S + FADE_S + 1)
    closing.part.close()
    assert closing.power == [True, False, True]


def test_asleep_the_loop_shows_few_frames_but_two_a_second(
    closing: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing.levels(2 + SETTLED_S + FADE_S + 1)
    clock, frames = [0.0], []
    monkeypatch.setattr(live_loop.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(live_loop.time, "sleep", lambda s: clock.__setitem__(0, clock[0] + s))
    monkeypatch.setattr(closing.show.app, "frame", lambda now, wait: frames.append(now))
    live_loop.run(closing.show.app, 60, lambda: clock[0] > 10)
    assert 20 < len(frames) <= 45
    assert closing_time.SETTLED_S < 10
