from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liveflight.core.contracts import LiveflightError
from liveflight.storage import cue_lists, presets
from liveflight.storage.cue_lists import Cue
from liveflight.system.package_data import folder

SHIPPED = sorted(folder("cues").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_lists_name_presets_that_are_there(path: Path) -> None:
    assert {cue.preset for cue in cue_lists.read(path).cues} <= set(presets.names())


def test_a_list_is_read_and_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cue_lists, "user_folder", lambda: tmp_path)
    text = 'version = 1\n[[cue]]\npreset = "a"\nbeats = 16\ntransition_beats = 4\n'
    (tmp_path / "set.toml").write_text(text + '[[cue]]\npreset = "2"\nhold = true\n')
    assert cue_lists.find("set").cues == (
        Cue("a", beats=16.0, transition_beats=4.0),
        Cue("2", hold=True),
    )
    assert "set" in cue_lists.names()
    with pytest.raises(LiveflightError, match="no cue list 'sit'; did you mean 'set'"):
        cue_lists.find("sit")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"preset": "a"}, "cue 1: it needs one of seconds, beats and hold"),
        ({"preset": "a", "seconds": 3, "beats": 4}, "it needs one of"),
        ({"preset": "", "seconds": 3}, "preset = ''"),
        ({"preset": "a", "seconds": 0}, "seconds = '0': allowed is 1 to 86400"),
        ({"preset": "a", "seconds": 3, "curve": "odd"}, "curve = 'odd': allowed are smooth"),
        ({"preset": "a", "second": 3}, "there is no 'second'; did you mean 'seconds'"),
        ("a", "allowed is a table"),
    ],
)
def test_a_wrong_cue_is_named(row: object, reason: str) -> None:
    with pytest.raises(LiveflightError, match=reason):
        cue_lists.parse("set", {"version": 1, "cue": [row]})


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(max_size=200).map(
    lambda text: b'version = 1\n[[cue]]\npreset = "a"\n' + text.encode()))  # fmt: skip
def test_any_bytes_are_a_list_or_a_clear_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(data)
    try:
        assert cue_lists.read(path).cues
    except LiveflightError as error:
        assert "any.toml" in str(error)


def test_a_written_list_is_read_again_and_replaces_nothing_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cue_lists, "user_folder", lambda: tmp_path)
    cues = (Cue("reef", seconds=30.0, transition=4.0, curve="slow start"), Cue("2", hold=True))
    path = cue_lists.write(cue_lists.CueList("tonight", cues, "My night"))
    assert path == tmp_path / "tonight.toml"
    assert cue_lists.find("tonight") == cue_lists.CueList("tonight", cues, "My night")
    other = cue_lists.CueList("tonight", cues[:1])
    with pytest.raises(LiveflightError, match="already"):
        cue_lists.write(other)
    cue_lists.write(other, replace=True)
    assert cue_lists.find("tonight").cues == cues[:1]
    assert cue_lists.is_own("tonight") and not cue_lists.is_own("exhibition")


@pytest.mark.parametrize("name", ["exhibition", "../x", "a/b", "", "nul"])
def test_no_list_is_written_elsewhere_or_over_the_installations(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cue_lists, "user_folder", lambda: tmp_path / "cues")
    with pytest.raises(LiveflightError, match=r"already|cue list name"):
        cue_lists.write(cue_lists.CueList(name, (Cue("a", hold=True),)), replace=True)
    assert list(tmp_path.iterdir()) == []
