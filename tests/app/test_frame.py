"""The order of a frame."""

from __future__ import annotations

import numpy as np
import pytest
from on_stage import CANVAS, RATE, STEM, TICK, Begin

from liveflight.core.contracts import Ascent, Canvas, KeyPress, Mix, Target
from liveflight.core.noise import first_canvas

pytestmark = pytest.mark.gl


def test_the_first_frame_shows_the_seeds_noise(begin: Begin) -> None:
    show = begin(size=CANVAS, seed=6)
    picture = show.frame()
    np.testing.assert_allclose(picture, seen(first_canvas(CANVAS, 6)), atol=1.5)
    assert show.engine.asked == []


def seen(canvas: Canvas) -> np.ndarray:
    """Return what an output of the canvas's size shows, 0..255: its ends are compressed."""
    away = canvas[..., :3].astype(np.float64) - 0.5
    return 255 * (0.5 + away / (1 + (away / 0.494) ** 4) ** 0.25)


def test_a_frame_takes_messages_moves_ascends_and_shows_in_that_order(begin: Begin) -> None:
    given: list[Canvas] = []

    def lighten(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        given.append(view.copy())
        return np.full_like(view, 1.0)

    show = begin(lighten, size=CANVAS)
    show.frame()
    before = show.canvas
    show.flight.controls.set("camera.pan_x", 1.0)
    show.flight.controls.jump()
    show.set("ascent.steps", 3)
    show.press("space")
    show.stage.waiting.append(KeyPress("space"))
    picture = show.frame()
    # The engine got what there was. All three views together took one frame's step.
    assert len(given) == 3
    np.testing.assert_allclose(given[2][..., :3] * 255.0, seen(before), atol=0.5)
    assert [mix for mix, _ in show.engine.asked] == 3 * [{STEM: 1.0}]
    after = before.astype(np.float64) + RATE * TICK
    np.testing.assert_allclose(show.canvas[..., :3], after[..., :3], atol=2e-3)
    # A sixteenth of 32 pixels to the right.
    np.testing.assert_allclose(picture[:, :-2], seen(after[:, 2:]), atol=1.5)


def test_the_parts_of_a_frame_are_timed(begin: Begin) -> None:
    show = begin()
    show.app.frame_timer.exact = True
    show.frame(3)
    parts = show.app.frame_timer.seconds
    assert list(parts) == [
        *("control", "views", "hand-over", "ascent", "adding", "warp", "measuring"),
        *("present", "show", "publish"),
    ]
    assert all(seconds >= 0 for seconds in parts.values())


def test_steps_that_are_asked_for_by_key_reach_the_engine(begin: Begin) -> None:
    show = begin()
    show.frame(2)
    show.press("right")
    show.frame(40)
    assert show.engine.asked[0][0] == {STEM: 1.0}
    assert show.engine.asked[5][0].keys() == {STEM, Target(STEM.network, STEM.layer, 4)}


def test_those_who_measure_are_told_of_every_frame(begin: Begin) -> None:
    show = begin()
    told: list[tuple[int, int, set[str]]] = []
    show.app.watchers.append(
        lambda: told.append(
            (
                show.app.frame_counter.frames,
                show.app.feedback_loop.ticks,
                {*show.app.frame_timer.seconds},
            )
        )
    )
    show.frame(2)
    show.worker.hold = True
    show.frame(2)
    assert [entry[:2] for entry in told] == [(1, 0), (2, 1), (3, 1), (4, 1)]
    assert "hand-over" in told[2][2] and "ascent" in told[3][2]
    assert show.app.feedback_loop.duration > 0


def test_closing_twice_is_closing(begin: Begin) -> None:
    show = begin()
    show.frame(2)
    for _ in range(2):
        show.app.close()
    assert show.engine.closed and show.stage.closed
