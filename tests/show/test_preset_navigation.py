from __future__ import annotations

from pathlib import Path

import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.show.preset_navigation import PresetNavigator, RecordedPresetNavigator
from liveflight.storage import favourite_presets, presets
from liveflight.storage.presets import Preset

LOOK = 'version = 1\ntargets = ["efficientnet_lite0:stem:3"]\n'


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The performer's folder with the presets a, b (in slot 7) and c; none are shipped."""
    own = tmp_path / "liveflight" / "presets"
    own.mkdir(parents=True)
    monkeypatch.setattr(presets, "user_folder", lambda: own)
    monkeypatch.setattr(presets, "folder", lambda name: tmp_path / "none")
    for name, more in (("a", "slot = 3\n"), ("b", "slot = 7\n"), ("c", "")):
        (own / f"{name}.toml").write_text(LOOK + more)
    return own


def test_a_name_and_a_slot_find_the_same_and_every_answer_is_heard() -> None:
    navigator = PresetNavigator()
    heard: list[tuple[str, str]] = []
    navigator.on_answer = lambda question, preset: heard.append((question, preset.name))
    assert navigator.find("b").name == navigator.find("7").name == "b"
    navigator.beside("b", 1)
    navigator.another("b", 0.0)
    assert heard == [("b", "b"), ("7", "b"), ("+1", "c"), ("?", "a")]
    with pytest.raises(LiveflightError, match="there is no preset 'nix'"):
        navigator.find("nix")
    assert len(heard) == 4


@pytest.mark.parametrize(
    ("name", "step", "there"),
    [("a", 1, "b"), ("c", 1, "a"), ("a", -1, "c"), ("gone", 1, "a"), ("gone", -1, "c")],
)
def test_beside_is_in_the_order_of_slots_round_and_round(name: str, step: int, there: str) -> None:
    assert PresetNavigator().beside(name, step).name == there


def test_beside_and_another_stay_among_favourites() -> None:
    favourite_presets.toggle("a")
    favourite_presets.toggle("c")
    assert [PresetNavigator().beside(name, 1).name for name in "ac"] == ["c", "a"]
    assert {PresetNavigator().another("a", luck / 10).name for luck in range(10)} == {"c"}


@pytest.mark.parametrize("liked", ["", "a", "b", "c"])
def test_fewer_than_two_favourites_leave_all_presets_in_reach(liked: str) -> None:
    """On an only one, every key would stay."""
    if liked:
        favourite_presets.toggle(liked)
    assert [PresetNavigator().beside(name, 1).name for name in "abc"] == ["b", "c", "a"]
    assert [PresetNavigator().beside(name, -1).name for name in "abc"] == ["c", "a", "b"]
    assert {PresetNavigator().another("a", luck / 10).name for luck in range(10)} == {"b", "c"}


def test_a_favourite_whose_preset_is_gone_does_not_count(folders: Path) -> None:
    for name in "ab":
        favourite_presets.toggle(name)
    (folders / "b.toml").unlink()
    (folders / "d.toml").write_text(LOOK)
    assert PresetNavigator().beside("a", 1).name == "c"


def test_beside_goes_past_what_is_broken(folders: Path) -> None:
    (folders / "b.toml").write_text("nonsense")
    (folders / "c.toml").unlink()
    (folders / "d.toml").write_text(LOOK)
    assert [PresetNavigator().beside("a", step).name for step in (1, -1)] == ["d", "d"]
    for name in "ad":
        (folders / f"{name}.toml").write_text("nonsense")
    with pytest.raises(LiveflightError, match="line 1, 'nonsense'"):
        PresetNavigator().beside("a", 1)


def test_any_other_goes_past_what_is_broken_and_says_so(folders: Path) -> None:
    (folders / "b.toml").write_text("nonsense")
    navigator, passed = PresetNavigator(), []
    navigator.on_fault = passed.append
    assert {navigator.another("a", luck / 10).name for luck in range(10)} == {"c"}
    assert {str(each).partition(":")[0] for each in passed} == {f"preset {folders / 'b.toml'}"}
    passed.clear()
    assert navigator.beside("a", 1).name == "c"
    assert len(passed) == 1


def test_favourites_that_cannot_be_read_are_said_and_all_presets_walked(folders: Path) -> None:
    favourite_presets.path().mkdir()
    navigator, passed = PresetNavigator(), []
    navigator.on_fault = passed.append
    assert [navigator.beside("a", 1).name, navigator.another("a", 0.9).name] == [
        "b",
        "c",
    ]
    assert all("favourites" in str(each) for each in passed) and len(passed) == 2


@pytest.mark.parametrize(("luck", "there"), [(0.0, "a"), (0.49, "a"), (0.5, "c"), (0.999, "c")])
def test_another_is_never_the_same(luck: float, there: str) -> None:
    assert PresetNavigator().another("b", luck).name == there


def test_an_only_preset_is_its_own_neighbour(folders: Path) -> None:
    for name in "ab":
        (folders / f"{name}.toml").unlink()
    assert PresetNavigator().beside("c", 1).name == PresetNavigator().another("c", 0.7).name == "c"
    (folders / "c.toml").unlink()
    with pytest.raises(LiveflightError, match="there are no presets"):
        PresetNavigator().beside("c", 1)


def test_a_recorded_shelf_answers_from_the_log_alone_each_question_in_its_order() -> None:
    first, second, third = (Preset(name, {}) for name in ("x", "y", "z"))
    navigator = RecordedPresetNavigator([("+1", first), ("look", second), ("+1", third)])
    heard: list[tuple[str, str]] = []
    navigator.on_answer = lambda question, preset: heard.append((question, preset.name))
    assert navigator.beside("a", 1) is first
    assert navigator.beside("anywhere", 1) is third
    assert navigator.find("look") is navigator.find("look") is second, "the last answer stands"
    assert heard == [("+1", "x"), ("+1", "z"), ("look", "y"), ("look", "y")]
    with pytest.raises(LiveflightError, match="the log has no answer to 'a'"):
        navigator.find("a")
