from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveflight.controllers.midi import bindings as midi_bindings
from liveflight.controllers.midi.bindings import Binding, MidiMap, Source
from liveflight.core.contracts import LiveflightError

KNOB = Source("Launch Control XL", "cc", 9, 21)
BINDINGS = [
    Binding(KNOB, "camera.zoom"),
    Binding(Source("BCR2000", "cc14", 1, 7), "colour.brightness", takeover="jump"),
    Binding(Source("BCR2000", "cc", 1, 90), "camera.rotation", "offset"),
    Binding(Source("Pads", "note", 10, 36), "show.preset", value="reef"),
    Binding(Source("Pads", "note", 10, 37), "mix.random"),
    Binding(Source("Keys", "pitch", 1, 0), "camera.pan_x"),
]
ROW = {"port": "x", "sort": "cc", "channel": 1, "number": 7, "control": "camera.zoom"}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "midi.toml"
    midi_bindings.write(midi_bindings.dump(MidiMap(BINDINGS)), path)
    assert list(midi_bindings.read(path)) == BINDINGS
    assert [each.name for each in path.parent.iterdir()] == ["midi.toml"]


def test_no_file_is_no_bindings(tmp_path: Path) -> None:
    assert list(midi_bindings.read(tmp_path / "midi.toml")) == []


def test_a_source_has_one_control_and_a_control_any_number_of_sources() -> None:
    bindings = MidiMap(BINDINGS)
    bindings.bind(Binding(KNOB, "camera.speed"))
    found = bindings.find(KNOB)
    assert found is not None and found.control == "camera.speed"
    other = Source("Pads", "cc", 1, 1)
    bindings.bind(Binding(other, "camera.speed"))
    assert bindings.forget("camera.speed") == 2
    assert bindings.find(KNOB) is bindings.find(other) is None


def test_no_more_are_bound_than_can_be_read_again(tmp_path: Path) -> None:
    sources = [Source("Launch Control XL MIDI 1", "cc", 1, n) for n in range(100)]
    bindings = MidiMap(Binding(source, "camera.zoom") for source in sources[:99])
    midi_bindings.write(midi_bindings.dump(bindings), tmp_path / "midi.toml")
    assert list(midi_bindings.read(tmp_path / "midi.toml")) == list(bindings)
    bindings.bind(Binding(sources[0], "camera.speed"))  # in place of another
    with pytest.raises(LiveflightError, match="99 knobs are bound"):
        bindings.bind(Binding(sources[99], "camera.zoom"))


def test_a_14_bit_controller_and_its_halves_do_not_stand_beside_each_other() -> None:
    high, low = Source("x", "cc", 1, 7), Source("x", "cc", 1, 39)
    whole = Source("x", "cc14", 1, 7)
    bindings = MidiMap([Binding(high, "camera.zoom"), Binding(low, "camera.speed")])
    bindings.bind(Binding(whole, "camera.pan_x"))
    assert [each.source for each in bindings] == [whole]
    bindings.bind(Binding(low, "camera.speed"))
    assert [each.source for each in bindings] == [low]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"control": "camera.zooom"}, "did you mean 'camera.zoom'?"),
        ({"control": "show.fps"}, "control = 'show.fps'"),
        ({"control": 7}, "control = '7'"),
        ({"sort": "knob"}, "sort = 'knob': allowed is cc, cc14, note, pitch"),
        ({"channel": 0}, "channel = '0': allowed is 1 to 16"),
        ({"channel": True}, "channel = 'True': allowed is 1 to 16"),
        ({"number": 128}, "number = '128': allowed is 0 to 127"),
        ({"sort": "cc14", "number": 32}, "number = '32': allowed is 0 to 31"),
        ({"port": ""}, "port = '': allowed is a line"),
        ({"port": "two\nlines"}, "allowed is a line"),
        ({"turn": "round"}, "turn = 'round': allowed is absolute, offset, twos, sign"),
        ({"takeover": []}, "takeover = '[]': allowed is pickup, jump"),
        ({"knob": 1}, "a binding has no 'knob'"),
        ({"control": "show.preset"}, "value = 'None': allowed is a line"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(change: dict[str, object], said: str) -> None:
    assert len(list(midi_bindings.parse({"version": 1, "binding": [ROW]}))) == 1
    with pytest.raises(LiveflightError) as refused:
        midi_bindings.parse({"version": 1, "binding": [ROW | change]})
    assert said in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "data",
    [{}, {"version": 2}, {"version": True}, {"version": 1, "binding": 3},
     {"version": 1, "bindings": []}, {"version": 1, "binding": [3]},
     {"version": 1, "binding": [ROW] * 100}],
)  # fmt: skip
def test_a_file_of_another_shape_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(LiveflightError):
        midi_bindings.parse(data)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"version = ", b"a=" + b"[" * 40000, b"x" * 70000]
)
def test_a_broken_file_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "midi.toml"
    path.write_bytes(content)
    with pytest.raises(LiveflightError, match=r"midi\.toml"):
        midi_bindings.read(path)


def test_where_it_cannot_be_written_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "midi.toml"
    path.mkdir()
    with pytest.raises(LiveflightError, match="cannot be written"):
        midi_bindings.write("", path)
    assert [each.name for each in tmp_path.iterdir()] == ["midi.toml"]


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_WORDS = st.sampled_from([*ROW, "turn", "takeover", "value"]) | st.text(max_size=8)
_VALUES = _SCALARS | st.sampled_from(["cc", "cc14", "note", "camera.zoom", 7, 1, "offset"])


@given(rows=st.lists(st.dictionaries(_WORDS, _VALUES) | _SCALARS, max_size=3))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_whatever_is_read_is_held_or_refused(rows: list[object]) -> None:
    try:
        bindings = midi_bindings.parse({"version": 1, "binding": rows})
    except LiveflightError as error:
        assert "\n" not in str(error)
        return
    again = midi_bindings.parse(tomllib.loads(midi_bindings.dump(bindings)))
    assert {each.source for each in again} == {each.source for each in bindings}
