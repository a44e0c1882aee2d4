"""When a tick begins within a frame, and what it is given."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import moderngl
import numpy as np
import pytest
from fake_engine import FakeEngine
from handmade import ByHand
from in_flight import STEM

from liveflight.core.ascent import LONGEST_TICK_S
from liveflight.core.camera import IDENTITY
from liveflight.core.contracts import (
    Ascent,
    Canvas,
    LiveflightError,
    Mix,
    OutOfMemoryError,
    Size,
    Warp,
)
from liveflight.core.fault_guard import FaultGuard
from liveflight.core.noise import opaque
from liveflight.core.view_planner import ViewPlanner
from liveflight.core.views import View
from liveflight.loop.ascent_scheduler import AscentScheduler
from liveflight.loop.feedback_loop import FeedbackLoop
from liveflight.loop.frame_pacer import FramePacer
from liveflight.loop.frame_timer import FrameTimer
from liveflight.show.flight import Flight
from liveflight.show.options import Options
from liveflight.system.worker import Worker

LEFT = 0.030
"""Seconds that every frame here has for the ascent."""


class FakeLoop:
    """Whose ticks arrive at once, after as long as is said."""

    def __init__(self) -> None:
        self.ticking, self.duration, self.steps, self.since = False, 0.0, 1, 0.0
        self.ranks = 1

    def collect_result(self, timeout: float) -> bool:
        self.ticking = False
        return True


def ticks_of(feedback_loop: FakeLoop) -> AscentScheduler:
    frame_pacer = SimpleNamespace(
        ascent_time_left=lambda elapsed: LEFT, ticked=lambda duration, steps: None
    )
    frame_timer = SimpleNamespace(elapsed=0.0)
    parts = cast("Any", (SimpleNamespace(), feedback_loop, frame_pacer, frame_timer))
    guard = FaultGuard(lambda trouble, cause=None: None, live=True)
    return AscentScheduler(*parts, lambda: None, guard, ViewPlanner(0))


def arrive(ticks: AscentScheduler, feedback_loop: FakeLoop, duration: float) -> None:
    feedback_loop.ticking, feedback_loop.duration = True, duration
    ticks.await_tick()


def test_a_frame_leaves_time_for_a_slow_tick() -> None:
    """Or every other one would just miss its frame, and be seen a frame later."""
    feedback_loop = FakeLoop()
    ticks = ticks_of(feedback_loop)
    assert ticks.spare() == LEFT
    for duration in (0.010, 0.012, 0.009, 0.010):
        arrive(ticks, feedback_loop, duration)
    assert 0.0105 < LEFT - ticks.spare() < 0.012


def test_a_single_slow_tick_is_forgotten() -> None:
    feedback_loop = FakeLoop()
    ticks = ticks_of(feedback_loop)
    arrive(ticks, feedback_loop, 0.2)
    assert ticks.spare() < 0
    for _ in range(120):
        arrive(ticks, feedback_loop, 0.010)
    assert ticks.spare() == pytest.approx(LEFT - 0.010)


def test_one_in_flight_is_waited_for_as_long_as_there_is_time() -> None:
    feedback_loop = FakeLoop()
    ticks = ticks_of(feedback_loop)
    arrive(ticks, feedback_loop, 0.010)
    feedback_loop.ticking = True
    assert ticks.spare() == LEFT


def test_a_warp_of_the_canvas_moves_the_planner_s_maps() -> None:
    feedback_loop = FakeLoop()
    ticks = ticks_of(feedback_loop)
    assert cast("Any", feedback_loop).on_warp == ticks._planner.moved


# With a canvas

CANVAS, VIEW = (160, 90), (40, 24)
DT = 1 / 32


class Begun(FeedbackLoop):
    """One that remembers what its ticks were given."""

    given: list[tuple[list[tuple[View, Mix]], Ascent, float, Size]]

    def begin(
        self,
        engine: Any,
        views: Sequence[tuple[View, Mix]],
        ascent: Ascent,
        amount: float,
        size: Size,
    ) -> None:
        self.given.append((list(views), ascent, amount, size))
        super().begin(engine, views, ascent, amount, size)


class Scheduled:
    """A scheduler with all its parts but a display."""

    def __init__(self, ctx: moderngl.Context, flight: Flight) -> None:
        self.flight = flight
        worker: Any = ByHand()
        noise: Worker[Canvas] = Worker(background=False)
        self.loop = Begun(ctx, CANVAS, 0, worker, noise, lambda part: None)
        self.loop.given = []
        options = Options(canvas=CANVAS, view=VIEW, fps=1 / DT)
        self.pacer = FramePacer(flight, options, CANVAS, live=True)
        self.guard = FaultGuard(lambda text, cause=None: flight.reports.add(text), live=True)
        self.ticks = AscentScheduler(
            *(flight, self.loop, self.pacer, FrameTimer(lambda: None)),
            *(lambda: None, self.guard, ViewPlanner(0)),
        )

    def frame(self, warp: Warp = IDENTITY, dt: float = DT) -> None:
        self.ticks.fit(CANVAS)
        began = self.ticks.await_tick()
        self.loop.move(warp, dt)
        self.ticks.ascend(dt, began)

    @property
    def views(self) -> list[View]:
        return [view for views, *_ in self.loop.given for view, _ in views]


@pytest.fixture
def scheduled(ctx: moderngl.Context, flight: Flight) -> Iterator[Scheduled]:
    flight.controls.set("camera.zoom", 1.0)
    flight.controls.jump()
    scheduled = Scheduled(ctx, flight)
    yield scheduled
    scheduled.loop.close()


@pytest.mark.gl
def test_a_tick_has_as_many_views_as_are_asked_for_each_of_another_place(
    scheduled: Scheduled,
) -> None:
    controls = scheduled.flight.controls
    controls.set("ascent.steps", 3)
    for _ in range(20):
        scheduled.frame()
    assert scheduled.loop.ticks == 20
    assert {len(views) for views, *_ in scheduled.loop.given} == {3}
    assert {size for *_, size in scheduled.loop.given} == {VIEW}
    assert len(set(scheduled.views)) == 60
    assert {view.level for view in scheduled.views} == {0, 1, 2}
    assert {frozenset(mix) for views, *_ in scheduled.loop.given for _, mix in views} == {
        frozenset({STEM})
    }


@pytest.mark.gl
def test_a_tick_moves_the_picture_by_the_seconds_since_the_last(scheduled: Scheduled) -> None:
    controls = scheduled.flight.controls
    controls.set("ascent.rate", 0.8)
    controls.jump()
    for dt in (DT, 2 * DT, 10.0, DT):
        scheduled.frame(dt=dt)
    amounts = [amount for _, _, amount, _ in scheduled.loop.given]
    seconds = [DT, 2 * DT, LONGEST_TICK_S, DT]
    assert amounts == pytest.approx([0.8 * each for each in seconds])


@pytest.mark.gl
def test_without_views_no_tick_begins(scheduled: Scheduled) -> None:
    scheduled.flight.controls.set("ascent.steps", 0)
    for _ in range(3):
        scheduled.frame()
    assert scheduled.loop.ticks == 0 and not scheduled.loop.given


@pytest.mark.gl
def test_what_is_folded_over_is_not_looked_at(scheduled: Scheduled) -> None:
    scheduled.flight.controls.set("ascent.detail", 1.0)
    scheduled.flight.controls.jump()
    mirrored = Warp(IDENTITY.matrix, mirror_x=True)
    for _ in range(60):
        scheduled.frame(mirrored)
    parts = [view for view in scheduled.views if view.level]
    assert len(parts) > 40
    assert max(view.x for view in parts) < 0.05


@pytest.mark.gl
def test_with_the_pad_spread_views_carry_the_mix_of_their_place(
    scheduled: Scheduled, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, float]] = []

    def mix_at(x: float, y: float) -> Mix:
        asked.append((x, y))
        return {STEM: 1.0}

    monkeypatch.setattr(scheduled.flight.preset_player, "mix_at", mix_at)
    for _ in range(60):
        scheduled.frame()
    aspect = CANVAS[0] / CANVAS[1]
    for view, (x, y) in zip(scheduled.views, asked, strict=True):
        assert (x, y) == pytest.approx((view.x / aspect + 0.5, view.y + 0.5))
    assert min(x for x, _ in asked) < 0.2 and max(y for _, y in asked) > 0.8


@pytest.mark.gl
def test_a_step_that_does_not_fit_into_memory_makes_views_smaller(
    scheduled: Scheduled, engine: FakeEngine
) -> None:
    sizes: list[Size] = []

    def step(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        sizes.append((view.shape[1], view.shape[0]))
        if view.shape[1] > 120:
            raise OutOfMemoryError("no memory")
        return np.zeros_like(view)

    engine.step = step
    scheduled.pacer._options = Options(canvas=CANVAS, view=(160, 90), fps=1 / DT)
    for _ in range(12):
        scheduled.frame()
    assert sizes[0] == (160, 90) and sizes[-1] == (114, 64)
    assert any("smaller views" in text for text in scheduled.flight.reports.counts)


@pytest.mark.gl
def test_views_without_room_are_told_and_the_flight_goes_on(
    scheduled: Scheduled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stack(size: Size, count: int) -> None:
        raise LiveflightError("view: no room")

    scheduled.frame()
    monkeypatch.setattr(scheduled.loop._views, "stack", stack)
    for _ in range(3):
        scheduled.frame()
    assert scheduled.loop.ticks == 1
    assert "view: no room" in scheduled.flight.reports.counts


@pytest.mark.gl
def test_a_canvas_without_room_gets_smaller(
    scheduled: Scheduled, monkeypatch: pytest.MonkeyPatch
) -> None:
    resize, tried = scheduled.loop.renderer.resize, []

    def refused(size: Size) -> None:
        tried.append(size)
        if size[0] > 240:
            raise LiveflightError("canvas: no room")
        resize(size)

    monkeypatch.setattr(scheduled.loop.renderer, "resize", refused)
    scheduled.pacer._options = Options(view=VIEW, fps=1 / DT)
    scheduled.pacer._output = (320, 180)
    for _ in range(6):
        scheduled.ticks.fit((320, 180))
    assert [size[0] for size in tried] == [320, 268, 228]
    assert scheduled.loop.size == (228, 128)
    assert any(text.startswith("canvas: no room") for text in scheduled.flight.reports.counts)


@pytest.mark.gl
def test_a_picture_that_is_not_finite_is_told_and_starts_again(scheduled: Scheduled) -> None:
    scheduled.frame()
    scheduled.loop.renderer.texture.write(opaque(np.full((90, 160, 3), math.nan)).tobytes())
    for _ in range(4):
        scheduled.frame()
    [text] = [text for text in scheduled.flight.reports.counts if "finite" in text]
    assert text == "the picture is not finite: starting again from noise"
    assert np.isfinite(
        np.frombuffer(scheduled.loop.renderer.texture.read(), np.float16).astype(float)
    ).all()
