"""The live loop keeps its pace."""

from __future__ import annotations

import itertools
import math
from typing import cast

import moderngl
import pytest
from fake_engine import FakeEngine
from on_stage import Begin, Show, Stage

from liveflight.core.contracts import Event, Quit
from liveflight.loop import frame_timer, hand_over, live_loop
from liveflight.loop.live_loop import run

pytestmark = pytest.mark.gl


@pytest.mark.parametrize("refresh", [None, 30.0, 59.94, 60.0, 144.0, 240.0])
def test_frames_that_have_time_tidy_up(
    refresh: float | None, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin()
    paced(show, refresh, monkeypatch)
    assert cast(FakeEngine, show.app.flight.loader.engine).tidied > 60


def test_run_flies_until_it_is_ended(begin: Begin) -> None:
    show = begin()

    class Impatient(Stage):
        def events(self) -> list[Event]:
            return [Quit()] if len(self.shown) == 3 else []

    show.app.output = stage = Impatient(show.stage.ctx, (8, 4), False)
    run(show.app, 1000)
    assert len(stage.shown) == 4
    assert show.app.frame_counter.frames == 4


def test_run_ends_when_it_is_asked_to(begin: Begin) -> None:
    show = begin()
    run(show.app, 1000, lambda: len(show.stage.shown) == 3)
    assert len(show.stage.shown) == 3 and show.app.running


class Clock:
    """Stands in for the module `time` where `run` paces: a number that only moves when told."""

    def __init__(self) -> None:
        self.now = 50.0
        self.slept: list[float] = []

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds


class Presenter(Stage):
    """Shows 120 frames, each after some drawing; with `refresh`, waits for the display."""

    def __init__(self, ctx: moderngl.Context, clock: Clock, refresh: float | None) -> None:
        super().__init__(ctx, (8, 4), False)
        self.clock, self.refresh, self.vsync = clock, refresh, refresh is not None
        self.at: list[float] = []

    def events(self) -> list[Event]:
        return [Quit()] if len(self.at) == 120 else []

    def show(self) -> None:
        self.clock.now += 0.004 + 0.002 * (len(self.at) % 3)
        if self.refresh:
            passed = (self.clock.now - 50.0) * self.refresh
            self.clock.now = 50.0 + math.floor(passed + 1) / self.refresh
        self.at.append(self.clock.now)


def paced(show: Show, refresh: float | None, monkeypatch: pytest.MonkeyPatch) -> Presenter:
    clock = Clock()
    for module in (live_loop, frame_timer, hand_over):
        monkeypatch.setattr(module, "time", clock)
    show.app.output = presenter = Presenter(show.stage.ctx, clock, refresh)
    run(show.app, 60)
    return presenter


def test_without_vsync_frames_are_shown_at_even_intervals_just_after_they_were_read(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    presenter = paced(begin(), None, monkeypatch)
    shown = presenter.at[30:]
    assert (shown[-1] - shown[0]) / (len(shown) - 1) == pytest.approx(1 / 60, rel=0.01)
    rests, respites, sleeps = (presenter.clock.slept[90 + first :: 3] for first in range(3))
    assert min(rests) > 0.007
    assert max(respites) < 0.001, "all of this screen's drawing is in showing"
    assert max(sleeps) < 0.005, "what is left over by the quickest of three kinds of frames"


@pytest.mark.parametrize(("refresh", "rate"), [(60.0, 60.0), (59.94, 59.94), (30.0, 30.0)])
def test_a_display_that_is_waited_for_paces_alone(
    refresh: float, rate: float, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    presenter = paced(begin(), refresh, monkeypatch)
    assert max(presenter.clock.slept) < 1e-6
    for before, after in itertools.pairwise(presenter.at):
        assert after - before == pytest.approx(1 / rate)


def test_a_display_faster_than_wanted_is_held_back(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    presenter = paced(begin(), 144.0, monkeypatch)
    assert 120 / (presenter.at[-1] - presenter.at[0]) == pytest.approx(60, rel=0.02)
