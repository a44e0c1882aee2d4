from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liveflight.core.contracts import LiveflightError, Target
from liveflight.core.mailbox import Beat, Message, Nudge, Set, Trigger
from liveflight.storage import recording, recording_parts
from liveflight.storage.cue_lists import Cue, CueList
from liveflight.storage.presets import Preset
from liveflight.storage.recording import Recording
from liveflight.storage.recording_parts import PartWriter

LOOK = Preset("look", {Target("vgg16", "conv4_1", 17): 1 / 3}, {"camera.zoom": 1.1})
START = Recording(LOOK, {"show.freeze": True}, 7, 30.0, (96, 54), CueList("log", (Cue("a", 3.0),)))
SAID: list[Message] = [
    Set("camera.zoom", 2.0, "osc:somebody"),
    Nudge("warp.swirl", -0.25),
    Trigger("mix.random"),
    Beat(4.5, 120.0),
]


def log(path: Path, *lines: str) -> Path:
    path.write_text("".join(lines))
    return path


def test_there_and_back(tmp_path: Path) -> None:
    lines = (
        recording.header(START),
        recording.frame(0.1, SAID, [("look", LOOK)]),
        recording.end(2.5),
    )
    read = recording.read(log(tmp_path / "a.log", *lines))
    assert (read.preset.targets, read.preset.settings) == (LOOK.targets, LOOK.settings)
    assert (read.seed, read.fps, read.canvas, read.cues) == (7, 30.0, (96, 54), START.cues)
    assert read.settings == {"show.freeze": True}
    assert [(seconds, list(said)) for seconds, said in read.said] == [(0.1, SAID), (2.5, [])]
    assert [(asked, one.targets) for asked, one in read.answers] == [("look", LOOK.targets)]
    assert read.seconds == 2.5


def test_a_log_from_before_there_were_views_is_read(tmp_path: Path) -> None:
    ascent = {"octaves": 0.5, "jitter": 16, "steps": 2, "soften": 10.0, "noise": 0.05}
    look = {"version": 1, "targets": ["vgg16:conv4_1:17"], "ascent": ascent}
    header = {"liveflight": 1, "seed": 7, "fps": 30.0, "canvas": [320, 180], "settings": {}}
    header |= {"preset": {"name": "look", "data": look}, "cues": None}
    frame = {"t": 0.1, "say": [["Set", "ascent.octaves", 1.5], ["Nudge", "ascent.jitter", 4]]}
    lines = [json.dumps(each) + "\n" for each in (header, frame)]
    read = recording.read(log(tmp_path / "a.log", *lines))
    assert read.canvas == (320, 180)
    assert read.preset.settings == {f"ascent.{name}": value for name, value in ascent.items()}
    said = [Set("ascent.octaves", 1.5), Nudge("ascent.jitter", 4)]
    assert [(seconds, list(one)) for seconds, one in read.said] == [(0.1, said)]


def test_what_has_no_part_in_the_picture_is_left_out() -> None:
    said = [Trigger("show.quit"), Set("show.hud", True), Set("show.record", True)]
    said.append(Set("show.outputs", "the stream: what a server says"))
    assert recording.frame(1.0, said, []) == ""


def test_a_line_that_breaks_off_is_left_out(tmp_path: Path) -> None:
    whole = recording.header(START) + recording.frame(0.1, SAID, [])
    broken = recording.read(log(tmp_path / "a.log", whole, recording.frame(0.2, SAID, [])[:-9]))
    assert [seconds for seconds, _ in broken.said] == [0.1]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"t":1,"say":[["Set","camera.zoom",99]]}', "camera.zoom = '99': allowed is 0.2 to 5"),
        ('{"t":1,"say":[["Ask","camera.zoom",1]]}', "is no message"),
        ('{"t":1,"say":[["Trigger","camera.zoom"]]}', "camera.zoom is no trigger"),
        ('{"t":-1}', "t = '-1'"),
        ('{"t":NaN}', "NaN is no number"),
        ("[]", "it is no log"),
    ],
)
def test_a_wrong_line_is_named(line: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(LiveflightError, match=reason):
        recording.read(log(tmp_path / "a.log", recording.header(START), line + "\n"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | JSON.map(lambda row: json.dumps({"t": 1, "say": [row]}).encode()))
def test_any_bytes_are_a_log_or_a_clear_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.log"
    for before in (b"", recording.header(START).encode()):
        path.write_bytes(before + data + b"\n")
        try:
            recording.read(path)
        except LiveflightError as error:
            assert "any.log" in str(error)


def test_a_log_cut_anywhere_is_read_as_far_as_it_goes_or_refused_in_a_line(tmp_path: Path) -> None:
    whole = (
        recording.header(START) + recording.frame(0.1, SAID, [("look", LOOK)]) + recording.end(2.5)
    ).encode()
    path, heads = tmp_path / "a.log", len(recording.header(START))
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        if length >= heads:
            assert len(list(recording.read(path).said)) == whole[:length].count(b"\n") - 1
            continue
        with pytest.raises(LiveflightError, match=r"^log .*a\.log: it is empty$"):
            recording.read(path)


def test_a_storm_of_answers_in_one_frame_is_read_again(tmp_path: Path) -> None:
    told = [("+1 look", Preset("look", {}, title="a" * 500, about="b" * 500))] * 256
    path = log(tmp_path / "a.log", recording.header(START), recording.frame(0.1, SAID, told))
    assert len(recording.read(path).answers) == 256


def test_a_log_of_nothing_to_fly_is_refused(tmp_path: Path) -> None:
    nothing = recording.header(replace(START, preset=Preset("nothing", {})))
    with pytest.raises(LiveflightError, match="line 1: its preset has no target"):
        recording.read(log(tmp_path / "a.log", nothing))
    with pytest.raises(LiveflightError, match=r"^log \S+: there is no such file$"):
        recording.read(tmp_path / "none.log")


def parted(path: Path) -> list[Path]:
    """A log of a header and 30 frames, in parts of at most 500 bytes."""
    writer = PartWriter(path, recording.header(START))
    for number in range(30):
        writer.write(recording.frame(number / 10, [Set("camera.zoom", 1 + number / 100)], []))
    writer.close()
    writer.close()
    return [writer.path, *sorted(path.parent.glob(f"{path.stem}.part*"), key=_number)]


def _number(part: Path) -> int:
    return int(part.stem.rpartition(".part")[2])


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_parts, "MAX_PART_BYTES", 500)


@pytest.mark.usefixtures("small_parts")
def test_parts_replay_as_one(tmp_path: Path) -> None:
    parts = parted(tmp_path / "a.log")
    assert [part.name for part in parts[:3]] == ["a.log", "a.part2.log", "a.part3.log"]
    assert len(parts) > 3
    assert all(part.stat().st_size <= 700 for part in parts)
    read = recording.read(tmp_path / "a.log")
    assert read.seconds == 2.9
    for _ in range(2):  # it is read anew each time
        assert [seconds for seconds, _ in read.said] == [number / 10 for number in range(30)]
    parts[-1].write_bytes(parts[-1].read_bytes()[:-5])  # the machine went off
    assert recording.read(tmp_path / "a.log").seconds == 2.8
    parts[2].unlink()
    with pytest.raises(LiveflightError, match=r"part2\.log, .*part3\.log, which comes .* missing"):
        recording.read(tmp_path / "a.log")


@pytest.mark.usefixtures("small_parts")
def test_a_part_of_another_flight_is_named(tmp_path: Path) -> None:
    parts = parted(tmp_path / "a.log")
    log(tmp_path / "b.log", recording.header(replace(START, seed=8)))
    parts[1].rename(tmp_path / "b.part2.log")
    for name, said in (
        ("b.log", r"b\.part2\.log, line 1: it is not part 2 of b\.log"),
        ("b.part2.log", r"b\.part2\.log, line 1: it is a later part of a log: name the first"),
    ):
        with pytest.raises(LiveflightError, match=said):
            recording.read(tmp_path / name)


@pytest.mark.usefixtures("small_parts")
def test_a_new_log_takes_no_name_whose_parts_are_left(tmp_path: Path) -> None:
    first = parted(tmp_path / "a.log")
    first[0].unlink()
    second = parted(tmp_path / "a.log")
    assert second[0] == tmp_path / "a_2.log"
    assert recording.read(second[0]).seconds == 2.9
