from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from each import each
from hypothesis import given
from hypothesis import strategies as st

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target, Value
from liveflight.core.controls import CONTROLS, ROWS, Control
from liveflight.core.modulation import ModulationRow
from liveflight.show import start_flight
from liveflight.storage import named_files, presets
from liveflight.storage.presets import Preset, dump, parse
from liveflight.system.package_data import folder

SAVED = [row for row in ROWS if row.saved]
SHIPPED = sorted(folder("presets").glob("*.toml"))
STEM = Target("efficientnet_lite0", "stem", 3)
WHOLE = Target("vgg16", "conv4_1", None)


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, empty, not yet made."""
    own = tmp_path / "config" / "liveflight" / "presets"
    monkeypatch.setattr(presets, "user_folder", lambda: own)
    return own


@pytest.fixture
def navigator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of the shipped presets: an empty folder."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    monkeypatch.setattr(presets, "folder", lambda name: shipped)
    return shipped


def put(directory: Path, name: str, more: str = "") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.toml"
    path.write_text(f'version = 1\ntargets = ["efficientnet_lite0:stem:3"]\n{more}')
    return path


def reread(preset: Preset) -> Preset:
    return parse(preset.name, tomllib.loads(dump(preset)))


# There and back


def test_a_preset_from_before_there_were_views_is_read(mine: Path) -> None:
    ascent = {"octaves": 2.0, "jitter": 64, "steps": 8, "soften": 20.0, "noise": 0.5, "rate": 0.9}
    lines = "".join(f"{name} = {value}\n" for name, value in ascent.items())
    read = presets.read(put(mine, "old", f"[ascent]\n{lines}"))
    assert read.settings == {f"ascent.{name}": value for name, value in ascent.items()}


def other_value(control: Control) -> Value:
    """One that is not the default."""
    match control.kind:
        case "bool":
            return not control.default
        case "enum":
            return control.choices[-1]
        case "int":
            return int(control.maximum)
    return control.from_position(0.3)


@each(SAVED)
def test_every_control_comes_back(row: Control) -> None:
    value = other_value(row)
    settings = reread(Preset("one", {STEM: 1.0}, {row.key: value})).settings
    assert settings == {row.key: value}
    assert type(settings[row.key]) is type(value)


def test_a_whole_preset_comes_back() -> None:
    settings = {row.key: other_value(row) for row in SAVED}
    preset = Preset(
        name="all",
        targets={STEM: 1.0, WHOLE: 0.25},
        settings=settings,
        journey=(WHOLE, STEM, WHOLE),
        title='Quotes " and \\ backslashes',
        about="Grüße, 波",
        slot=42,
        modulation=(
            ModulationRow("camera.zoom", "lfo", 0.2, beats=8.0),
            ModulationRow("camera.pan_x", "walk", 0.1),
        ),
    )
    assert reread(preset) == preset


def test_defaults_are_left_out_and_a_missing_title_is_the_name() -> None:
    text = dump(Preset("plain", {STEM: 1.0}, {row.key: row.default for row in SAVED}))
    assert tomllib.loads(text) == {
        "version": 1,
        "title": "plain",
        "targets": [{"target": "efficientnet_lite0:stem:3", "weight": 1.0}],
    }


@given(st.floats(min_value=1e-300, max_value=100, exclude_min=True))
def test_every_weight_that_is_allowed_comes_back(weight: float) -> None:
    found = reread(Preset("one", {STEM: weight})).targets[STEM]
    assert found == pytest.approx(weight, rel=1e-3)


def test_what_was_written_is_found_by_name(mine: Path) -> None:
    preset = Preset("mine 2.0-b_c", {WHOLE: 1.0}, {"camera.zoom": 2.5}, title="Mine")
    path = presets.write(preset)
    assert path == mine / "mine 2.0-b_c.toml"
    assert presets.find("mine 2.0-b_c") == presets.read(path) == preset
    assert [entry.name for entry in mine.iterdir()] == [path.name]


def test_writing_again_leaves_the_first_alone_and_takes_the_next_number(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er"
    for zoom, name in ((2.0, "same"), (3.0, "same_2"), (4.0, "same_3")):
        path = presets.write(Preset("same", {}, {"camera.zoom": zoom}), folder)
        assert path == folder / f"{name}.toml"
    zooms = [presets.read(folder / f"same{end}.toml").settings for end in ("", "_2", "_3")]
    assert zooms == [{"camera.zoom": zoom} for zoom in (2.0, 3.0, 4.0)]


# Reading by hand


def test_short_and_long_forms_of_targets() -> None:
    data = tomllib.loads(
        """
version = 1
targets = ["vgg16:conv4_1:*", { target = "efficientnet_lite0:stem:3" },
           { target = "efficientnet_lite0:stem:4", weight = 2 }]
journey = ["efficientnet_lite0:stem:3"]
[camera]
zoom = 2
[warp]
mirror = "Both"
"""
    )
    preset = parse("hand", data)
    assert preset.targets == {WHOLE: 1.0, STEM: 1.0, Target("efficientnet_lite0", "stem", 4): 2.0}
    assert preset.journey == (STEM,)
    assert preset.settings == {"camera.zoom": 2.0, "warp.mirror": "both"}
    assert type(preset.settings["camera.zoom"]) is float
    assert (preset.title, preset.about, preset.slot) == ("", "", None)


def test_only_a_version_is_a_preset_that_leaves_the_targets_alone() -> None:
    assert parse("bare", {"version": 1}) == Preset("bare", {})


# Bad contents: one line that names the field and what is allowed

DEEP = "[" * 5000 + "]" * 5000
BAD_TEXT = {
    "empty": ("", "it has no version: write version = 1 in its first line"),
    "no version": ('title = "x"', "it has no version: write version = 1 in its first line"),
    "wrong version": ("version = 2", "version = 2: allowed is 1: a newer liveflight wrote it"),
    "version as text": ('version = "1"', "version = '1': allowed is 1: write version = 1"),
    "version mistyped": ("verison = 1", "no 'verison'; did you mean 'version'?"),
    "version in a table": ("[camera]\nversion = 1", "it has no version: write version = 1"),
    "a cue list": (
        'version = 1\n[[cue]]\npreset = "reef"',
        "there is no 'cue': the file is a cue list, for --cues",
    ),
    "version as truth": ("version = true", "version = True: allowed is 1"),
    "malformed": ("version = 1\n[camera\n", "line 2"),
    "twice": ("version = 1\nversion = 1\n", "line 2"),
    "nul byte": ("version = 1\0", "line 1"),
    "nul byte in text": ('version = 1\ntitle = "a\0b"', "line 2"),
    "deeply nested": (f"version = 1\ntargets = {DEEP}", "nested too deeply"),
    "too large": ("version = 1\n" + "# hello\n" * 9000, "larger than 14 KiB"),
    "a hundred targets": (
        f"version = 1\njourney = {['vgg16:conv4_1:1'] * 100}",
        "journey = 100 targets: allowed are up to 99",
    ),
    "deep key": ("version = 1\n[" + "a." * 5000 + "b]", "nested too deeply"),
    "deep list": ("version = 1\ntitle = " + "[" * 5000, "nested too deeply"),
    "unknown group": ("version = 1\n[camrea]\nzoom = 1.0", "no 'camrea'; did you mean 'camera'?"),
    "unknown word": ("version = 1\ntarget = []", "no 'target'; did you mean 'targets'?"),
    "unknown control": (
        "version = 1\n[camera]\nzom = 1.0",
        "[camera] has no 'zom'; did you mean 'zoom'?",
    ),
    "control of another group": ("version = 1\n[camera]\nhue = 1.0", "[camera] has no 'hue'"),
    "control that is not saved": ("version = 1\n[show]\nfreeze = true", "[show] has no 'freeze'"),
    "trigger": ("version = 1\n[show]\nquit = true", "[show] has no 'quit'"),
    "group that is no table": ("version = 1\ncamera = 5", "camera = '5': allowed is a table"),
    "group that is a list": ("version = 1\n[[camera]]\nzoom = 1.0", "allowed is a table, [camera]"),
    "text for a number": (
        'version = 1\n[camera]\nzoom = "2"',
        "camera.zoom = '2': allowed is 0.2 to 5 x/s",
    ),
    "truth for a number": ("version = 1\n[camera]\nzoom = true", "camera.zoom = 'True'"),
    "date for a number": ("version = 1\n[camera]\nzoom = 2020-01-01", "camera.zoom = '2020-01-01'"),
    "list for a number": ("version = 1\n[camera]\nzoom = [1.0]", "camera.zoom = '[1.0]'"),
    "number for a switch": (
        "version = 1\n[show]\nautopilot = 1",
        "show.autopilot = '1': allowed is true or false",
    ),
    "number for a choice": (
        "version = 1\n[warp]\nmirror = 1",
        "warp.mirror = '1': allowed is off, horizontal, vertical, both",
    ),
    "unknown choice": ('version = 1\n[warp]\nmirror = "up"', "warp.mirror = 'up'"),
    "fraction for a whole number": (
        "version = 1\n[ascent]\nsteps = 1.5",
        "ascent.steps = '1.5': allowed is 0 to 8 views",
    ),
    "nan": ("version = 1\n[camera]\nzoom = nan", "camera.zoom = 'nan': allowed is 0.2 to 5 x/s"),
    "infinity": ("version = 1\n[camera]\nzoom = inf", "camera.zoom = 'inf'"),
    "minus infinity": ("version = 1\n[colour]\nhue = -inf", "colour.hue = '-inf'"),
    "out of range": (
        "version = 1\n[camera]\nrotation = 181",
        "camera.rotation = '181': allowed is -180 to 180 deg/s",
    ),
    "huge": (
        "version = 1\n[camera]\nrotation = 0x" + "F" * 9000,
        "': the number is too large",
    ),
    "targets that are no list": (
        'version = 1\ntargets = "vgg16:conv4_1:1"',
        "targets = 'vgg16:conv4_1:1': allowed is a list of targets",
    ),
    "journey that is no list": ("version = 1\njourney = 5", "journey = '5': allowed is a list"),
    "target that is a number": ("version = 1\ntargets = [5]", "target '5': allowed is text"),
    "target that is a list": ("version = 1\ntargets = [[]]", "target '[]': allowed is text"),
    "target that is no target": ('version = 1\ntargets = ["vgg16"]', "'vgg16' is not of the form"),
    "stop with a weight": (
        'version = 1\njourney = [{target = "a:b:1"}]',
        "allowed is text, network:layer:filter",
    ),
    "target without a name": ("version = 1\ntargets = [{weight = 1.0}]", "target 'None'"),
    "target with more": (
        'version = 1\ntargets = [{target = "a:b:1", wieght = 1.0}]',
        "allowed are target and weight",
    ),
    "weight 0": (
        'version = 1\ntargets = [{target = "a:b:1", weight = 0}]',
        "weight = '0': allowed is above 0, up to 100",
    ),
    "weight below 0": (
        'version = 1\ntargets = [{target = "a:b:1", weight = -1.0}]',
        "weight = '-1.0': allowed is above 0, up to 100",
    ),
    "weight too large": (
        'version = 1\ntargets = [{target = "a:b:1", weight = 101}]',
        "weight = '101': allowed is above 0, up to 100",
    ),
    "weight nan": ('version = 1\ntargets = [{target = "a:b:1", weight = nan}]', "weight = 'nan'"),
    "weight infinite": (
        'version = 1\ntargets = [{target = "a:b:1", weight = inf}]',
        "weight = 'inf'",
    ),
    "weight as text": (
        'version = 1\ntargets = [{target = "a:b:1", weight = "1"}]',
        "weight = '1': allowed is above 0",
    ),
    "weight as truth": (
        'version = 1\ntargets = [{target = "a:b:1", weight = true}]',
        "allowed are target and weight",
    ),
    "title that is a number": ("version = 1\ntitle = 5", "title = '5': allowed is a line of up to"),
    "about that is too long": (f'version = 1\nabout = "{"x" * 501}"', "up to 500 letters"),
    "about of two lines": ('version = 1\nabout = "a\\nb"', "allowed is a line"),
    "title that moves the cursor": ('version = 1\ntitle = "a\\u001b[2J"', "allowed is a line"),
    "slot 0": ("version = 1\nslot = 0", "slot = '0': allowed is a whole number from 1 to 99"),
    "slot 100": ("version = 1\nslot = 100", "slot = '100'"),
    "slot as text": ('version = 1\nslot = "1"', "slot = '1'"),
    "slot as truth": ("version = 1\nslot = true", "slot = 'True'"),
    "slot as fraction": ("version = 1\nslot = 1.0", "slot = '1.0'"),
}


def refusal(path: Path) -> str:
    with pytest.raises(LiveflightError) as refused:
        presets.read(path)
    said = str(refused.value)
    assert said.startswith(f"preset {path}")
    assert said.count(str(path)) == 1
    assert "\n" not in said and len(said) < len(str(path)) + 300
    return said


@pytest.mark.parametrize("case", BAD_TEXT)
def test_bad_contents_are_named(case: str, tmp_path: Path) -> None:
    text, reason = BAD_TEXT[case]
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    assert reason in refusal(path)


@given(st.binary(max_size=200))
def test_no_bytes_get_past_the_reading(tmp_path_factory: Any, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.toml"
    path.write_bytes(b"version = 1\n" + data)
    try:
        presets.read(path)
    except LiveflightError as error:
        assert "\n" not in str(error)


def test_a_folder_is_no_preset(tmp_path: Path) -> None:
    path = tmp_path / "folder.toml"
    path.mkdir()
    assert refusal(path).endswith("cannot be read: Is a directory")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.toml").endswith("cannot be read: No such file or directory")


def test_a_loop_of_links(tmp_path: Path) -> None:
    path = tmp_path / "loop.toml"
    path.symlink_to(tmp_path / "back.toml")
    (tmp_path / "back.toml").symlink_to(path)
    assert "cannot be read: Too many levels of symbolic links" in refusal(path)


# Presets within reach


@pytest.mark.parametrize(
    "text",
    [
        "../secret",
        "..",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "secret.toml",
        "con",
        "x.",
        "",
        " ",
        "\x00",
        "9" * 5000,
        "٣",
        "x" * 10000,
        "*",
        "[s]ecret",
        "se?ret",
    ],
    ids=lambda text: repr(text[:20]),
)
def test_a_name_is_never_a_path(text: str, navigator: Path, tmp_path: Path) -> None:
    put(tmp_path, "secret")
    put(navigator / "a", "b")
    put(navigator, "secret", "slot = 3")
    with pytest.raises(LiveflightError, match="there is no preset") as refused:
        presets.find(text)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


def test_find_by_name_by_slot_and_by_neither(navigator: Path) -> None:
    put(navigator, "reef", "slot = 1")
    put(navigator, "cathedral", "slot = 12")
    assert presets.find("reef").name == presets.find("1").name == "reef"
    assert presets.find("12").name == "cathedral"
    with pytest.raises(LiveflightError, match=r"no preset 'catedral'; did you mean 'cathedral'\?"):
        presets.find("catedral")
    for path in ("~/sets/Reef.toml", "C:\\sets\\reef.TOML", "reef.toml"):  # of a cue, or by OSC
        with pytest.raises(LiveflightError, match=r"did you mean 'reef'\?"):
            presets.find(path)
    with pytest.raises(LiveflightError, match=r"no preset '2'; `liveflight presets` lists them"):
        presets.find("2")


def test_names_go_by_slot_and_then_by_the_alphabet(navigator: Path) -> None:
    put(navigator, "b")
    put(navigator, "a")
    put(navigator, "later", "slot = 10")
    put(navigator, "first", "slot = 2")
    assert presets.names() == ("first", "later", "a", "b")


def test_the_users_own_goes_before_a_shipped_one(navigator: Path, mine: Path) -> None:
    put(navigator, "reef", "slot = 1\n[camera]\nzoom = 2.0")
    put(navigator, "dunes", "slot = 2")
    put(mine, "reef", "slot = 1\n[camera]\nzoom = 3.0")
    put(mine, "zebra", "slot = 2")
    assert presets.names().count("reef") == 1
    assert presets.find("reef").settings == presets.find("1").settings == {"camera.zoom": 3.0}
    assert presets.find("2").name == "zebra"


def test_a_broken_file_disturbs_no_other(navigator: Path, mine: Path) -> None:
    put(navigator, "reef", "slot = 1")
    put(mine, "broken", "[camera\n")
    (mine / "folder.toml").mkdir()
    (mine / "loop.toml").symlink_to(mine / "loop.toml")
    assert presets.names() == ("reef", "broken", "folder", "loop")
    assert presets.find("1").name == "reef"
    for name in ("broken", "folder", "loop"):
        with pytest.raises(LiveflightError, match=f"{name}.toml"):
            presets.find(name)


@pytest.mark.parametrize(
    "file",
    ["._mine.toml", ".hidden.toml", ".#mine.toml", "#mine.toml#", "~$mine.toml", "mine~.toml",
     "mine.toml~", "mine.toml.bak", ".mine.toml.swp", "mine.txt", ".toml"],
)  # fmt: skip
def test_hidden_files_and_editors_backups_are_not_listed(
    file: str, navigator: Path, mine: Path
) -> None:
    put(mine, "mine")
    (mine / file).write_bytes(b"\x00\x05\x16\x07")
    assert presets.names() == ("mine",)


@pytest.mark.parametrize("file", ["SHOUT.TOML", "SHOUT.Toml", "SHOUT.toml.txt"])
def test_a_suffix_in_capitals_or_with_the_one_that_windows_hides(
    file: str, navigator: Path, mine: Path
) -> None:
    put(mine, "SHOUT").rename(mine / file)
    assert presets.names() == ("SHOUT",)
    assert presets.find("SHOUT").name == "SHOUT"
    put(mine, "SHOUT", "slot = 7")  # as a save would
    assert presets.find("SHOUT").slot == 7
    with pytest.raises(LiveflightError, match="did you mean 'SHOUT'"):
        presets.find("shout")


def test_a_users_folder_that_is_none(navigator: Path, mine: Path) -> None:
    put(navigator, "reef")
    mine.parent.mkdir(parents=True)
    mine.write_text("a file")
    assert presets.names() == ("reef",)
    mine.unlink()
    mine.symlink_to(mine)
    assert presets.names() == ("reef",)


@pytest.mark.skipif(os.name == "nt", reason="XDG is Unix's")
def test_the_users_folder_is_in_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    put(tmp_path / "liveflight" / "presets", "own")
    assert presets.user_folder() == tmp_path / "liveflight" / "presets"
    assert "own" in presets.names()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other"))
    assert presets.user_folder() == tmp_path / "other" / "liveflight" / "presets"


# Writing


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "/etc/x",
        "C:x",
        "~",
        ".hidden",
        " x",
        "x ",
        "x.",
        "x\n",
        "x\x00",
        "con",
        "CON",
        "nul.old",
        "Aux",
        "lpt1",
        "é",
        "a*",
        "x" * 65,
    ],
    ids=repr,
)
def test_a_name_that_is_more_than_a_files_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(LiveflightError, match="preset name") as refused:
        presets.write(Preset(name, {STEM: 1.0}), tmp_path / "kept")
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["a", "0", "x" * 64, "mine 2026-11-23 18.42.00", "cone", "com", "b_-"]
)
def test_a_plain_name_is_taken(name: str, tmp_path: Path) -> None:
    assert presets.read(presets.write(Preset(name, {STEM: 1.0}), tmp_path)).name == name


def test_a_folder_that_cannot_be_made_or_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for place in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "loop"):
        with pytest.raises(
            LiveflightError, match=rf"preset {place / 'one.toml'} cannot be written: \w"
        ):
            presets.write(Preset("one", {STEM: 1.0}), place)
    if os.path.isdir("/proc/self"):
        with pytest.raises(LiveflightError, match="cannot be written"):
            presets.write(Preset("one", {STEM: 1.0}), Path("/proc/self/none"))


def test_what_cannot_be_written_whole_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = presets.write(Preset("one", {STEM: 1.0}, {"camera.zoom": 2.0}), tmp_path)

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(LiveflightError, match="cannot be written: No space left on device"):
        presets.write(Preset("one", {STEM: 1.0}, {"camera.zoom": 3.0}), tmp_path)
    assert presets.read(path).settings == {"camera.zoom": 2.0}
    assert list(tmp_path.iterdir()) == [path]


# What is shipped


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_preset_flies(path: Path) -> None:
    preset = presets.read(path)
    stops = [networks.resolve(stop) for stop in preset.all_targets]
    assert stops, "a shipped preset says what it excites"
    assert preset.title and preset.about
    assert named_files._ALLOWED.fullmatch(preset.name)
    assert presets.find(preset.name) == preset


def test_no_two_shipped_presets_share_a_slot() -> None:
    slots = [slot for path in SHIPPED if (slot := presets.read(path).slot)]
    assert len(set(slots)) == len(slots)
    assert slots


def test_networks_have_their_own_first_flights() -> None:
    assert set(start_flight.PRESET_OF) == set(networks.names()) - {
        *("resnet50", "squeezenet1_1", "vgg16_torchvision")
    }
    assert start_flight.PRESET_OF[networks.names()[0]] == presets.DEFAULT


@pytest.mark.parametrize(("network", "name"), start_flight.PRESET_OF.items())
def test_a_networks_first_flight_is_shipped_and_is_its_own(network: str, name: str) -> None:
    preset = presets.find(name)
    stops = [networks.resolve(stop) for stop in preset.all_targets]
    assert {stop.network for stop in stops} == {network}


def test_every_control_of_a_preset_is_in_the_table() -> None:
    for path in SHIPPED:
        assert presets.read(path).settings.keys() <= CONTROLS.keys()


def test_a_preset_that_has_changed_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for title in ("first", "other"):
        path.write_text(f'version = 1\ntitle = "{title}"\n', encoding="utf-8")
        assert presets.read(path).title == title
    path.write_text("version = 2\n", encoding="utf-8")
    with pytest.raises(LiveflightError):
        presets.read(path)


# Slots


def test_the_first_free_slot_is_the_smallest_that_no_preset_has(
    mine: Path, navigator: Path
) -> None:
    assert presets.free_slot() == 1
    for slot in (1, 3):
        put(mine, f"mine {slot}", f"slot = {slot}\n")
    put(navigator, "shipped", "slot = 2\n")
    put(mine, "broken", "slot = 4\nslot = 5\n")
    assert presets.free_slot() == 4
    for slot in range(4, 100):
        put(mine, f"mine {slot}", f"slot = {slot}\n")
    with pytest.raises(LiveflightError, match="all 99 slots are taken"):
        presets.free_slot()


def test_a_slot_is_what_the_file_says_now(mine: Path, navigator: Path) -> None:
    path = put(mine, "look", "slot = 8\n")
    assert presets.find("8").name == "look"
    put(mine, "look", "slot = 19\n")
    assert presets.find("19").name == "look"
    path.unlink()
    for slot in ("8", "19"):
        with pytest.raises(LiveflightError, match=f"there is no preset '{slot}'"):
            presets.find(slot)


def test_dots_in_a_comment_are_no_deep_key(tmp_path: Path) -> None:
    path = tmp_path / "dotted.toml"
    path.write_text("# " + "." * 40 + "\nversion = 1 # . . . . . . . . . . . . . . . . . .\n")
    assert presets.read(path).name == "dotted"


def test_what_would_be_too_large_to_be_read_is_not_written(tmp_path: Path) -> None:
    row = ModulationRow(
        "camera.zoom", "lfo", 0.123456789, "triangle", 12.5, phase=0.25, smooth=0.123456789
    )
    look = Preset("big", {}, modulation=(row,) * 32, about="\u00e9" * 500)
    assert presets.read(presets.write(look, tmp_path)).modulation == look.modulation
    longest = (Target("n" * 100, "l" * 100, 1),) * 99
    with pytest.raises(LiveflightError, match="larger than 14 KiB"):
        presets.write(replace(look, journey=longest), tmp_path)
    assert presets.read(tmp_path / "big.toml").journey == ()
