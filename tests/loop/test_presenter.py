from __future__ import annotations

import moderngl
import numpy as np
import pytest
from fake_engine import FakeEngine
from on_stage import Show, Stage, rises, sunrise

pytestmark = pytest.mark.gl


@pytest.mark.parametrize("bottom_up", [False, True])
def test_a_frame_is_what_the_output_shows_at_any_size(
    ctx: moderngl.Context, engine: FakeEngine, bottom_up: bool
) -> None:
    stage = Stage(ctx, (64, 36), bottom_up)
    show = Show(stage, engine)
    try:
        for size in ((64, 36), (37, 23)):  # rows of 111 bytes: no padding may get in
            stage.size = size
            show.frame(2)
            frame = show.app.presenter.frame(stage)
            assert frame.shape == (*size[::-1], 3) and frame.dtype == np.uint8
            np.testing.assert_array_equal(frame, stage.shown[-1])
            assert frame.std() > 0
    finally:
        show.app.close()


class Watcher:
    """A viewer that wants a picture when a test says so."""

    def __init__(self) -> None:
        self.wanted = False
        self.pictures: list[np.ndarray] = []

    def begin(self) -> None:
        self.wanted = False

    def deliver(self, picture: np.ndarray) -> None:
        self.pictures.append(picture)


def test_a_viewer_gets_a_picture_when_it_wants_one_and_no_other(
    ctx: moderngl.Context, engine: FakeEngine
) -> None:
    show = Show(Stage(ctx, (64, 36), bottom_up=True), engine)
    try:
        viewer = show.app.presenter.viewer = Watcher()
        show.set("show.hud", True)
        show.canvas = sunrise()
        show.frame(3)
        assert viewer.pictures == []
        viewer.wanted = True
        show.frame(4)
        (picture,) = viewer.pictures
        assert rises(picture), "upright, and without the HUD"
        show.set("show.blackout", True)
        show.frame(12)
        viewer.wanted = True
        show.frame(2)
        assert viewer.pictures[1].max() == 0, "as the audience sees it"
        assert not show.flight.reports.counts
    finally:
        show.app.close()
