from __future__ import annotations

from typing import Any

import pytest

from liveflight.supervision.status_lines import StateChanges, in_words, summary


class Show:
    """Heartbeats of a show, one a second."""

    def __init__(self) -> None:
        self.now = 0.0
        self.changes = StateChanges(lambda: self.now)
        self.beat: dict[str, Any] = {"frames": 0, "flash_limited": 0, "asleep": False}

    def hear(self, **news: object) -> list[str]:
        self.now += 1
        self.beat = {**self.beat, **news}
        return [text for _, text in self.changes.lines(self.beat)]


@pytest.fixture
def show() -> Show:
    return Show()


def test_each_change_is_one_line(show: Show) -> None:
    assert show.hear() == []
    assert show.hear(frames=3, preset="reef", network="vgg16", engine="native on cpu") == [
        "first frame",
        "preset: reef",
        "network: vgg16",
        "engine: native on cpu",
    ]
    assert show.hear(frames=9) == []
    assert show.hear(preset="embers") == ["preset: embers"]
    assert show.hear(asleep=True) == ["asleep: outside the opening hours"]
    assert show.hear(asleep=False) == ["awake"]
    assert show.hear(safe=True) == ["the safe look began"]
    assert show.hear(last_error="camera: gone") == ["fault: camera: gone"]
    assert show.hear(last_error="camera: gone") == []


def test_the_flash_limiter_begins_and_ends(show: Show) -> None:
    show.hear(flash_limited=4)
    assert show.hear(flash_limited=9) == []
    for count in (9, 9, 9, 9):
        assert show.hear(flash_limited=count) == []
    assert show.hear(flash_limited=9) == ["the flash limiter ended after 9 frames"]
    assert show.hear(flash_limited=10) == ["the flash limiter began to work"]


def test_a_new_process_has_a_first_frame_again(show: Show) -> None:
    show.hear(frames=5, preset="reef")
    show.changes.begin()
    assert show.hear(frames=1) == ["first frame", "preset: reef"]


def test_many_changes_are_counted(show: Show) -> None:
    lines = [line for number in range(50) for line in show.hear(preset=f"p{number}")]
    assert len(lines) == 30
    show.now += 60
    assert show.hear(preset="q") == ["20 changes of state left out", "preset: q"]


def test_odd_heartbeats_are_harmless(show: Show) -> None:
    show.hear(frames="many", flash_limited=None, asleep="yes", preset=["x"], last_error={"a": 1})
    show.hear(frames=None, flash_limited=3, preset=None)
    assert summary({"frames": "many", "late_by": 3, "uptime_seconds": "x", "restarts": 2})


def test_the_summary_has_what_is_known() -> None:
    status = {
        "uptime_seconds": 3 * 3600 + 720,
        "frames": 12345,
        "fps": 59.94,
        "late": 7,
        "late_by": {"ascent": 5, "control": 2},
        "memory_mib": 812.4,
        "gpu_memory_mib": None,
        "restarts": {"hang": 1, "signal": 2},
        "flash_limited": 0,
    }
    assert summary(status) == (
        "up 3 h 12 min, 12345 frames, 59.9 per second, 7 late, of them 5 ascent, 2 control, "
        "812 MiB of memory, flashes limited in 0 frames, 3 restarts"
    )
    assert summary({}) == "no frame yet"


def test_lengths_of_time() -> None:
    lengths = {0: "0 s", 59.6: "1 min", 3661: "1 h 1 min", 90061: "1 d 1 h", -5: "0 s"}
    assert {seconds: in_words(seconds) for seconds in lengths} == lengths
