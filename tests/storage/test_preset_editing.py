from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.storage import favourite_presets, new_files, preset_editing, presets

TEXT = """# mine, by hand
version = 1
title = "Blue"
slot = 40   # the big pad
targets = [
    "vgg16:conv5_1:7",
]

[camera]
zoom = 2.0  # fast
"""


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "presets"
    folder.mkdir()
    monkeypatch.setattr(presets, "user_folder", lambda: folder)
    (folder / "blue.toml").write_text(TEXT)
    (folder / "red.toml").write_text('version = 1\ntargets = ["vgg16:conv5_1:9"]\n')
    return folder


def test_a_slot_changes_one_line_of_the_file(own: Path) -> None:
    preset_editing.assign_slot("blue", 41)
    text = (own / "blue.toml").read_text()
    assert text == TEXT.replace("slot = 40   # the big pad\n", "").replace(
        "version = 1", "version = 1\nslot = 41"
    )
    assert presets.find("41").name == "blue"
    preset_editing.assign_slot("blue", None)
    assert presets.find("blue").slot is None
    assert "# fast" in (own / "blue.toml").read_text()


def test_two_of_ones_own_exchange_their_slots(own: Path) -> None:
    preset_editing.assign_slot("red", 40)
    assert (presets.find("red").slot, presets.find("blue").slot) == (40, None)
    preset_editing.assign_slot("blue", 41)
    preset_editing.assign_slot("blue", 40)
    assert (presets.find("red").slot, presets.find("blue").slot) == (41, 40)


def test_ones_own_number_comes_before_the_installations(own: Path) -> None:
    shipped = presets.find("1").name
    preset_editing.assign_slot("red", 1)
    assert presets.find("1").name == "red"
    assert presets.find(shipped).slot == 1


@pytest.mark.parametrize("slot", [0, 100, -1])
def test_a_slot_that_is_not_allowed_changes_nothing(slot: int, own: Path) -> None:
    with pytest.raises(LiveflightError, match="1 to 99"):
        preset_editing.assign_slot("blue", slot)
    assert (own / "blue.toml").read_text() == TEXT


def test_a_renamed_preset_stays_a_favourite(own: Path) -> None:
    favourite_presets.toggle("blue")
    preset_editing.rename("blue", "blue hour")
    assert (own / "blue hour.toml").read_text() == TEXT and not (own / "blue.toml").exists()
    assert favourite_presets.read() == ("blue hour",)
    assert presets.own().keys() == {"blue hour", "red"}


@pytest.mark.parametrize("new", ["red", "reef", "../x", "a/b", "", "con", "x" * 65, "/etc/passwd"])
def test_no_name_replaces_a_file_or_leads_elsewhere(new: str, own: Path) -> None:
    before = sorted(own.rglob("*"))
    with pytest.raises(LiveflightError, match=r"already|preset name"):
        preset_editing.rename("blue", new)
    assert sorted(own.parent.rglob("*"))[1:] == before


@pytest.mark.parametrize("name", ["reef", "nobody", "../presets/blue"])
def test_only_ones_own_are_changed(name: str) -> None:
    for change in (
        lambda: preset_editing.rename(name, "x"),
        lambda: preset_editing.assign_slot(name, 3),
    ):
        with pytest.raises(LiveflightError, match=r"with the installation|there is no preset"):
            change()


def test_a_title_that_was_the_name_follows_it(own: Path) -> None:
    (own / "blue.toml").write_text(TEXT.replace('"Blue"', '"blue"'))
    preset_editing.rename("blue", "hour")
    assert (own / "hour.toml").read_text() == TEXT.replace('"Blue"', '"hour"')
    assert not (own / "blue.toml").exists()


@pytest.mark.parametrize("title", ["Blue", "blue"])
@pytest.mark.parametrize("fails", ["write", "move"])
def test_a_full_disk_renames_nothing(
    title: str, fails: str, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    favourite_presets.toggle("blue")
    text = TEXT.replace("Blue", title)
    (own / "blue.toml").write_text(text)
    if fails == "move":
        monkeypatch.setattr(preset_editing, "_move", full)
    else:
        monkeypatch.setattr(new_files, "write", full)
    with pytest.raises(LiveflightError, match="No space left"):
        preset_editing.rename("blue", "hour")
    assert (own / "blue.toml").read_text() == text
    assert presets.own().keys() == {"blue", "red"}
    assert favourite_presets.read() == ("blue",)


def test_a_file_that_is_no_text_is_not_renamed(own: Path) -> None:
    (own / "noise.toml").write_bytes(b"\xff\x80\x00\x81")
    with pytest.raises(LiveflightError, match="no text"):
        preset_editing.rename("noise", "hour")
