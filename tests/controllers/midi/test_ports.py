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

from liveflight.controllers.midi import ports as midi_ports
from liveflight.controllers.midi.input import MidiInput
from liveflight.core.contracts import LiveflightError
from liveflight.core.mailbox import Mailbox, Set


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
