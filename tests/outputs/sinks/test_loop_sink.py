from __future__ import annotations

import tempfile
from contextlib import closing

import moderngl
import numpy as np
import pytest
from flash_meter import judged
from flashing import frames, square
from kept_frames import KeptFrames

from liveflight.core.contracts import LiveflightError
from liveflight.core.loop_plan import LoopPlan
from liveflight.outputs.sinks.loop_sink import LoopSink
from liveflight.render.picture_limiter import PictureLimiter

PLAN = LoopPlan(10, 3)


def frame(value: int) -> np.ndarray:
    return np.full((4, 6, 3), value, np.uint8)


def test_only_the_loop_is_passed_on_and_its_end_meets_its_beginning() -> None:
    kept = KeptFrames()
    with LoopSink(kept, PLAN) as sink:
        for number in range(PLAN.total):
            sink.write(frame(number))
            index = PLAN.ending(number)
            assert (sink.ending is None) == (index is None)
            if sink.ending:
                assert sink.ending.index == index
                assert (sink.ending.shown == number).all()
                assert (sink.ending.wanted == number - PLAN.frames).all()
        assert (sink.frames, sink.written) == (PLAN.total, PLAN.frames)
    values = [int(each[0, 0, 0]) for each in kept.pictures]
    before_end = list(range(PLAN.first, PLAN.total - PLAN.overlap))
    assert values[: len(before_end)] == before_end
    assert values[-1] == PLAN.first - 1, "the frame before the first"


def test_a_full_disk_is_named() -> None:
    with LoopSink(KeptFrames(), PLAN) as sink:
        for _ in range(PLAN.first - PLAN.overlap):
            sink.write(frame(0))

        class Full:
            def write(self, data: bytes) -> None:
                raise OSError(28, "No space left on device")

            def close(self) -> None:
                pass

        kept, sink._kept = sink._kept, Full()  # type: ignore[assignment]
        kept.close()
        with pytest.raises(LiveflightError, match=f"in {tempfile.gettempdir()}: no space left"):
            sink.write(frame(0))


@pytest.mark.gl
def test_an_end_that_is_blended_flashes_no_more_than_its_parts(ctx: moderngl.Context) -> None:
    plan, limiter = LoopPlan(10.25, 12), PictureLimiter(ctx, 12)
    plain, limited = KeptFrames(), KeptFrames()
    with closing(limiter), LoopSink(plain, plan) as one, LoopSink(limited, plan) as other:
        other.limited = limiter.limited
        for picture in frames(square(3, 0.1, 0.8), plan.total / plan.fps, plan.fps):
            one.write(picture[::3, ::3])
            other.write(picture[::3, ::3])
    assert not judged(iter(plain.pictures), 12).passes
    assert judged(iter(limited.pictures), 12).passes
    beginning = zip(plain.pictures[:-8], limited.pictures[:-8], strict=True)
    assert all(np.array_equal(*both) for both in beginning)
