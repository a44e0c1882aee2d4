from __future__ import annotations

from pathlib import Path

import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.storage import favourite_presets, presets


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the user's presets have for themselves."""
    monkeypatch.setattr(presets, "user_folder", lambda: tmp_path / "liveflight" / "presets")
    monkeypatch.setattr(presets, "names", lambda: ("reef", "ink", "my look"))
    return tmp_path / "liveflight"


def test_a_second_time_it_is_none_any_more(own: Path) -> None:
    assert favourite_presets.read() == ()
    assert favourite_presets.toggle("my look")
    assert favourite_presets.toggle("reef")
    assert favourite_presets.read() == ("reef", "my look"), "in the order of presets"
    assert not favourite_presets.toggle("reef")
    assert favourite_presets.read() == ("my look",)
    assert [path.name for path in own.iterdir()] == ["favourites.txt"]


def test_presets_that_are_gone_are_none(own: Path) -> None:
    own.mkdir()
    favourite_presets.path().write_text("gone\n  ink  \n\n../../reef\n")
    assert favourite_presets.read() == ("ink",)


def test_presets_that_are_not_there_just_now_stay_favourites(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("my look", "reef"):
        favourite_presets.toggle(name)
    with monkeypatch.context() as away:  # their stick is not plugged in
        away.setattr(presets, "names", lambda: ("reef", "ink"))
        favourite_presets.toggle("ink")
        favourite_presets.toggle("reef")
        assert favourite_presets.read() == ("ink",)
    assert favourite_presets.read() == ("ink", "my look")


def test_the_last_one_that_is_there_takes_no_other_with_it(own: Path) -> None:
    own.mkdir()
    favourite_presets.path().write_text("gone\nink\n")
    assert not favourite_presets.toggle("ink")
    assert favourite_presets.path().read_text() == "gone\n"


@pytest.mark.parametrize("name", ["", "gone", "../reef", "reef\nink"])
def test_only_what_is_saved_can_be_one(name: str, own: Path) -> None:
    with pytest.raises(LiveflightError, match="only saved ones are favourites"):
        favourite_presets.toggle(name)
    assert not own.exists()


def test_a_file_that_is_none_is_named_and_kept(own: Path) -> None:
    own.mkdir()
    favourite_presets.path().write_bytes(b"\0\xff\0")
    for call in (favourite_presets.read, lambda: favourite_presets.toggle("reef")):
        with pytest.raises(LiveflightError, match=r"favourites .*favourites\.txt: "):
            call()
    assert favourite_presets.path().read_bytes() == b"\0\xff\0"


def test_a_folder_that_cannot_be_written_is_named(own: Path) -> None:
    own.write_text("a file where the folder would be")
    with pytest.raises(LiveflightError, match=r"favourites\.txt"):
        favourite_presets.toggle("reef")


def test_a_name_of_bytes_that_are_no_text_is_refused_in_words(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "names", lambda: ("caf\udce9",))
    with pytest.raises(LiveflightError, match=r"is no UTF-8, .* rename the file"):
        favourite_presets.toggle("caf\udce9")
    assert not own.exists()
