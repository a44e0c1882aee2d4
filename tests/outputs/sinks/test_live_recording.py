"""Recording a show while it is played."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import numpy as np
import platformdirs
import psutil
import pytest
from full_disk import NEEDS_DEV_FULL, use_ffmpeg_on_a_full_disk
from moving_pictures import picture
from received import FFMPEG, FPS, Clock, decoded, described, show

from liveflight.outputs.sinks.live_recording import LiveRecording

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")


@pytest.fixture(autouse=True)
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(platformdirs, "user_videos_path", lambda: tmp_path)
    yield tmp_path / "liveflight"


def test_a_recording_holds_what_was_shown_and_is_named_by_the_time(videos: Path) -> None:
    clock = Clock()
    with closing(LiveRecording(FPS, clock=clock)) as recording:
        assert not videos.exists(), "nothing is written before the first picture"
        show(recording, clock, range(65))
        assert recording.status_lines() == ["recording 0:02"]
        assert [path.suffixes[-2:] for path in videos.iterdir()] == [[".unfinished", ".mp4"]]
    (saved,) = recording.saved
    assert saved.parent == videos
    assert time.strptime(saved.name, "%Y-%m-%d %H.%M.%S.mp4")
    assert list(videos.iterdir()) == [saved]
    found = decoded(saved)
    assert found.numbers == list(range(65))
    assert min(found.similarities) > 0.95
    assert "yuvj420p(pc, bt709/bt709/iec61966-2-1" in described(saved)
    assert "Duration: 00:00:02.17" in described(saved)


def test_it_keeps_real_time_where_the_show_is_slow(videos: Path) -> None:
    clock = Clock()
    with closing(LiveRecording(FPS, clock=clock)) as recording:
        for number in (0, 3, 6):
            show(recording, clock, range(number, number + 1))
    assert decoded(recording.saved[0]).numbers == [0, 3, 3, 3, 6, 6, 6]


def test_another_size_begins_another_file(videos: Path) -> None:
    clock = Clock()
    with closing(LiveRecording(FPS, clock=clock)) as recording:
        show(recording, clock, range(2))
        recording.write(picture(2, (322, 181)))
    assert len(set(recording.saved)) == 2
    assert "322x180" in described(recording.saved[1]), "an odd row is left out"


@POSIX
def test_the_sound_is_in_step_with_the_pictures(videos: Path) -> None:
    rate, click = 8000, 30
    with closing(LiveRecording(FPS, rate)) as recording:
        for number in range(45):
            recording.write(picture(number))
            recording.hear(np.full(rate // FPS, 0.9 * (number == click), np.float32), rate)
            time.sleep(1 / FPS)
    (saved,) = recording.saved
    sound = ["-f", "f32le", "-ac", "1", "-ar", str(rate), "-"]
    heard = subprocess.run([FFMPEG, "-v", "error", "-i", saved, *sound], capture_output=True)
    loud = np.flatnonzero(np.abs(np.frombuffer(heard.stdout, np.float32)) > 0.3) / rate
    assert loud.max() - loud.min() < 0.1
    seen = next(n for n, number in enumerate(decoded(saved).numbers) if number >= click) / FPS
    assert loud.min() == pytest.approx(seen, abs=0.3)


RECORDER = """
import sys
sys.path.insert(0, sys.argv[1])
import platformdirs
from pathlib import Path
platformdirs.user_videos_path = lambda: Path(sys.argv[2])
from received import Clock, show
from liveflight.outputs.sinks.live_recording import LiveRecording
clock = Clock()
recording = LiveRecording(30, clock=clock)
show(recording, clock, range(120))
print("shown", flush=True)
import time
while True:
    time.sleep(0.05)
"""


@POSIX
def test_all_but_the_last_seconds_can_be_played_after_a_kill(videos: Path, tmp_path: Path) -> None:
    support = str(Path(__file__).parents[2] / "support")
    recorder = subprocess.Popen(
        [sys.executable, "-c", RECORDER, support, tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert recorder.stdout
    assert recorder.stdout.readline() == "shown\n"
    (encoder,) = psutil.Process(recorder.pid).children()
    encoder.kill()
    os.killpg(recorder.pid, signal.SIGKILL)
    recorder.communicate(timeout=60)
    (left,) = videos.glob("*.unfinished.mp4")
    assert len(decoded(left).numbers) >= 60


@NEEDS_DEV_FULL
def test_a_full_disk_ends_the_recording_with_one_line(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_ffmpeg_on_a_full_disk(tmp_path, monkeypatch)
    clock = Clock()
    with closing(LiveRecording(FPS, clock=clock)) as recording:
        show(recording, clock, range(300))
        assert recording.ended
        show(recording, clock, range(300, 302))
    assert recording.trouble.startswith("ffmpeg: ")
    assert "No space left on device; what was recorded is in" in recording.trouble
    assert not recording.saved and list(videos.iterdir()) == [], "nothing is left of nothing"


def test_a_folder_that_cannot_be_made_is_named(videos: Path) -> None:
    videos.write_text("in the way")
    clock = Clock()
    with closing(LiveRecording(FPS, clock=clock)) as recording:
        show(recording, clock, range(1))
    assert recording.ended
    assert "cannot write" in recording.trouble


@POSIX
def test_another_size_begins_another_file_while_sound_is_heard(videos: Path) -> None:
    rate = 8000
    with closing(LiveRecording(FPS, rate)) as recording:
        recording.finish_s = 10.0
        for number in count():
            recording.write(picture(number % 1000, (320 if number < 15 else 322, 180)))
            recording.hear(np.zeros(rate // FPS, np.float32), rate)
            time.sleep(1 / FPS)
            if recording.saved or recording.trouble:
                break
    assert not recording.trouble
    assert [described(path).count("322x180") for path in recording.saved] == [0, 1]
