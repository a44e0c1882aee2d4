"""What a frame does with its spare time, and leaves to the next when it is late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import pytest
from on_stage import TICK, Begin, grey

from liveflight.core.contracts import Value
from liveflight.core.mailbox import Message, Set, Trigger
from liveflight.loop import frame_timer, presenter

pytestmark = pytest.mark.gl


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let drawing take no time, so that there is time left on a busy machine too."""
    monkeypatch.setattr(frame_timer, "time", SimpleNamespace(perf_counter=lambda: 0.0))


def test_what_a_frame_has_left_passes_before_the_controls_are_read(begin: Begin) -> None:
    show = begin(size=(64, 64))
    show.canvas = grey(0.5)
    show.frame(3)
    left: list[float] = []

    def rest(seconds: float) -> None:
        left.append(seconds)
        show.set("show.fit", "contain")

    show.app.frame(show.now + TICK, rest)
    assert 0 < left[0] < TICK
    assert show.stage.shown[-1][:10].max() == 0


@pytest.mark.parametrize("master", [0.9, 0.0])
def test_brightness_is_read_once_more_when_a_frame_is_drawn(begin: Begin, master: float) -> None:
    show = begin()
    show.canvas = grey(0.5)
    lit = show.frame(3).mean()
    asked = [0.0, master, master]

    def rest(seconds: float) -> None:
        show.set("show.master", asked.pop())

    show.set("show.master", 1.0)
    show.app.frame(show.now + TICK, rest)
    seen = show.stage.shown[-1].mean()
    assert seen == pytest.approx(lit * max(master, 1 - TICK / presenter.FADE_S), abs=1)


def test_late_frames_leave_it_to_the_next_to_tell_the_surfaces(begin: Begin) -> None:
    show = begin()
    show.frame(3)
    told: list[tuple[float, Value, list[Message], bool]] = []

    def publish(
        now: float, values: Mapping[str, Value], heard: Sequence[Message], *, later: bool
    ) -> None:
        told.append((now, values["camera.zoom"], list(heard), later))

    show.app.controllers.publish = publish  # type: ignore[method-assign, assignment]
    show.app.frame_pacer.behind = lambda *_: True  # type: ignore[method-assign]
    for zoom in (0.3, 0.5, 0.7):
        show.set("camera.zoom", zoom)
        show.frame()
        late = zoom != 0.5  # never for longer than a tenth of a second
        assert told.pop() == (show.now, zoom, [Set("camera.zoom", zoom)], late)
    show.set("camera.zoom", 0.9)
    show.app.frame_pacer.behind = lambda *_: False  # type: ignore[method-assign]
    show.frame()
    assert told.pop() == (show.now, 0.9, [Set("camera.zoom", 0.9)], False)
    show.app.frame_pacer.behind = lambda *_: True  # type: ignore[method-assign]
    show.app.mailbox.put(Trigger("show.quit"))
    show.frame()
    assert told.pop() == (show.now, 0.9, [Trigger("show.quit")], False), "there is no next one"


def test_what_is_said_while_a_late_frame_is_drawn_is_for_the_next(begin: Begin) -> None:
    show = begin()
    show.canvas = grey(0.5)
    lit = show.frame(3).mean()
    show.app.frame_pacer.behind = lambda *_: True  # type: ignore[method-assign]
    said = iter([None, 0.0])

    def rest(seconds: float) -> None:
        if (master := next(said)) is not None:
            show.set("show.master", master)

    show.app.frame(show.now + TICK, rest)
    assert show.stage.shown[-1].mean() == pytest.approx(lit, abs=1)
    show.now += TICK
    assert show.frame().mean() < lit - 1


def test_what_a_drawn_frame_has_left_makes_its_end_even(begin: Begin) -> None:
    show = begin()
    show.frame(3)
    left: list[float] = []
    show.app.frame(show.now + TICK, left.append)
    assert len(left) == 2 and left[1] <= TICK - show.app.frame_timer.elapsed + 0.01


def test_full_screen_comes_between_two_frames(begin: Begin) -> None:
    show = begin()
    show.canvas = grey(0.5)
    show.frame(3)
    rested = 0

    def rest(seconds: float) -> None:
        nonlocal rested
        rested += 1
        if rested == 2:
            show.app.mailbox.put(Trigger("show.fullscreen"))

    show.app.frame(show.now + TICK, rest)
    assert not show.stage.fullscreen
    show.now += TICK
    show.frame()
    assert show.stage.fullscreen
