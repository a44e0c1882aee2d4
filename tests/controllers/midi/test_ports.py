"""Real ports on a JACK server, skipped without one.

On machines with ALSA's sequencer the same library uses that instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jack_box import Box, until

from liveflight.controllers.midi import bindings as midi_bindings
from liveflight.controllers.midi import ports as midi_ports
from liveflight.controllers.midi.bindings import Binding, MidiMap, Source
from liveflight.controllers.midi.input import MidiInput
from liveflight.core.contracts import LiveflightError
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Mailbox, Message, Set


@pytest.fixture
def ports(jack: ModuleType) -> Iterator[midi_ports.Ports]:
    """Yield python-rtmidi's ports: the JACK in rtmidi2's wheels needs a server of its version."""
    opened = midi_ports.RtMidiPorts(jack, [jack.API_UNIX_JACK])
    yield opened
    opened.close_all()


def test_a_box_is_heard_vanishes_and_returns(
    jack: ModuleType, ports: midi_ports.Ports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveflight.controllers.midi.input.RESCAN_INTERVAL_S", 0.05)
    mailbox = Mailbox()
    midi = MidiInput(bindings=tmp_path / "midi.toml", ports=lambda: ports)
    midi.open(mailbox)
    try:
        for slot in (3, 5):
            box = Box(jack, "Launch Control")
            until(lambda: bool(midi.ports_open))
            box.send(0xC0, slot - 1)
            heard: list[object] = []
            until(lambda: bool(heard.extend(mailbox.drain()) or heard))  # noqa: B023
            assert heard == [Set("show.preset", str(slot))]
            box.unplug()
            until(lambda: not midi.ports_open)
    finally:
        midi.close()


def test_a_learned_box_is_shown_its_controls_each_time_it_is_plugged_in(
    jack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveflight.controllers.midi.input.RESCAN_INTERVAL_S", 0.05)
    mailbox, values = Mailbox(), {row.key: row.default for row in ROWS}
    path = tmp_path / "midi.toml"
    fader = Binding(Source("Desk:knobs", "cc", 1, 7), "camera.rotation")
    pad = Binding(Source("Desk:knobs", "note", 1, 40), "show.blackout")
    midi_bindings.write(midi_bindings.dump(MidiMap([fader, pad])), path)
    midi = MidiInput(
        bindings=path, ports=lambda: midi_ports.RtMidiPorts(jack, [jack.API_UNIX_JACK])
    )
    midi.open(mailbox)
    now = 0.0

    def frame(*heard: Message) -> None:
        nonlocal now
        now += 0.1
        midi.publish(now, values, heard)

    def shows(*messages: list[int]) -> bool:
        frame()
        return sorted(box.shown) == sorted(messages)

    try:
        for blackout in (False, True):
            values["show.blackout"] = blackout
            box = Box(jack, "Desk", lights=True)
            until(lambda: bool(midi.ports_open))
            lit = [0x90, 40, 127 * blackout]
            until(lambda: shows([0xB0, 7, 64], lit))  # noqa: B023
            values["camera.rotation"] = 180.0
            until(lambda: shows([0xB0, 7, 64], lit, [0xB0, 7, 127]))  # noqa: B023
            values["camera.rotation"] = 0.0
            box.unplug()
            until(lambda: not midi.ports_open)
            frame()
    finally:
        midi.close()


def test_two_alike_have_names_of_their_own(jack: ModuleType, ports: midi_ports.Ports) -> None:
    one, other = Box(jack, "Twin"), Box(jack, "Twin")
    assert ports.names() == ["Twin:knobs", "Twin:knobs #2"]
    with pytest.raises(OSError, match="'Triplet' is gone"):
        ports.open("Triplet", lambda data: None)
    one.unplug()
    other.unplug()


class Listed:
    """Stand in for a library that lists given names."""

    def __init__(self, *listed: str) -> None:
        self.listed = list(listed)

    def MidiIn(self, api: int, name: str) -> Listed:  # noqa: N802
        return self

    def get_ports(self) -> list[str]:
        return self.listed


@pytest.mark.parametrize(
    ("listed", "again", "name"),
    [
        ("Box:Box MIDI 1 20:0", "Box:Box MIDI 1 28:0", "Box:Box MIDI 1"),
        ("Box:knobs", "Box-01:knobs", "Box:knobs"),
        ("a2j:Box [20] (capture): MIDI 1", "a2j:Box [28] (capture): MIDI 1",
         "a2j:Box (capture): MIDI 1"),
    ],
)  # fmt: skip
def test_a_box_that_is_plugged_in_again_has_its_name_again(
    listed: str, again: str, name: str
) -> None:
    library: Any = Listed(listed, "Liveflight:in")
    ports = midi_ports.RtMidiPorts(library, [1])
    assert ports.names() == [name]
    library.listed = []
    assert ports.names() == []
    library.listed = [again]
    assert ports.names() == ports.names() == [name]
    library.listed = [listed]  # between two scans: missing once, so that it is opened again
    assert ports.names() == []
    assert ports.names() == [name]


@pytest.mark.parametrize(
    ("listed", "name"),
    [("Box 20:0", "Box"), ("a2j:Box [20] (capture): MIDI 1", "a2j:Box (capture): MIDI 1")],
)
def test_a_box_that_alsa_lists_as_before_is_gone_first(
    listed: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(midi_ports, "_SOUND_DEVICES", tmp_path)
    for card in ("controlC1", "controlC2", "next"):
        (tmp_path / card).touch()
    library: Any = Listed(listed, "Pads 24:0", "Through 14:0")
    ports = midi_ports.RtMidiPorts(library, [1])
    assert ports.names() == ports.names() == [name, "Pads", "Through"]
    (tmp_path / "next").replace(tmp_path / "controlC1")
    assert ports.names() == ["Pads", "Through"]
    assert set(ports.names()) == {name, "Pads", "Through"}


def test_on_windows_a_box_keeps_its_name_when_another_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    library: Any = Listed("Pads 0", "Launch Control 1", "Launch Control 2")
    ports = midi_ports.RtMidiPorts(library, [1])
    assert ports.names() == ["Pads", "Launch Control", "Launch Control #2"]
    library.listed = ["Launch Control 0", "Launch Control 1"]
    assert ports.names() == ["Launch Control", "Launch Control #2"]


def test_two_alike_keep_their_names_whichever_goes() -> None:
    library: Any = Listed("Box 20:0", "Box 24:0", "Same", "Same")
    ports = midi_ports.RtMidiPorts(library, [1])
    assert ports.names() == ["Box", "Box #2", "Same", "Same #2"]
    library.listed = ["Box 24:0"]
    assert ports.names() == ["Box #2"]
    library.listed = ["Box 24:0", "Box 28:0"]
    assert ports.names() == ["Box #2", "Box"]


@pytest.mark.parametrize(
    ("listed", "outputs", "place"),
    [
        # ALSA lists both by one name, JACK's bridges by names that differ in a word.
        ("Box:Box MIDI 1 20:0", ["Through 14:0", "Box:Box MIDI 1 20:0"], 1),
        ("system:midi_capture_2", ["system:midi_playback_1", "system:midi_playback_2"], 1),
        ("a2j:Box [20] (capture): MIDI 1", ["a2j:Box [20] (playback): MIDI 1"], 0),
        ("MIDIIN2 (Pads)", ["Pads", "MIDIOUT2 (Pads)"], 1),
        ("Box:knobs", ["Other:lights", "Box-01:lights"], 1),  # a program's own
        ("Box:knobs", ["Box:lights", "Box:display"], None),
        ("Box", ["Other"], None),
    ],
)
def test_which_output_belongs_to_an_input(
    listed: str, outputs: list[str], place: int | None
) -> None:
    port = (listed, 0, 0)
    assert midi_ports.output_place(port, [port], outputs) == place


def test_the_second_of_two_alike_has_the_second_output() -> None:
    ports = [("Twin", number, 0) for number in range(3)]
    places = [midi_ports.output_place(port, ports, ["Twin", "x", "Twin"]) for port in ports]
    assert places == [0, 2, None]


def test_without_a_package_the_error_names_the_install_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("rtmidi", "rtmidi2"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(LiveflightError, match=r'pip install "liveflight\[midi\]"'):
        midi_ports.system_ports()


def test_a_system_without_midi_says_what_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        @staticmethod
        def MidiIn(api: int, name: str) -> None:  # noqa: N802
            raise SystemError("no sequencer")

    with pytest.raises(LiveflightError, match="modprobe snd-seq"):
        midi_ports.RtMidiPorts(Library, [1, 2])  # type: ignore[arg-type]
