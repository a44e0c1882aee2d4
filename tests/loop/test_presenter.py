from __future__ import annotations

import moderngl
import numpy as np
import pytest
from fake_engine import FakeEngine
from on_stage import Show, Stage

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
