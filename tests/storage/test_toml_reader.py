"""Text as people's editors leave it, and TOML with the mistakes that people make."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from liveflight.controllers.midi import bindings
from liveflight.core.contracts import LiveflightError, Target
from liveflight.core.mailbox import Set
from liveflight.storage import cue_lists, favourite_presets, presets, recording
from liveflight.storage.presets import Preset
from liveflight.storage.toml_reader import decode, dump, parse

TEXT = 'version = 1\ntitle = "FM-Höhe"\n'
ENCODED = {
    "UTF-8": TEXT.encode(),
    "UTF-8 with a mark": TEXT.encode("utf-8-sig"),
    "Windows' line ends": TEXT.replace("\n", "\r\n").encode(),
    "old macOS' line ends": TEXT.replace("\n", "\r").encode(),
    "Latin-1": TEXT.encode("latin-1"),
    "UTF-16 with a mark": TEXT.replace("\n", "\r\n").encode("utf-16"),
    "UTF-16 the other way round": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "UTF-16 without a mark": TEXT.encode("utf-16-le"),
    "UTF-16 the other way round without a mark": TEXT.encode("utf-16-be"),
    "UTF-32": TEXT.encode("utf-32"),
}


@pytest.mark.parametrize("case", ENCODED)
def test_any_usual_encoding_is_read(case: str, tmp_path: Path) -> None:
    assert decode(ENCODED[case]) == TEXT
    path = tmp_path / "one.toml"
    path.write_bytes(ENCODED[case])
    assert presets.read(path).title == "FM-Höhe"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", "only macOS's note on a file"),
        (TEXT.encode("utf-16")[:-1], "it is damaged UTF-16 text: save it as UTF-8"),
        (b'version = 1\nabout = "a\x00b"', "line 2: it holds a zero byte, and is no text"),
    ],
)
def test_what_is_no_text_is_named(data: bytes, said: str) -> None:
    with pytest.raises(LiveflightError, match=said):
        decode(data)


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_every_kind_of_file_is_read_that_way(
    codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(name: str, text: str) -> Path:
        (tmp_path / name).write_bytes(text.replace("\n", "\r\n").encode(codec))
        return tmp_path / name

    listed = put("set.toml", 'version = 1\n[[cue]]\npreset = "reef"\nseconds = 9\n')
    assert cue_lists.read(listed).cues[0].preset == "reef"
    bound = put(
        "midi.toml",
        'version = 1\n[[binding]]\nport = "x"\nsort = "cc"\ncontrol = "camera.zoom"\n',
    )
    assert [binding.control for binding in bindings.read(bound)] == ["camera.zoom"]
    liked = put("favourites.txt", "reef\nplumage\n")
    monkeypatch.setattr(favourite_presets, "path", lambda: liked)
    assert set(favourite_presets.read()) == {"reef", "plumage"}
    flown = recording.Recording(Preset("a", {Target("vgg16", "conv4_1", 1): 1.0}), {}, 7, 24.0)
    said = recording.frame(0.5, [Set("camera.zoom", 2.0)], [])
    log = put("night.log", recording.header(flown) + said + recording.end(1.0) + "\n")
    assert next(iter(recording.read(log).said)) == (0.5, [Set("camera.zoom", 2.0)])


def test_a_file_of_another_kind_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TEXT)
    with pytest.raises(LiveflightError, match="line 1: it is no log of a flight"):
        recording.read(tmp_path / "a.toml")


MISTAKES = {
    "zoom = 1,1": "a fraction has a point, not a comma: 1.1",
    "pan_x = -0,25  # left": "a fraction has a point, not a comma: -0.25",
    "targets = [{ target = 'a:b:1', weight = 0,5 }]": "a fraction has a point, not a comma: 0.5",
    "zoom = .5": "a number begins with a digit: 0.5",
    "zoom = 2.": "a number ends with a digit: 2.0",
    "slot = 07": "a number begins with no 0: 7",
    "rotation = 20 deg/s": "write the number alone: 20",
    "amount = 50%": "write the number alone: 50",
    "zoom = 1.1;": "write the number alone: 1.1",
    "pan_x = \u22120.5": "write a plain minus: -",
    "autopilot = True": "true and false have no capitals",
    "autopilot = yes": 'a switch is true or false; a choice is in quotes: "yes"',
    "mirror = both": 'text is written in quotation marks: "both"',
    "title = \u201cMine\u201d": 'write plain quotation marks: "',
    'title = "Mine': "a quotation mark is missing",
    "title = 'it's'": "a quotation mark is missing",
    'title = "C:\\de"': r"a backslash is written twice: \\",
    "zoom\u00a0= 1.1": "it holds a special space: type plain ones",
    "zoom: 1.1": "write an equals sign: zoom =",
    "zoom 1.1": "an equals sign is missing: zoom = ...",
    "zoom == 1.1": "write one =",
    "zoom = ": "there is no value after =",
    "zoom = 1.1 rotation = 2": "each name = value has a line of its own",
    "[camera": "a table's name stands in brackets: [camera]",
    "camera]": "a table's name stands in brackets: [camera]",
    "// slow": "a comment begins with #",
    "version = 1": "it is there twice: leave one out",
    'journey = ["a:b:1" "a:b:2"]': "a comma is missing between two entries of a list",
    'journey = ["a:b:1"': "the ] at the end of a list is missing",
    "<html>": "it is a web page, not TOML",
    '{"version": 1}': "it is JSON, not TOML",
    "zoom = 1 .5": "unexpected key or value",  # the parser's own words are left
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_named_with_its_line_and_what_to_write(line: str) -> None:
    with pytest.raises(LiveflightError) as refused:
        parse(f"version = 1\n{line}\n" if line != "[camera" else f"version = 1\n{line}")
    assert str(refused.value).startswith(f"line 2, {line.strip()[:40]!r}: {MISTAKES[line]}")
    assert "\n" not in str(refused.value)


def test_texts_and_other_lines_mislead_nobody() -> None:
    with pytest.raises(LiveflightError, match=r"line 2, .*: a fraction has a point"):
        parse('title = "it\u2019s 1: = true"\nzoom = 1,5 # \u201cfast\u201d\nx = [1,2]')


def test_what_is_written_is_read_again() -> None:
    data = {
        "text": "Grüße \" ' \\ \u2028", "numbers": [1e-300, 0.1, 1e22, -0.0], "whole": 2**63 - 1,
        "table": {"rows": [{"a": 1}, {}], "text": "", "deeper": {"switch": True}}, "last": "value",
    }  # fmt: skip
    assert parse(dump(data)) == tomllib.loads(dump(data)) == data
