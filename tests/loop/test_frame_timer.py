from __future__ import annotations

from liveflight.loop.frame_timer import FrameTimer


def test_parts_add_up_to_the_frame_and_begin_anew_with_it() -> None:
    laps = FrameTimer(lambda: None)
    laps.start()
    for part in ("warp", "ascent", "warp"):
        laps.end(part)
    assert list(laps.seconds) == ["warp", "ascent"]
    assert 0 <= sum(laps.seconds.values()) <= laps.elapsed
    laps.start()
    assert laps.seconds == {}


def test_exact_ones_wait_for_the_gpu() -> None:
    finished: list[int] = []
    laps = FrameTimer(lambda: finished.append(1))
    laps.start()
    laps.end("warp")
    assert not finished
    laps.exact = True
    laps.end("ascent")
    assert len(finished) == 1
