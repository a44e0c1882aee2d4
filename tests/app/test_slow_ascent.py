"""An ascent slower than the display."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from handmade import ByHand
from on_stage import RATE, TICK, Begin, Show, grey, towards

from liveflight.core.ascent import LONGEST_TICK_S
from liveflight.core.contracts import Ascent, Canvas, Engine, Mix, Size
from liveflight.core.views import View

pytestmark = pytest.mark.gl


def test_the_display_goes_on_while_a_tick_takes_its_time(begin: Begin) -> None:
    show = begin(towards(grey(0.75)))
    show.canvas = grey(0.25)
    show.worker.hold = True
    for _ in range(6):
        assert show.frame().mean() == pytest.approx(64, abs=1)
    show.worker.finish()
    show.worker.hold = True
    shown = [show.frame().mean() for _ in range(7)]
    assert len(show.stage.shown) == 13
    assert all(0 < after - before < 35 for before, after in itertools.pairwise(shown[:5]))
    assert shown[-1] == pytest.approx(190, abs=2)


def test_what_is_done_while_a_frame_waits_is_seen_in_it(begin: Begin) -> None:
    show = begin(lambda *_: grey(0.5), size=(64, 64))
    show.worker.hold = True
    show.frame(3)
    assert show.stage.shown[-1].min() > 0

    class Meanwhile(ByHand):
        def wait(self, seconds: float = 0.0) -> bool:
            show.set("show.fit", "contain")
            return False

    show.app.feedback_loop.worker = Meanwhile()
    show.app.feedback_loop.worker.busy = True
    assert show.frame()[:10].max() == 0


def test_a_tick_takes_what_was_asked_for_just_before_it_begins(begin: Begin) -> None:
    show = begin()
    show.frame(2)
    show.worker.hold = True
    show.frame()
    show.worker.finish()
    show.worker.hold = False
    show.set("ascent.steps", 5)
    show.frame()
    asked = len(show.engine.asked)
    show.frame()
    assert len(show.engine.asked) == asked + 5


def amounts(show: Show) -> list[float]:
    """Return a list of how far each tick moves the picture, which grows with them."""
    loop, noted = show.app.feedback_loop, []
    begin = loop.begin

    def noting(
        engine: Engine,
        views: Sequence[tuple[View, Mix]],
        ascent: Ascent,
        amount: float,
        size: Size,
    ) -> None:
        noted.append(amount)
        begin(engine, views, ascent, amount, size)

    loop.begin = noting  # type: ignore[method-assign]
    return noted


def test_a_tick_counts_the_seconds_since_the_last_one_began(begin: Begin) -> None:
    show = begin()
    noted = amounts(show)
    show.frame(3)
    show.worker.hold = True
    show.frame(3)
    show.worker.finish()
    show.worker.hold = False
    show.frame()
    assert noted == pytest.approx([RATE * TICK * ticks for ticks in (1, 1, 1, 2)])


def test_no_tick_stands_for_no_time(begin: Begin) -> None:
    show = begin()
    noted = amounts(show)
    show.frame(2)
    for _ in range(4):
        show.worker.hold = True
        show.frame()
        show.worker.finish()
        show.worker.hold = False
        show.frame()
    assert len(noted) >= 6
    assert noted == pytest.approx([RATE * TICK] * len(noted))


def test_after_a_long_tick_the_picture_does_not_leap(begin: Begin) -> None:
    show = begin()
    noted = amounts(show)
    show.frame(2)
    show.worker.hold = True
    show.frame(20)
    show.worker.finish()
    show.worker.hold = False
    show.frame()
    assert noted[-1] == pytest.approx(RATE * LONGEST_TICK_S)


def test_freezing_holds_the_tick_in_flight(begin: Begin) -> None:
    show = begin(towards(grey(0.75)))
    show.canvas = grey(0.25)
    show.worker.hold = True
    show.frame(3)
    show.press("space")
    show.frame()
    show.worker.finish()
    show.worker.hold = True
    before = show.frame()
    np.testing.assert_allclose(show.frame(5), before, atol=2)  # the dither differs
    show.press("space")
    assert show.frame(6).mean() > before.mean() + 60


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("detail", [0.0, 1.0])
def test_a_late_direction_lands_where_its_view_has_moved_to(
    detail: float, live: bool, begin: Begin
) -> None:
    size = (64, 36)
    show = begin(size=size, canvas=size, view=size if not detail else (16, 9), live=live)
    show.canvas = grey(0.3, size)
    show.set("ascent.detail", detail)
    show.frame()
    show.flight.controls.set("camera.pan_x", 0.5)
    show.flight.controls.jump()

    def spot(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        """Brighten the middle of the view."""
        direction = np.zeros_like(view)
        height, width = view.shape[:2]
        direction[height // 2 - 2 : height // 2 + 2, width // 2 - 2 : width // 2 + 2] = 5
        return direction

    planner = show.app.ascent_scheduler._planner
    where = View(0.0, 0.0, 1.0) if not detail else View(0.3, 0.1, 0.25, level=2, finest=True)
    planner.next = lambda *given, **named: where  # type: ignore[method-assign]
    show.engine.step = spot
    show.worker.hold = True
    show.frame(4)
    show.worker.finish()
    for frames in range(5, 9):
        picture = show.frame()[..., 1] - 77
        columns = np.arange(64) + 0.5
        weight = picture.sum(0).clip(0)
        centre = float((columns * weight).sum() / weight.sum())
        expected = 32 + where.x * 36 - frames * 0.5 * 64 * TICK
        assert centre == pytest.approx(expected, abs=1.0)
