from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from in_flight import STEM

from liveflight.controllers.replay import recorder as replay_recorder
from liveflight.controllers.replay.recorder import FlightRecorder
from liveflight.core.contracts import LiveflightError
from liveflight.core.mailbox import Mailbox, Query, Set, Trigger
from liveflight.storage import recording
from liveflight.storage.presets import Preset
from liveflight.storage.recording import Recording

LOOK = Preset("look", {STEM: 1.0})
START = Recording(LOOK, {"camera.zoom": 2.0}, 7, 30.0, (96, 54))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


def begun(path: Path) -> FlightRecorder:
    recorder = FlightRecorder(path, START)
    recorder.open(Mailbox())
    return recorder


def settle(recorder: FlightRecorder) -> None:
    """Wait until the disk's thread has written what it was given."""
    assert recorder._disk.wait(60)


def test_what_is_said_is_read_again_with_its_time(path: Path) -> None:
    recorder = FlightRecorder(path, START)
    recorder.note("look", LOOK)  # a cue, before the first frame
    recorder.open(Mailbox())
    recorder.poll(50.0)
    recorder.publish(50.0, {}, [Set("camera.zoom", 3.0, "osc:x"), Query("camera.zoom", print)])
    recorder.poll(50.25)
    recorder.publish(50.25, {}, [])
    recorder.poll(50.5)
    recorder.note("+1", LOOK)
    recorder.publish(50.5, {}, [Trigger("show.preset_next"), Trigger("show.quit")])
    recorder.poll(51.0)
    recorder.close()
    recorder.close()
    read = recording.read(path)
    assert [(seconds, list(said)) for seconds, said in read.said] == [
        (0.0, [Set("camera.zoom", 3.0)]),
        (0.5, [Trigger("show.preset_next")]),
        (1.0, []),
    ]
    assert [asked for asked, _ in read.answers] == ["look", "+1"]
    assert (read.seed, read.seconds, read.settings) == (7, 1.0, {"camera.zoom": 2.0})


def test_a_frame_that_is_told_late_keeps_its_time(path: Path) -> None:
    recorder = begun(path)
    for now in (7.0, 7.5, 8.0):
        recorder.poll(now)
    recorder.publish(7.5, {}, [Set("camera.zoom", 2.0)])
    recorder.publish(8.0, {}, [Set("camera.zoom", 3.0)])
    recorder.close()
    assert [(seconds, list(said)) for seconds, said in recording.read(path).said] == [
        (0.5, [Set("camera.zoom", 2.0)]),
        (1.0, [Set("camera.zoom", 3.0)]),
        (1.0, []),
    ]


@pytest.mark.parametrize("late", [2, 3, 6])
def test_frames_that_are_told_late_as_the_log_is_synchronised_do_not_go_back_in_time(
    late: int, path: Path
) -> None:
    recorder = begun(path)
    frames = [frame / 32 for frame in range(1600)]  # five times on the disk
    for first in range(0, len(frames), late):
        for now in frames[first : first + late]:
            recorder.poll(now)
        for now in frames[first : first + late]:
            recorder.publish(now, {}, [Set("camera.zoom", 1 + now / 100)])
            settle(recorder)
    recorder.close()
    read = recording.read(path)
    assert [seconds for seconds, said in read.said if said] == frames
    assert read.seconds == frames[-1]


def test_no_more_than_a_second_is_lost_whatever_happens(path: Path) -> None:
    recorder = begun(path)
    for tenth in range(40):
        recorder.poll(tenth / 10)
        recorder.publish(tenth / 10, {}, [Set("camera.zoom", 1 + tenth / 100)])
        settle(recorder)
    killed = recording.read(path)
    recorder.close()
    assert killed.seconds >= 2.9


def test_a_killed_show_in_which_nothing_was_said_is_as_long_as_it_was(path: Path) -> None:
    recorder = begun(path)
    for second in range(40):
        recorder.poll(second)
        recorder.publish(second, {}, [])
        settle(recorder)
    killed = recording.read(path)
    recorder.close()
    assert killed.seconds >= 29.0


def test_a_log_that_is_there_already_is_left_alone(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("mine")
    for number in (2, 3):  # a show that starts again and again
        recorder = begun(path)
        recorder.close()
        recorder.close()
        following = path.with_name(f"a_{number}.log")
        assert recording.read(following).seed == 7
        assert caplog.messages.pop() == f"{path} is there already: recording {following}"
    assert path.read_text() == "mine"


def test_a_place_that_cannot_be_written_is_named(path: Path) -> None:
    with pytest.raises(LiveflightError, match=r"none/a\.log cannot be written: No such file"):
        begun(path.parent / "none" / "a.log")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_ends_the_log_once_and_nothing_else(path: Path) -> None:
    recorder = begun(path)
    settle(recorder)
    writer = recorder._writer
    assert writer
    writer._file.close()
    writer._file = open("/dev/full", "wb")
    said: list[str] = []
    for second in range(5):
        recorder.poll(second)
        try:
            recorder.publish(second, {}, [Set("camera.zoom", 3.0)])
        except LiveflightError as error:
            said.append(str(error))
        if not said:
            settle(recorder)
    recorder.close()
    assert said == [f"log {path} ends at 2 s: No space left on device"]
    assert list(recording.read(path).said) == []


def test_a_disk_that_does_not_answer_holds_up_no_frame(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_recorder, "_MAX_PENDING_CHARS", 1000)
    gate = threading.Event()
    recorder = begun(path)
    monkeypatch.setattr(replay_recorder.PartWriter, "write", lambda self, text: gate.wait(60))
    with pytest.raises(LiveflightError, match=r"a\.log ends at \d+ s: the disk does not answer$"):
        for second in range(100):
            recorder.poll(second)
            recorder.publish(second, {}, [Set("camera.zoom", 3.0)])
    recorder.publish(101.0, {}, [Set("camera.zoom", 3.0)])
    gate.set()
    settle(recorder)
    recorder.close()


KILLED = """
import sys
from pathlib import Path
from liveflight.storage import recording, recording_parts
from liveflight.core.contracts import Target
from liveflight.core.mailbox import Mailbox, Set
from liveflight.storage.presets import Preset
from liveflight.controllers.replay.recorder import FlightRecorder
recording_parts.MAX_PART_BYTES = 500
look = Preset("look", {Target("efficientnet_lite0", "stem", 3): 1.0})
start = recording.Recording(look, {}, 7, 30.0)
recorder = FlightRecorder(Path(sys.argv[1]), start)
recorder.open(Mailbox())
for second in range(20):
    recorder.poll(second)
    recorder.publish(second, {}, [Set("camera.zoom", 1.0 + second / 10)])
    recorder._disk.wait(60)
print("written", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_show_leaves_is_played_again_and_does_not_hinder_the_next(
    path: Path,
) -> None:
    for name in ("a", "a_2"):
        show = subprocess.Popen(
            [sys.executable, "-c", KILLED, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with show:
            assert show.stdout and show.stdout.readline() == b"written\n"
            show.kill()
        parts = list(path.parent.glob(f"{name}.*"))
        assert len(parts) >= 3 and all(part.stat().st_size <= 700 for part in parts)
        read = recording.read(path.with_name(f"{name}.log"))
        assert [list(said) for _, said in read.said if said] == [
            [Set("camera.zoom", 1.0 + second / 10)] for second in range(20)
        ]
