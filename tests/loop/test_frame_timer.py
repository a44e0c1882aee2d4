from __future__ import annotations

from liveflight.loop.frame_timer import FrameTimer


def test_parts_add_up_to_the_frame_and_begin_anew_with_it() -> None:
    frame_timer = FrameTimer(lambda: None)
    frame_timer.start()
    for part in ("warp", "ascent", "warp"):
        frame_timer.end(part)
    assert list(frame_timer.seconds) == ["warp", "ascent"]
    assert 0 <= sum(frame_timer.seconds.values()) <= frame_timer.elapsed
    frame_timer.start()
    assert frame_timer.seconds == {}


def test_exact_ones_wait_for_the_gpu() -> None:
    finished: list[int] = []
    frame_timer = FrameTimer(lambda: finished.append(1))
    frame_timer.start()
    frame_timer.end("warp")
    assert not finished
    frame_timer.exact = True
    frame_timer.end("ascent")
    assert len(finished) == 1
