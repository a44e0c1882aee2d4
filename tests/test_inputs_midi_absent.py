from __future__ import annotations

import logging

import pytest

from liveflight import surfaces
from liveflight.core.mailbox import Mailbox, Set
from liveflight.inputs.midi_absent import SAID, SHOWN, NoMidi
from liveflight.surfaces import Surfaces
from liveflight.takeoff import Options


def test_whoever_wants_to_learn_is_told_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    mailbox, midi = Mailbox(), NoMidi()
    midi.open(mailbox)
    assert midi.lines() == []
    for now in (5.0, 50.0):
        midi.poll(now)
        midi.tell(now, {}, [Set("camera.zoom", 1.0), Set("midi.learn", "camera.zoom")])
        assert mailbox.drain() == [Set("midi.learn", "")], "nothing is armed any more"
        midi.tell(now, {}, [Set("midi.learn", "")])
        assert mailbox.drain() == []
        midi.poll(now + SHOWN - 0.1)
        assert midi.lines() == [SAID]
        midi.poll(now + SHOWN)
        assert midi.lines() == []
    assert [record.getMessage() for record in caplog.records] == [SAID]
    midi.close()


@pytest.mark.parametrize("midi", [None, ""])
def test_it_is_there_where_midi_is_not(
    midi: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    for name in ("rtmidi", "rtmidi2"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    reports: list[object] = []
    opened = Surfaces(Mailbox(), reports.append)
    opened.open(surfaces.asked_for(Options(midi=midi, osc_port=0, oscquery_port=0)))
    assert [type(each) for each in opened.opened] == [NoMidi]
    assert len(reports) == (midi is not None)
    opened.close()


def test_it_is_not_there_where_midi_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Heard(NoMidi):
        listening = True

        def __init__(self, wanted: str) -> None:
            self.wanted = wanted

    monkeypatch.setattr(surfaces, "MidiInput", Heard)
    (midi,) = surfaces.asked_for(Options(midi="box"))
    assert isinstance(midi, Heard) and midi.wanted == "box"
