from __future__ import annotations

import pytest

from liveflight.core.controls import Controls
from liveflight.core.mailbox import Beat, Set, Trigger
from liveflight.core.quantise import Change
from liveflight.core.tempo import Tempo

RATE = 30
REEF = Set("show.preset", "reef")


def begun(**settings: float | str) -> tuple[Tempo, Controls]:
    controls = Controls()
    for name, value in settings.items():
        controls.set(f"tempo.{name}", value)
    return Tempo(controls), controls


def until(tempo: Tempo, seconds: float) -> dict[int, list[Change]]:
    """What came back in which frame."""
    frames = {frame: tempo.advance(1 / RATE) for frame in range(1, round(seconds * RATE) + 1)}
    return {frame: released for frame, released in frames.items() if released}


@pytest.mark.parametrize(("grid", "seconds"), [("beat", 0.5), ("bar", 2.0), ("phrase", 8.0)])
def test_a_recall_waits_for_its_moment(grid: str, seconds: float) -> None:
    tempo, controls = begun(quantise=grid, bpm=120.0)
    tempo.advance(0.1)
    assert tempo.try_hold(REEF)
    assert controls.word("tempo.waiting") == f"at the {grid}: preset reef"
    released = until(tempo, 10)
    assert list(released.values()) == [[REEF]]
    assert next(iter(released)) / RATE == pytest.approx(seconds - 0.1, abs=1 / RATE)
    assert controls.word("tempo.waiting") == ""


def test_an_undo_takes_back_what_waits_and_else_waits_itself() -> None:
    tempo, controls = begun(quantise="bar", bpm=120.0)
    undo, step = Trigger("show.undo"), Trigger("mix.filter_next")
    for change in (REEF, step, undo):
        assert tempo.try_hold(change)
    assert controls.word("tempo.waiting") == "at the bar: filter next"
    assert list(until(tempo, 3).values()) == [[step]]
    assert tempo.try_hold(undo)
    assert controls.word("tempo.waiting") == "at the bar: undo"
    assert list(until(tempo, 3).values()) == [[undo]]


def test_nothing_waits_where_nobody_asked_and_faders_never_do() -> None:
    tempo, _ = begun()
    assert not tempo.try_hold(REEF)
    tempo, _ = begun(quantise="bar")
    assert not tempo.try_hold(Set("camera.zoom", 2.0))
    assert not tempo.try_hold(Trigger("show.reseed"))
    assert tempo.try_hold(Trigger("mix.random"))


def test_what_waits_goes_at_once_when_quantise_is_switched_off() -> None:
    tempo, controls = begun(quantise="phrase")
    tempo.try_hold(REEF)
    assert tempo.advance(1 / RATE) == []
    controls.set("tempo.quantise", "off")
    assert tempo.advance(1 / RATE) == [REEF]


def test_resync_is_the_moment_that_was_waited_for() -> None:
    tempo, _ = begun(quantise="phrase")
    tempo.advance(0.3)
    tempo.try_hold(REEF)
    tempo.resync()
    assert tempo.advance(1 / RATE) == [REEF]


def test_meters_say_where_it_is() -> None:
    tempo, controls = begun(bpm=60.0, beats_per_bar=3, bars_per_phrase=2)
    tempo.advance(4.5)
    assert (controls.number("tempo.bar"), controls.number("tempo.beat")) == (2.0, 2.0)
    assert not tempo.used
    assert tempo.line() == "60.0 bpm  bar 2 of 2, beat 2 of 3  own"


def test_taps_set_the_control() -> None:
    tempo, controls = begun()
    tempo.tap()
    tempo.advance(0.6)
    tempo.tap()
    assert controls.setting("tempo.bpm") == pytest.approx(100.0)
    assert (controls.word("tempo.source"), tempo.used) == ("own", True)
    tempo.advance(0.1)
    assert controls.word("tempo.source") == "tapped"


def test_an_outside_clock_rules_while_it_is_heard() -> None:
    tempo, controls = begun()
    for frame in range(RATE):
        tempo.follow(Beat(7.0 + 1.5 * frame / RATE, 90.0, origin="midi:Clock"))
        tempo.advance(1 / RATE)
    tempo.tap()
    tempo.advance(1 / RATE)
    tempo.tap()
    assert controls.setting("tempo.bpm") == 90.0
    assert tempo.position % 16 == pytest.approx(8.5, abs=0.06)
    assert controls.word("tempo.source") == "midi:Clock"
    tempo.advance(1.2)
    assert controls.word("tempo.source") == "own"
    assert controls.setting("tempo.bpm") == 90.0


def test_an_outside_clock_that_stands_leaves_ours_running_at_its_tempo() -> None:
    tempo, controls = begun()
    before = tempo.position
    for _ in range(RATE):
        tempo.follow(Beat(40.0, 60.0, running=False, origin="midi"))
        tempo.advance(1 / RATE)
    assert tempo.position == pytest.approx(before + 1.0)
    assert controls.word("tempo.source") == "midi"
