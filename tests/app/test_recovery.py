"""A failing engine ends no show."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fake_engine import FakeEngine
from in_flight import settle
from on_stage import CANVAS, STEM, Begin, grey, hud, towards

from liveflight.core.camera import is_identity
from liveflight.core.contracts import Ascent, Canvas, LiveflightError, Mix
from liveflight.core.noise import first_canvas
from liveflight.outputs.sinks.example import ExampleSink
from liveflight.outputs.sinks.frame_sink import Picture
from liveflight.show.flight import NetworkLoader

pytestmark = pytest.mark.gl


@pytest.mark.parametrize("live", [False, True])
def test_directions_that_are_not_finite_leave_the_picture_which_moves_on(
    live: bool, begin: Begin
) -> None:
    def burst(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        raise FloatingPointError("the directions are not finite")

    show = begin(burst, size=CANVAS, live=live)
    show.flight.controls.set("camera.pan_x", 1.0)
    show.flight.controls.jump()
    before = show.frame(2)
    after = show.frame(4)  # each to the right by a sixteenth of 32 pixels
    np.testing.assert_allclose(after[:, :-8], before[:, 8:], atol=2)  # the dither differs
    (text,) = show.flight.reports.counts
    assert text == "the directions are not finite: the picture stays as it is"
    show.engine.step = lambda view, *_: np.ones_like(view)
    mean = show.canvas.mean()
    show.frame(8)
    assert show.canvas.mean() > mean + 0.05, "it grows again"


@pytest.mark.parametrize("live", [False, True])
def test_a_canvas_that_is_not_finite_starts_again_from_noise(live: bool, begin: Begin) -> None:
    show = begin(seed=3, live=live)
    show.frame(2)
    show.canvas = grey(np.inf)
    show.frame(2)  # what was measured in one frame is known in the next
    assert show.flight.reports.counts == {"the picture is not finite: starting again from noise": 1}
    np.testing.assert_array_equal(show.canvas, first_canvas(CANVAS, 4))
    show.frame(4)
    assert np.isfinite(show.canvas).all()
    assert sum(show.flight.reports.counts.values()) == 1


def failing(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
    raise RuntimeError("out of memory")


def test_a_failing_engine_is_reported_once_and_the_picture_still_moves(
    begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    show = begin(failing)
    show.set("camera.pan_x", 1.0)
    pictures = [show.frame(4) for _ in range(4)]
    for before, after in itertools.pairwise(pictures):
        assert np.abs(after - before).mean() > 1
    assert [record.message for record in caplog.records] == ["an ascent step failed: out of memory"]
    assert show.flight.reports.counts == {"an ascent step failed: out of memory": 4}
    show.engine.step = towards(grey(0.25))
    np.testing.assert_allclose(show.frame(30), 64, atol=2)


def test_a_render_does_not_go_on_with_a_failing_engine(begin: Begin) -> None:
    show = begin(failing, live=False)
    show.frame()
    with pytest.raises(LiveflightError, match=r"an ascent step failed: .*out of memory"):
        show.frame()


def test_an_engine_cannot_spoil_the_canvas_it_was_given(begin: Begin) -> None:
    def spoil(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        canvas[:] = np.nan
        raise RuntimeError("midway")

    show = begin(spoil)
    show.frame(3)
    assert np.isfinite(show.canvas).all()


def test_while_the_network_is_loading_the_noise_waits(begin: Begin) -> None:
    engine = FakeEngine()
    engine.gate.clear()
    show = begin(engine=engine, loader=NetworkLoader(lambda: engine, background=True))
    show.flight.controls.set("camera.pan_x", 1.0)
    show.flight.controls.jump()
    before = show.canvas.tobytes()
    show.frame(3)
    assert show.canvas.tobytes() == before
    assert is_identity(show.app.feedback_loop.shown)
    assert f"waiting\tpreparing {STEM} ..." in hud(show.app)
    assert show.engine.asked == []
    show.engine.gate.set()
    for _ in ("loaded", "planned"):
        settle(show.flight.loader)
        show.frame()
    assert len(show.engine.asked) == 1
    assert not is_identity(show.app.feedback_loop.shown)


class FullDisk(ExampleSink):
    name = "the full disk"
    tries = 0

    def write(self, picture: Picture) -> None:
        self.tries += 1
        raise LiveflightError("no space left")


def test_a_failing_sink_stops_neither_the_show_nor_another_sink(begin: Begin) -> None:
    show = begin()
    broken, good = FullDisk(show.stage.size), ExampleSink(show.stage.size)
    show.app.sinks = [broken, good]
    for _ in range(8):
        good.close()
        shown = show.frame()
        assert good.last is not None
        np.testing.assert_array_equal(good.last, shown)
    assert show.flight.reports.counts == {"no space left": broken.tries}
    assert 1 < broken.tries < 8  # left out for a while, then tried again


def test_a_failing_sink_ends_a_render(begin: Begin) -> None:
    show = begin(live=False)
    show.app.sinks = [FullDisk(show.stage.size)]
    with pytest.raises(LiveflightError, match="no space left"):
        show.frame()
