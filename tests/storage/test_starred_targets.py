from __future__ import annotations

from pathlib import Path

import pytest

from liveflight.core.contracts import LiveflightError, Target
from liveflight.storage import presets, starred_targets

ONE, OTHER = Target("vgg16", "conv4_1", 3), Target("efficientnet_lite0", "class", 107)


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(presets, "user_folder", lambda: tmp_path / "liveflight" / "presets")
    return tmp_path / "liveflight"


def test_a_second_time_it_has_none_any_more(own: Path) -> None:
    assert starred_targets.read() == ()
    assert starred_targets.toggle(OTHER) and starred_targets.toggle(ONE)
    assert starred_targets.read() == (OTHER, ONE), "in the order of starring"
    assert not starred_targets.toggle(OTHER)
    assert starred_targets.read() == (ONE,)
    assert [path.name for path in own.iterdir()] == ["stars.txt"]


def test_a_line_that_is_no_target_is_none(own: Path) -> None:
    own.mkdir()
    starred_targets.path().write_text(f"../etc\n\n  {ONE} \nvgg16:conv4_1\n{ONE}\n")
    assert starred_targets.read() == (ONE,)


def test_another_program_s_change_is_seen(own: Path) -> None:
    starred_targets.toggle(ONE)
    starred_targets.path().write_text(f"{ONE}\n{OTHER}\n")
    assert starred_targets.read() == (ONE, OTHER)


def test_there_are_no_more_than_a_file_holds() -> None:
    with pytest.raises(LiveflightError, match="would be larger than 14 KiB"):
        for number in range(5000):
            starred_targets.toggle(Target("a_network_of_the_longest_name_" * 3, "layer", number))
    assert len(starred_targets.read()) > 100


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 20_000])
def test_a_file_that_is_none_of_ours_is_said_and_kept(content: bytes, own: Path) -> None:
    own.mkdir()
    starred_targets.path().write_bytes(content)
    for use in (starred_targets.read, lambda: starred_targets.toggle(ONE)):
        with pytest.raises(LiveflightError, match=r"stars .*stars\.txt"):
            use()
    assert starred_targets.path().read_bytes() == content
