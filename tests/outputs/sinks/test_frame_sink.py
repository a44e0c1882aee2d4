"""Every sink keeps the contract of `FrameSink`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.core.loop_plan import LoopPlan
from liveflight.outputs.sinks.example import ExampleLiveSink, ExampleSink
from liveflight.outputs.sinks.frame_sink import FrameSink, Picture
from liveflight.outputs.sinks.live_recording import LiveRecording
from liveflight.outputs.sinks.live_sink import LiveSink
from liveflight.outputs.sinks.loop_sink import LoopSink
from liveflight.outputs.sinks.ndi import NdiSender
from liveflight.outputs.sinks.png_folder import PngFolder
from liveflight.outputs.sinks.screenshots import Screenshots
from liveflight.outputs.sinks.stream import Stream
from liveflight.outputs.sinks.video_file import VideoFile
from liveflight.outputs.sinks.virtual_camera import VirtualCamera

SIZE = WIDTH, HEIGHT = 64, 48
Open = Callable[[], FrameSink]


def pictures(sink: FrameSink, count: int) -> Iterator[Picture]:
    """Different pictures in the same memory, as a render gives them, or in new memory if live."""
    memory = np.empty((HEIGHT, WIDTH, sink.channels), np.uint8)
    for number in range(count):
        memory = np.empty_like(memory) if isinstance(sink, LiveSink) else memory
        memory[:] = 40 * number
        yield memory


@pytest.fixture(
    params=[
        *("video", "pictures", "screenshots", "screenshots beside", "example", "loop"),
        *("live example", "live recording", "stream", "ndi", "virtual camera"),
    ]
)
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setattr(platformdirs, "user_pictures_path", lambda: tmp_path)
    monkeypatch.setattr(platformdirs, "user_videos_path", lambda: tmp_path)
    kinds: dict[str, Open] = {
        "video": lambda: VideoFile(tmp_path / "a.mp4", SIZE, 30),
        "pictures": lambda: PngFolder(tmp_path / "a", SIZE),
        "screenshots": lambda: Screenshots(background=False),
        "screenshots beside": lambda: Screenshots(background=True),
        "example": lambda: ExampleSink(SIZE),
        "loop": lambda: LoopSink(ExampleSink(SIZE), LoopPlan(2, 2)),
        "live example": ExampleLiveSink,
        "live recording": lambda: LiveRecording(30),
        "stream": lambda: Stream("udp://127.0.0.1:9", 30),
        "ndi": lambda: NdiSender("liveflight-test", 30),
        "virtual camera": lambda: VirtualCamera("/dev/video-none", 30),
    }
    return kinds[request.param]


def test_it_takes_pictures_of_one_size_leaves_them_alone_and_has_a_name(opened: Open) -> None:
    with opened() as sink:
        for number, picture in enumerate(pictures(sink, 3)):
            with suppress(LiveflightError):  # a screenshot is still being saved
                sink.write(picture)
            assert (picture == 40 * number).all()
        assert sink.name != FrameSink.name


def test_it_closes_twice_with_and_without_pictures(opened: Open, tmp_path: Path) -> None:
    for written in (0, 1):
        sink = opened()
        for picture in pictures(sink, written):
            sink.write(picture)
        sink.close()
        sink.close()


def test_it_closes_when_the_flight_is_stopped_and_lets_the_cause_through(opened: Open) -> None:
    sink = opened()
    with pytest.raises(ZeroDivisionError), sink:
        sink.write(next(pictures(sink, 1)))
        raise ZeroDivisionError
    sink.close()
