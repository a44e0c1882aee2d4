from __future__ import annotations

from pathlib import Path

import pytest
from in_flight import STEM

from liveflight.core import score
from liveflight.core.contracts import LiveflightError
from liveflight.core.mailbox import Ask, Mailbox, Set, Trigger
from liveflight.core.presets import Preset
from liveflight.core.score import Score
from liveflight.inputs.score_recorder import ScoreRecorder

LOOK = Preset("look", {STEM: 1.0})
START = Score(LOOK, {"camera.zoom": 2.0}, 7, 30.0, (96, 54))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


def begun(path: Path) -> ScoreRecorder:
    recorder = ScoreRecorder(path, START)
    recorder.open(Mailbox())
    return recorder


def test_what_is_said_is_read_again_with_its_time(path: Path) -> None:
    recorder = ScoreRecorder(path, START)
    recorder.note("look", LOOK)  # a cue, before the first frame
    recorder.open(Mailbox())
    recorder.poll(50.0)
    recorder.tell(50.0, {}, [Set("camera.zoom", 3.0, "osc:x"), Ask("camera.zoom", print)])
    recorder.poll(50.25)
    recorder.tell(50.25, {}, [])
    recorder.poll(50.5)
    recorder.note("+1", LOOK)
    recorder.tell(50.5, {}, [Trigger("show.preset_next"), Trigger("show.quit")])
    recorder.poll(51.0)
    recorder.close()
    recorder.close()
    read = score.read(path)
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
    recorder.tell(7.5, {}, [Set("camera.zoom", 2.0)])
    recorder.tell(8.0, {}, [Set("camera.zoom", 3.0)])
    recorder.close()
    assert [(seconds, list(said)) for seconds, said in score.read(path).said] == [
        (0.5, [Set("camera.zoom", 2.0)]),
        (1.0, [Set("camera.zoom", 3.0)]),
        (1.0, []),
    ]


def test_no_more_than_a_second_is_lost_whatever_happens(path: Path) -> None:
    recorder = begun(path)
    for tenth in range(40):
        recorder.poll(tenth / 10)
        recorder.tell(tenth / 10, {}, [Set("camera.zoom", 1 + tenth / 100)])
    killed = score.read(path)
    recorder.close()
    assert killed.seconds >= 2.9


def test_a_log_that_is_there_already_is_left_alone(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(LiveflightError, match=r"a\.log is there already: --record needs a new"):
        begun(path)
    assert path.read_text() == "mine"


def test_a_place_that_cannot_be_written_is_named(path: Path) -> None:
    with pytest.raises(LiveflightError, match=r"none/a\.log cannot be written: No such file"):
        begun(path.parent / "none" / "a.log")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_ends_the_log_once_and_nothing_else(path: Path) -> None:
    recorder = begun(path)
    assert recorder._file
    recorder._file.close()
    recorder._file = open("/dev/full", "w")
    recorder.poll(0.0)
    recorder.tell(0.0, {}, [Set("camera.zoom", 3.0)])
    recorder.poll(2.0)
    with pytest.raises(LiveflightError, match=r"a\.log ends at 2 s: No space left on device"):
        recorder.tell(2.0, {}, [Set("camera.zoom", 2.0)])
    recorder.tell(4.0, {}, [Set("camera.zoom", 2.0)])
    recorder.close()
    assert score.read(path).said == []
