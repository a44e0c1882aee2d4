"""The governor and the memory choose views and canvas."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from handmade import ByHand
from on_stage import CANVAS, STEM, TICK, Begin, hud

from liveflight.core.contracts import (
    Ascent,
    Canvas,
    LiveflightError,
    Mix,
    OutOfMemoryError,
    Value,
)
from liveflight.core.mailbox import Query
from liveflight.show import options as flight_options

pytestmark = pytest.mark.gl


def test_what_the_governor_chose_is_told(begin: Begin) -> None:
    show = begin()
    show.set("ascent.steps", 3)
    show.frame(2)
    answers: list[Value] = []
    show.app.mailbox.put(Query("show.effort", answers.append))
    show.frame()
    assert answers == ["3 of 3 views, at 1, canvas 1"]


def test_an_ascent_too_slow_gets_fewer_views_and_then_smaller_ones(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight_options, "SMALLEST_SIDE_PX", 8)
    show = begin()
    show.set("ascent.steps", 3)
    show.frame(2)
    show.app.feedback_loop.worker = slow = Slow()
    for _ in range(100):
        show.frame()
    assert slow.taken[0] == 3 and slow.taken[-1] == 1
    assert show.flight.target_selector.size == (22, 12)
    assert show.app.feedback_loop.size == CANVAS, "the canvas costs drawing alone"
    assert show.app.frame_pacer.effort == "1 of 3 views, at 0.71, canvas 1"
    assert "\tpicture reduced to keep 16/s" in hud(show.app)
    assert (frozenset({("efficientnet_lite0", "stem")}), (22, 12)) in show.engine.plans
    show.set("show.governor", False)
    show.frame(2)
    assert show.flight.target_selector.size == CANVAS
    assert slow.taken[-1] == 3
    assert not any("reduced" in line for line in hud(show.app))


class Slow(ByHand):
    """Says that every view of full size took a quarter of a second."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[int] = []

    def submit(self, job: Callable[[], tuple[Canvas, float]]) -> None:
        self.taken.append(len(job.args[2]))  # type: ignore[attr-defined]

        def pretended() -> tuple[Canvas, float]:
            directions, _ = job()
            return directions, 0.27 * directions.shape[0] * directions.shape[1] / (32 * 18)

        super().submit(pretended)


def test_a_render_takes_every_view_at_full_size(begin: Begin) -> None:
    show = begin(live=False)
    show.app.feedback_loop.worker = slow = Slow()
    show.set("ascent.steps", 3)
    show.frame(60)
    assert slow.taken[-1] == 3
    assert show.flight.target_selector.size == show.app.feedback_loop.size == CANVAS


@pytest.mark.parametrize("trouble", [OutOfMemoryError("too large"), MemoryError("too large")])
def test_out_of_memory_makes_views_smaller_and_the_flight_goes_on(
    trouble: Exception, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight_options, "SMALLEST_SIDE_PX", 8)

    def greedy(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        if canvas.shape[1] > 24:
            raise trouble
        return np.zeros_like(canvas)

    show = begin(greedy)
    for _ in range(8):
        assert show.frame().mean() > 30, "no frame is black"
    assert show.flight.reports.counts == {"too large: going on with smaller views": 2}
    assert show.flight.target_selector.size == (22, 12)
    assert show.app.feedback_loop.size == CANVAS
    assert [mix for mix, _ in show.engine.asked][-1] == {STEM: 1.0}
    show.set("show.governor", False)
    show.frame(60)
    assert show.flight.target_selector.size == (22, 12), "it does not fit, whoever asks for it"


def test_where_nothing_is_small_enough_the_picture_moves_on(begin: Begin) -> None:
    def greedy(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        raise OutOfMemoryError("too large")

    show = begin(greedy)
    show.set("camera.pan_x", 1.0)
    pictures = [show.frame(4) for _ in range(5)]
    for before, after in itertools.pairwise(pictures):
        assert np.abs(after - before).mean() > 1
    assert show.flight.reports.last == "too large"


def test_a_render_does_not_go_on_without_memory(begin: Begin) -> None:
    def greedy(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        raise OutOfMemoryError("too large for this device: try a smaller --view")

    show = begin(greedy, live=False)
    show.frame()
    with pytest.raises(LiveflightError, match=r"try a smaller --view"):
        show.frame()


def test_where_a_smaller_canvas_is_in_time_late_frames_get_it_until_there_is_room(
    begin: Begin,
) -> None:
    show = begin(size=(256, 144), canvas=None)
    show.frame(2)
    for _ in range(30):
        if show.app.feedback_loop.size[0] > 200:
            show.now += TICK  # twice as long as wanted
        show.frame()
    assert show.app.feedback_loop.size == (152, 84)
    assert show.flight.target_selector.size == CANVAS, "views cost the display nothing"
    assert show.app.frame_pacer.effort == "1 of 1 views, at 1, canvas 0.59"
    show.frame(round(20 / TICK))
    assert show.app.feedback_loop.size == (256, 144)
    assert not show.flight.reports.counts


def test_a_smaller_canvas_that_does_not_help_is_taken_back(begin: Begin) -> None:
    show = begin(size=(256, 144), canvas=None)
    sizes = set()
    for _ in range(100):
        show.now += TICK
        show.frame()
        sizes.add(show.app.feedback_loop.size)
    assert len(sizes) > 1
    assert show.app.feedback_loop.size == (256, 144)


def test_without_the_governor_late_frames_keep_the_canvas(begin: Begin) -> None:
    show = begin(size=(256, 144), canvas=None)
    show.set("show.governor", False)
    for _ in range(40):
        show.now += TICK
        show.frame()
    assert show.app.feedback_loop.size == (256, 144)
