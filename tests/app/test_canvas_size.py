"""The canvas follows the output, and each view has the mix of its place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from on_stage import CANVAS, STEM, TICK, Begin, Show, sunrise

from liveflight.core.contracts import Ascent, Canvas, Mix, Target, Value

pytestmark = pytest.mark.gl

SETTLED = round(0.5 / TICK) + 1
"""Frames of one size after which the canvas follows."""


def test_the_canvas_follows_the_output_once_that_has_settled(begin: Begin) -> None:
    show = begin(size=(96, 64), canvas=None, bottom_up=True)
    show.canvas = sunrise((96, 64))
    before = show.frame(2)
    show.stage.size = (192, 128)
    show.frame(SETTLED - 1)
    assert show.app.feedback_loop.size == (96, 64)
    show.frame()
    assert show.app.feedback_loop.size == (192, 128)
    after = show.frame()
    halved = after.reshape(64, 2, 96, 2, 3).mean((1, 3))
    assert np.abs(halved - before).mean() < 2, "it is the same picture"
    assert not show.flight.reports.counts


def test_while_the_output_is_dragged_the_canvas_waits(begin: Begin) -> None:
    show = begin(size=(96, 64), canvas=None)
    show.frame(2)
    for step in range(1, 6):
        show.stage.size = (96 + 8 * step, 64 + 4 * step)
        show.frame(SETTLED - 1)  # a hand that rests for a moment
        assert show.app.feedback_loop.size == (96, 64)
        assert len(show.engine.asked) == len(show.stage.shown) - 1, "the ascent goes on"
    show.stage.size = (96, 64)
    show.frame(2 * SETTLED)
    assert show.app.feedback_loop.size == (96, 64)


@pytest.mark.parametrize("size", [(1, 1), (120, 1)])
def test_a_window_that_is_hardly_there_keeps_the_flight_up(
    size: tuple[int, int], begin: Begin
) -> None:
    show = begin(size=(96, 64), canvas=None)
    for each in (size, (96, 64)):
        show.stage.size = each
        show.frame(2 * SETTLED)
    assert show.app.feedback_loop.size == (96, 64)
    assert len(show.engine.asked) == 4 * SETTLED - 1
    assert not show.flight.reports.counts


def test_a_canvas_that_was_asked_for_follows_nothing(begin: Begin) -> None:
    show = begin(size=(96, 64))
    show.stage.size = (192, 128)
    show.frame(2 * SETTLED)
    assert show.app.feedback_loop.size == CANVAS


def test_a_tick_in_flight_lands_on_the_new_canvas(begin: Begin) -> None:
    show = begin(lambda view, *_: np.ones_like(view), size=(96, 64), canvas=None)
    show.frame(2)
    show.worker.hold = True
    show.frame()
    before = float(show.canvas[..., :3].mean())
    show.stage.size = (192, 128)
    show.frame(SETTLED)
    assert show.app.feedback_loop.size == (192, 128)
    show.worker.finish()
    show.worker.hold = False
    show.frame(20)
    assert show.canvas[..., :3].mean() > before + 0.1
    assert not show.flight.reports.counts


CORNERS = [Target(STEM.network, STEM.layer, number) for number in (2, 5, 11, 3)]
"""Bottom left, bottom right, top left, top right."""


def on_pad(begin: Begin, settings: Mapping[str, Value], drawn: int = 0) -> tuple[Show, list[Mix]]:
    """Begin on the pad, on a canvas four times as large as a view; one corner's target is drawn.

    Return the show, and the mixes of the views from then on."""
    mixes: list[Mix] = []

    def reveal(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        mixes.append(mix)
        return np.full_like(view, mix.get(CORNERS[drawn], 0.0))

    show = begin(reveal, size=(64, 36), canvas=(128, 72))
    for name, corner in zip("abcd", CORNERS, strict=True):
        show.set(f"pad.{name}", str(corner))
    settings = {"mix.crossfade": 0.0, "pad.on": True, "ascent.detail": 1.0, **settings}
    for key, value in settings.items():
        show.set(key, value)
    show.frame()
    show.flight.controls.jump()
    show.frame(2)
    mixes.clear()
    return show, mixes


@pytest.mark.parametrize("number", range(4))
def test_with_spread_each_corner_of_the_picture_grows_its_own_target(
    number: int, begin: Begin
) -> None:
    show, mixes = on_pad(begin, {"pad.spread": 1.0, "ascent.steps": 4}, number)
    before = show.canvas.astype(np.float64)
    show.frame(30)
    grown = (show.canvas.astype(np.float64) - before)[..., :3].mean(-1)
    left, right, top, bottom = slice(32), slice(-32, None), slice(18), slice(-18, None)
    places = [(bottom, left), (bottom, right), (top, left), (top, right)]
    means = [float(grown[place].mean()) for place in places]
    own = means.pop(number)
    assert own > 0.02 and max(means) < own / 4
    assert len({tuple(mix.values()) for mix in mixes}) > 50
    assert all(sum(mix.values()) == pytest.approx(1) for mix in mixes)


def test_without_spread_every_view_has_the_pads_mix(begin: Begin) -> None:
    show, mixes = on_pad(begin, {"pad.x": 1.0, "pad.y": 0.0})
    show.frame(20)
    assert len(mixes) == 20
    assert all(mix[CORNERS[1]] == pytest.approx(1, abs=1e-3) for mix in mixes)
    assert {tuple(mix.values()) for mix in mixes} == {tuple(show.flight.mix().values())}


def test_with_spread_a_views_mix_is_that_of_its_middle(begin: Begin) -> None:
    show, mixes = on_pad(begin, {"pad.spread": 0.5})
    places: list[tuple[float, float]] = []
    planner = show.app.ascent_scheduler._planner
    choose = planner.next

    def noting(*given: object, **named: object):  # type: ignore[no-untyped-def]
        view = choose(*given, **named)  # type: ignore[arg-type]
        places.append((view.x / (128 / 72) + 0.5, view.y + 0.5))
        return view

    planner.next = noting  # type: ignore[method-assign]
    show.frame(20)
    assert len(places) == len(mixes) == 20
    for mix, place in zip(mixes, places, strict=True):
        assert mix == pytest.approx(show.flight.preset_player.mix_at(*place))
