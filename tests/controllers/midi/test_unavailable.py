from __future__ import annotations

from pathlib import Path

import pytest

from liveflight.controllers.midi.unavailable import (
    FAILED,
    NOT_WANTED,
    SHOWN_S,
    MidiUnavailable,
)
from liveflight.core.mailbox import Mailbox, Set
from liveflight.loop import open_controllers
from liveflight.loop.open_controllers import OpenControllers
from liveflight.show.options import Options


def test_whoever_wants_to_learn_is_told_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    mailbox, midi = Mailbox(), MidiUnavailable(FAILED)
    midi.open(mailbox)
    assert midi.status_lines() == []
    for now in (5.0, 50.0):
        midi.poll(now)
        midi.publish(now, {}, [Set("camera.zoom", 1.0), Set("midi.learn", "camera.zoom")])
        assert mailbox.drain() == [Set("midi.learn", "")], "nothing is armed any more"
        midi.publish(now, {}, [Set("midi.learn", "")])
        assert mailbox.drain() == []
        midi.poll(now + SHOWN_S - 0.1)
        assert midi.status_lines() == [FAILED]
        midi.poll(now + SHOWN_S)
        assert midi.status_lines() == []
    assert [record.getMessage() for record in caplog.records] == [FAILED]
    midi.close()


@pytest.mark.parametrize(("midi", "said"), [(None, NOT_WANTED), ("", FAILED)])
def test_it_says_whether_midi_was_not_wanted_or_failed(
    midi: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "midi.toml"
    broken.write_text("version = ")
    monkeypatch.setattr("liveflight.controllers.midi.bindings.default_path", lambda: broken)
    reports: list[object] = []
    opened = OpenControllers(
        Mailbox(), lambda trouble, cause=None: reports.append(trouble), background=False
    )
    opened.open(open_controllers.requested(Options(midi=midi, osc_port=0, oscquery_port=0)))
    assert [type(each) for each in opened.opened] == [MidiUnavailable]
    assert [str(broken) in str(each) for each in reports] == [True] * (midi is not None)
    opened.publish(0.0, {}, [Set("midi.learn", "camera.zoom")])
    assert opened.status_lines() == [said]
    opened.close()


def test_it_is_not_there_where_midi_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class OpenMidi(MidiUnavailable):
        listening = True

        def __init__(self, wanted: str) -> None:
            super().__init__("")
            self.wanted = wanted

    monkeypatch.setattr(open_controllers, "MidiInput", OpenMidi)
    ((name, midi),) = open_controllers.requested(Options(midi="box"))
    assert name == "MIDI"
    assert isinstance(midi, OpenMidi) and midi.wanted == "box"


def test_it_holds_its_tongue_once_midi_has_come() -> None:
    there = False
    mailbox, absent = Mailbox(), MidiUnavailable(FAILED, lambda: there)
    absent.open(mailbox)
    absent.publish(0.0, {}, [Set("midi.learn", "camera.zoom")])
    assert mailbox.drain() == [Set("midi.learn", "")]
    there = True
    absent.publish(20.0, {}, [Set("midi.learn", "camera.zoom")])
    absent.poll(20.0)
    assert mailbox.drain() == [] and absent.status_lines() == []
