"""The saved state survives whatever happens to its files."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import random
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveflight.core.autopilot import AutopilotPlace
from liveflight.core.contracts import LiveflightError, Target, Value
from liveflight.core.modulation import ModulationRow
from liveflight.storage import saved_state, state_file
from liveflight.storage.cue_lists import Cue, CueList
from liveflight.storage.presets import Preset
from liveflight.storage.saved_state import CuePlace, SavedState

REEF, VGG = Target("efficientnet_lite0", "block7", 5), Target("vgg16", "conv4_1", 17)
CUES = CueList(
    "walk", (Cue("reef", 60.0, transition=2.0), Cue("argus", beats=32), Cue("9", hold=True))
)
OLD = SavedState(settings={"camera.zoom": 1.25}, saved=100.0)
STATE = SavedState(
    look=Preset("reef", {REEF: 0.25, VGG: 0.75}, {}, (VGG, REEF),
                (ModulationRow("camera.zoom", "lfo", 0.5),), (VGG, REEF, REEF, VGG)),
    settings={"camera.zoom": 1.5, "show.blackout": True, "pad.a": str(VGG)},
    cues=CuePlace(CUES, 1, 12.25),
    autopilot=AutopilotPlace(1, True, (VGG,), (1 << 127, 3, 1, 77), 4.5),
    mixes=({VGG: 1.0}, {REEF: 0.25, VGG: 0.75}),
    here=1, beats=128.5, tapped=True, seconds=12.5, random=(5, 7, 0, 0), saved=1.8e9,
    picture=bytes(range(256)) * 3,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a state and the one before."""
    folder = tmp_path / "made" / "show"
    state_file.write(OLD, folder)
    state_file.write(STATE, folder)
    return folder


def test_it_is_read_as_it_was_written(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert state_file.read(folder) == STATE
    (folder / "state").unlink()
    assert state_file.read(folder) == OLD
    (folder / "state.previous").unlink()
    assert state_file.read(folder) is None
    assert not caplog.records


@pytest.mark.skipif(os.name != "posix", reason="needs modes of files")
def test_it_is_for_this_user_alone(folder: Path) -> None:
    found = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
    assert found == {"state": 0o600, "state.previous": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


class Disk(dict[str, bytes]):
    """Files in memory, by name: a disk may take milliseconds for each of thousands."""

    def read(self, path: Path, most: int) -> bytes:
        if path.name not in self:
            raise FileNotFoundError(path)
        return self[path.name]


@pytest.fixture
def disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """The files of `folder` in memory; the log is silent."""
    disk = Disk({each.name: each.read_bytes() for each in folder.iterdir()})
    monkeypatch.setattr(state_file.folders, "read", disk.read)
    logging.disable(logging.CRITICAL)
    yield disk
    logging.disable(logging.NOTSET)


def test_a_file_cut_at_any_byte_is_not_used(disk: Disk, folder: Path) -> None:
    whole = disk["state"]
    for length in range(len(whole)):
        disk["state"] = whole[:length]
        assert state_file.read(folder) == OLD, length


def garbled(data: bytes, chance: random.Random) -> bytes:
    """Return data with a few bytes changed, left out, put in or repeated."""
    found = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(found))
        match chance.randrange(4):
            case 0:
                found[at] ^= 1 << chance.randrange(8)
            case 1:
                del found[at : at + chance.randrange(1, 40)]
            case 2:
                found[at:at] = chance.randbytes(chance.randrange(1, 40))
            case _:
                found[at:at] = found[max(at - 30, 0) : at]
        if not found:
            return b"x"
    return bytes(found)


def test_two_thousand_garbled_files_are_not_used(disk: Disk, folder: Path) -> None:
    chance, whole = random.Random(24), dict(disk)
    found = []
    for number in range(2000):
        disk["state"] = garbled(whole["state"], chance)
        old = whole["state.previous"]
        disk["state.previous"] = garbled(old, chance) if number % 4 == 0 else old
        best = [name for name in ("state", "state.previous") if disk[name] == whole[name]]
        expected = {"state": STATE, "state.previous": OLD}[best[0]] if best else None
        assert state_file.read(folder) == expected, number
        found.append(expected)
    assert found.count(None) > 400 and found.count(OLD) > 1400


def test_a_damaged_file_is_named_in_one_line(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "state").write_bytes(b"nonsense")
    state_file.read(folder)
    path = folder / "state"
    assert [each.message for each in caplog.records] == [
        f"saved state {path} is not used: it is damaged"
    ]


def signed(text: bytes, picture: bytes = b"", version: int = 1, length: int = -1) -> bytes:
    """Return a file whose checksum is right."""
    size = len(text) if length < 0 else length
    digest = hashlib.sha256(text + picture).hexdigest()
    return f"liveflight state {version} {digest} {size}\n".encode() + text + picture


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (signed(b"{}", version=2), "it is of version 2: allowed is 1"),
        (signed(b"[]"), "it is no saved state"),
        (signed(b"[" * 100_000), "it is nested too deeply"),
        (signed(b"\xff\xfe"), "Expecting value"),
        (signed(b"{}", b"a picture", length=9), "Extra data"),
    ],
)
def test_a_foreign_file_with_the_right_checksum(
    data: bytes, why: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "state").write_bytes(data)
    assert state_file.read(folder) == OLD
    [line] = [each.message for each in caplog.records]
    assert f"state is not used: {why}" in line


def test_a_file_that_is_too_large_a_folder_or_a_pipe_is_not_used(folder: Path) -> None:
    newest = folder / "state"
    newest.write_bytes(bytes(state_file.MAX_BYTES + 1))
    assert state_file.read(folder) == OLD
    newest.unlink()
    newest.mkdir()
    assert state_file.read(folder) == OLD
    if hasattr(os, "mkfifo"):
        newest.rmdir()
        os.mkfifo(newest)
        assert state_file.read(folder) == OLD


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


def places(data: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside some JSON."""
    if not isinstance(data, dict | list):
        return [before]
    items = data.items() if isinstance(data, dict) else enumerate(data)
    return [before, *(path for key, value in items for path in places(value, (*before, key)))]


@settings(max_examples=60)
@given(st.data())
def test_any_value_anywhere_leaves_a_state(data: st.DataObject) -> None:
    table = json.loads(saved_state.dump(STATE))
    path = data.draw(st.sampled_from(places(table)[1:]))
    inner = table
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = data.draw(_VALUES)
    found = saved_state.parse(json.dumps(table).encode())
    saved_state.dump(found)
    assert state_file.parse(state_file.dump(found)) == replace(found, left_out=())


def test_what_does_not_exist_any_more_is_left_out_and_named(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = json.loads(saved_state.dump(STATE))
    table["settings"] |= {"camera.wobble": 1.0, "camera.zoom": 99.0}
    table["targets"].append({"target": "no target", "weight": 1.0})
    table["modulation"].append({"control": "camera.wobble", "source": "lfo", "depth": 1.0})
    table["cues"]["cues"]["cues"][0]["preset"] = ""
    (folder / "state").write_bytes(signed(json.dumps(table).encode(), STATE.picture))
    found = state_file.read(folder)
    kept = {"show.blackout": True, "pad.a": str(VGG)}
    assert found and replace(found, left_out=()) == replace(STATE, settings=kept, cues=None)
    assert len(found.left_out) == 5
    [line] = [each.message for each in caplog.records]
    assert ": left out: target 'no target' is not of the form" in line
    assert line.endswith("; and 1 more")


class Crash(BaseException):
    """The end of the process, between two steps."""


@pytest.mark.parametrize(
    "failing", [Crash(), OSError(errno.EIO, "it broke")], ids=["crash", "error"]
)
@pytest.mark.parametrize("nth", range(12))
def test_a_crash_between_any_two_steps_leaves_a_state(
    failing: BaseException, nth: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer, count = replace(STATE, beats=999.0), 0

    def breaking(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count > nth:  # nothing happens any more
                raise failing
            return call(*given, **named)

        return wrapped

    for name in ("open", "fsync", "replace", "close", "unlink", "write"):
        monkeypatch.setattr(state_file.os, name, breaking(getattr(os, name)))
    try:
        state_file.write(newer, folder)
    except (Crash, OSError):
        pass
    monkeypatch.undo()
    assert state_file.read(folder) in (STATE, newer)
    state_file.write(OLD, folder)  # and the next one works
    assert state_file.read(folder) == OLD
    assert {each.name for each in folder.iterdir()} == {"state", "state.previous"}


def test_a_damaged_newest_does_not_push_out_a_good_previous(folder: Path) -> None:
    (folder / "state").write_bytes(b"nonsense")
    state_file.write(replace(STATE, beats=5.0), folder)
    (folder / "state").write_bytes(b"nonsense")
    assert state_file.read(folder) == OLD


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_full_disk_leaves_the_old_state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def full(path: Any, *given: Any) -> int:
        return opened("/dev/full" if str(path).endswith(".part") else path, *given[:0], os.O_WRONLY)

    monkeypatch.setattr(state_file.os, "open", full)
    with pytest.raises(OSError) as caught:
        state_file.write(replace(STATE, beats=5.0), folder)
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert state_file.read(folder) == STATE


@pytest.mark.parametrize("name", ["../show", "", "con", ".hidden", "a/b", "x" * 70])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(LiveflightError, match="show name"):
        state_file.folder(name)


def test_the_folder_is_that_of_the_user_and_the_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_file.folder("left wall") == tmp_path / "liveflight" / "left wall"


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        ({}, (b"jpeg", 1.0)),
        ({"show.master": 0.25}, (b"jpeg", 0.25)),
        ({"show.master": 0.0}, (b"", 0.0)),
        ({"show.blackout": True}, (b"", 0.0)),
    ],
)
def test_the_last_picture_is_as_bright_as_the_show_was(
    tmp_path: Path, kept: dict[str, Value], shown: tuple[bytes, float]
) -> None:
    assert state_file.picture(tmp_path) == (b"", 0.0)
    state_file.write(SavedState(settings=kept, picture=b"jpeg"), tmp_path)
    assert state_file.picture(tmp_path) == shown
