"""MIDI input over ports that a test plugs and unplugs; test_ports has real ones."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from each import each
from jack_box import until

from liveflight.controllers.midi import bindings as midi_bindings
from liveflight.controllers.midi.bindings import Binding, MidiMap, Source
from liveflight.controllers.midi.input import MidiInput
from liveflight.controllers.midi.ports import MidiListener, PortMessage
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.control import Control
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Beat, Mailbox, Message, Nudge, Set, Trigger


class Plugs:
    """Stand in for ports that the test plugs and unplugs."""

    def __init__(self) -> None:
        self.there = ["Box"]
        self.heard: dict[str, MidiListener] = {}
        self.broken = self.sending = False
        self.sent: list[PortMessage] = []

    def names(self) -> list[str]:
        if self.broken:
            raise RuntimeError("no sequencer")
        return list(self.there)

    def open(self, name: str, heard: MidiListener) -> None:
        if name == "Busy":
            raise OSError(f"MIDI port {name!r} cannot be opened: busy")
        self.heard[name] = heard

    def send(self, messages: Sequence[PortMessage]) -> None:
        self.sent += messages

    def close(self, name: str) -> None:
        self.heard.pop(name, None)

    def close_all(self) -> None:
        self.heard.clear()

    def say(self, *data: int, port: str = "Box") -> None:
        self.heard[port](data)


class Desk:
    """Hold an open input; the test triggers each scan for ports itself."""

    def __init__(self, path: Path, wanted: str = "") -> None:
        self.plugs, self.mailbox, self.time = Plugs(), Mailbox(), 0.0
        self.path = path
        self.midi = MidiInput(wanted, path, lambda: self.plugs, lambda: self.time)
        self.midi.open(self.mailbox)
        self.midi.rescan()
        self.values: dict[str, Value] = {row.key: row.default for row in ROWS}

    def publish(self, *heard: Message) -> None:
        self.midi.publish(0.0, self.values, heard)

    def said(self, *packets: Sequence[int]) -> list[Message]:
        for packet in packets:
            self.plugs.say(*packet)
        return self.mailbox.drain()


def learn(desk: Desk, key: str, number: int, port: str) -> None:
    desk.publish(Set("midi.learn", key))
    for value in range(20, 120, 7):
        desk.plugs.say(0xB0, number, value, port=port)
    desk.publish(*desk.mailbox.drain())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "midi.toml")
    yield desk
    desk.midi.close()


def test_a_program_change_recalls_the_preset_of_its_slot(desk: Desk) -> None:
    assert desk.said([0xC0, 4]) == [Set("show.preset", "5")]


def test_a_knob_is_learned_saved_and_played(desk: Desk) -> None:
    assert desk.said([0xB0, 7, 10], [0xB0, 7, 60]) == []
    desk.publish(Set("midi.learn", "camera.rotation"))
    assert "camera.rotation" in desk.midi.status_lines()[0]
    assert desk.said(*([0xB2, 21, 60 + 3 * n] for n in range(4))) == [Set("midi.learn", "")]
    assert desk.midi.status_lines() == []
    assert desk.said([0xB2, 21, 127]) == [Set("camera.rotation", 180.0)]
    desk.midi.close()
    assert list(midi_bindings.read(desk.path)) == [
        Binding(Source("Box", "cc", 3, 21), "camera.rotation")
    ]


def test_no_frame_waits_while_bindings_are_made_into_text(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[bool] = []

    def dump(bindings: MidiMap) -> str:
        frame = threading.Thread(target=lambda: (desk.midi.status_lines(), desk.midi.poll(0.0)))
        frame.start()
        frame.join(2.0)
        waited.append(frame.is_alive())
        return ""

    monkeypatch.setattr(midi_bindings, "dump", dump)
    learn(desk, "camera.rotation", 1, "Box")
    desk.midi.close()
    assert waited and not any(waited)


def test_what_is_learned_while_the_file_is_written_at_the_end_is_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = midi_bindings.write
    closing = threading.Thread(target=desk.midi.close)

    def slow(text: str, path: Path) -> None:
        monkeypatch.setattr(midi_bindings, "write", write)
        learn(desk, "camera.pan_x", 2, "Box")
        closing.start()
        closing.join(0.2)
        write(text, path)

    monkeypatch.setattr(midi_bindings, "write", slow)
    learn(desk, "camera.rotation", 1, "Box")
    until(lambda: not desk.midi.listening)
    kept = [each.control for each in midi_bindings.read(desk.path)]
    assert kept == ["camera.rotation", "camera.pan_x"]


def test_a_pad_learns_a_text_with_what_it_is_set_to(desk: Desk) -> None:
    desk.values["show.preset"] = "plumage"
    desk.publish(Set("midi.learn", "show.preset"))
    assert desk.said([0x99, 36, 100], [0x89, 36, 0]) == [Set("midi.learn", "")]
    assert desk.said([0x99, 36, 100], [0x89, 36, 0]) == [Set("show.preset", "plumage")]


def test_what_is_armed_may_be_freed_or_laid_aside(desk: Desk) -> None:
    desk.publish(Set("midi.learn", "mix.random"))
    desk.said([0x90, 40, 90])
    assert desk.said([0x90, 40, 90]) == [Trigger("mix.random")]
    desk.publish(Set("midi.learn", "mix.random"), Trigger("midi.forget"))
    assert desk.mailbox.drain() == [Set("midi.learn", "")]
    assert desk.said([0x90, 40, 90]) == []
    desk.publish(Set("midi.learn", "mix.random"))
    desk.publish(Set("midi.learn", ""))
    assert desk.midi.status_lines() == [] and desk.said([0x90, 40, 90]) == []


@pytest.mark.parametrize(
    ("key", "trouble"),
    [
        ("camera.zooom", "did you mean 'camera.zoom'?"),
        ("show.fps", "show.fps cannot be set"),
        ("mix.target", "mix.target is empty"),
    ],
)
def test_what_cannot_be_learned_is_said_once(
    key: str, trouble: str, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    for _ in range(3):
        desk.publish(Set("midi.learn", key))
    assert desk.midi.status_lines() == []
    assert [trouble in record.message for record in caplog.records] == [True]


def test_a_clock_says_where_it_is_when_asked(desk: Desk) -> None:
    desk.plugs.say(0xFA)
    for tick in range(49):
        desk.time = tick * 0.02
        desk.plugs.say(0xF8)
    desk.midi.poll(desk.time)
    (beat,) = desk.mailbox.drain()
    assert isinstance(beat, Beat)
    assert (beat.position, beat.bpm) == (pytest.approx(2.0), pytest.approx(125.0))
    desk.plugs.say(0xFC)
    desk.midi.poll(desk.time)
    assert desk.mailbox.drain() == []


def test_ports_come_and_go_with_one_line_each(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    desk.plugs.there = []
    desk.midi.rescan()
    desk.midi.rescan()
    assert desk.plugs.heard == {}
    desk.plugs.there = ["Box", "Busy"]
    desk.midi.rescan()
    desk.midi.rescan()
    assert [record.message for record in caplog.records] == [
        "MIDI port Box is gone",
        "MIDI port Box is open",
        "MIDI port 'Busy' cannot be opened: busy",
    ]
    assert desk.said([0xC0, 0]) == [Set("show.preset", "1")]


def test_without_mido_no_ports_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mido", None)
    made: list[Plugs] = []

    def ports() -> Plugs:
        made.append(Plugs())
        return made[-1]

    with pytest.raises(LiveflightError, match=r'pip install "liveflight\[midi\]"'):
        MidiInput("", tmp_path / "midi.toml", ports).open(Mailbox())
    assert made == []


def test_only_the_ports_that_are_wanted_are_opened(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "midi.toml", wanted="launch")
    assert desk.plugs.heard == {}
    desk.plugs.there.append("My Launch Control")
    desk.midi.rescan()
    assert set(desk.plugs.heard) == {"My Launch Control"}
    desk.midi.close()
    desk.midi.close()


def plugged_in_again(desk: Desk, *stages: list[str]) -> None:
    for desk.plugs.there in stages:
        desk.midi.rescan()


def test_a_box_plugged_in_before_its_old_port_was_gone_learns_under_its_own_name(
    desk: Desk,
) -> None:
    learn(desk, "camera.rotation", 1, "Box")
    plugged_in_again(desk, ["Box", "Box #2"], ["Box #2"])
    learn(desk, "camera.pan_x", 2, "Box #2")
    for port in ("Box #2", "Box"):
        plugged_in_again(desk, [port])
        for number, key in ((1, "camera.rotation"), (2, "camera.pan_x")):
            for value in range(0, 128, 4):
                desk.plugs.say(0xB0, number, value, port=port)
            assert {m.key for m in desk.mailbox.drain() if isinstance(m, Set)} == {key}


def test_real_twins_learn_apart(desk: Desk) -> None:
    plugged_in_again(desk, ["Box", "Box #2"])
    learn(desk, "camera.rotation", 1, "Box")
    learn(desk, "camera.pan_x", 1, "Box #2")
    plugged_in_again(desk, ["Box #2"])
    learn(desk, "camera.pan_y", 2, "Box #2")
    desk.midi.close()
    assert [(each.source.port, each.control) for each in midi_bindings.read(desk.path)] == [
        ("Box", "camera.rotation"),
        ("Box #2", "camera.pan_x"),
        ("Box #2", "camera.pan_y"),
    ]


@pytest.mark.parametrize("data", [[], [0xB0], [0x00, 0x01], [0xF0, 1, 2, 0xF7]])
def test_nonsense_moves_nothing(data: list[int], desk: Desk) -> None:
    assert desk.said(data) == []


def test_several_messages_in_one_go_are_all_heard(desk: Desk) -> None:
    assert desk.said([0xC0, 1, 0xF8, 0xC1, 2]) == [Set("show.preset", "2"), Set("show.preset", "3")]
    assert desk.said([0xC0, 1, 0x90, 40, 90]) == [Set("show.preset", "2")]


def test_what_a_learned_knob_moves_is_shown_by_the_others_and_an_echo_moves_nothing(
    desk: Desk,
) -> None:
    learn(desk, "camera.rotation", 1, "Box")
    learn(desk, "camera.rotation", 2, "Box")
    desk.plugs.sent.clear()
    desk.time = 10.0
    (moved,) = desk.said([0xB0, 1, 127])
    assert isinstance(moved, Set)
    desk.values["camera.rotation"] = moved.value
    desk.midi.publish(10.0, desk.values, [moved])
    assert desk.plugs.sent == [("Box", [0xB0, 2, 127])]
    assert desk.said([0xB0, 2, 127]) == [], "a loop, or a motor on its way"
    desk.values["camera.rotation"] = -180.0
    desk.plugs.sending = True
    desk.midi.publish(11.0, desk.values, [])
    desk.plugs.sending = False
    assert len(desk.plugs.sent) == 1, "the last is still being sent"
    desk.midi.publish(12.0, desk.values, [])
    assert sorted(desk.plugs.sent[1:]) == [("Box", [0xB0, 1, 0]), ("Box", [0xB0, 2, 0])]


def test_a_box_that_comes_back_is_shown_everything(desk: Desk) -> None:
    learn(desk, "show.blackout", 1, "Box")
    desk.publish()
    desk.plugs.sent.clear()
    for desk.plugs.there in ([], ["Box"]):
        desk.midi.rescan()
        desk.midi.publish(50.0, desk.values, [])
    assert desk.plugs.sent == [("Box", [0xB0, 1, 0])]


def test_bindings_of_the_file_are_played(tmp_path: Path) -> None:
    path = tmp_path / "midi.toml"
    wheel = Binding(Source("Box", "pitch", 1, 0), "camera.pan_x", takeover="jump")
    offset = Binding(Source("Box", "cc", 1, 9), "camera.pan_y", "offset")
    midi_bindings.write(midi_bindings.dump(MidiMap([wheel, offset])), path)
    desk = Desk(path)
    assert desk.said([0xE0, 127, 127]) == [Set("camera.pan_x", 1.0)]
    assert desk.said([0xB0, 9, 65]) == [Nudge("camera.pan_y", 1 / 128)]
    desk.midi.close()


def test_a_system_without_midi_is_reported_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.plugs.broken = True
    caplog.clear()
    with caplog.at_level(logging.WARNING), pytest.raises(RuntimeError):
        desk.midi.rescan()


@each([r for r in ROWS if r.settable or r.kind == "trigger"])
def test_every_control_that_can_be_moved_or_fired_learns_a_pad(row: Control, desk: Desk) -> None:
    if row.kind == "text":
        desk.values[row.key] = "reef"
    desk.publish(Set("midi.learn", row.key))
    assert desk.said([0x90, 40, 127], [0x80, 40, 0]) == [Set("midi.learn", "")]
    (message,) = desk.said([0x90, 40, 127], [0x80, 40, 0])
    assert isinstance(message, Set | Nudge | Trigger) and message.key == row.key


def test_texts_of_the_network_do_not_fill_the_memory(desk: Desk) -> None:
    for number in range(100):
        desk.publish(Set("midi.learn", f"nothing.{number}"))
    assert len(desk.midi._faults._logged) <= 32
