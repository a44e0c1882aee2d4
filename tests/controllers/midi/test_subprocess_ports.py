"""Real ports in a real process; skipped without JACK, and where RtMidi takes ALSA's sequencer."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from jack_box import Box, until

from liveflight.controllers.midi.subprocess_ports import SubprocessPorts
from liveflight.core.contracts import LiveflightError

pytestmark = pytest.mark.skipif(Path("/dev/snd/seq").exists(), reason="RtMidi takes ALSA's ports")


@pytest.fixture
def box(jack: ModuleType) -> Iterator[Box]:
    box = Box(jack, "Box")
    yield box
    box.unplug()


def test_ports_are_heard_until_their_process_ends_and_again_after_it(
    box: Box, started: list[subprocess.Popen[bytes]]
) -> None:
    ports = SubprocessPorts()
    for note in (1, 2):
        heard: list[Sequence[int]] = []
        assert ports.names() == ["Box:knobs"]
        with pytest.raises(OSError, match="'Hat' is gone"):
            ports.open("Hat", heard.append)
        ports.open("Box:knobs", heard.append)
        box.send(0x90, note, 100)
        until(lambda: bool(heard))  # noqa: B023
        assert heard == [[0x90, note, 100]]
        if note == 1:
            started[0].kill()
            started[0].wait(10)
            assert ports.names() == []
    ports.close("Box:knobs")
    ports.close_all()
    assert len(started) == 2 and started[1].returncode == 0


def test_a_box_is_sent_messages_without_a_wait(jack: ModuleType) -> None:
    box = Box(jack, "Desk", lights=True)
    ports = SubprocessPorts()
    try:
        assert ports.names() == ["Desk:knobs"]
        ports.open("Desk:knobs", lambda data: None)
        for value in (1, 2):
            until(lambda: not ports.sending)
            ports.send([("Desk:knobs", [0xB0, 7, value]), ("Hat", [0xB0, 7, 3])])
            until(lambda: [0xB0, 7, value] in box.shown)  # noqa: B023
        assert box.shown == [[0xB0, 7, 1], [0xB0, 7, 2]]
        ports.close("Desk:knobs")
    finally:
        ports.close_all()
        box.unplug()
    ports.send([("Desk:knobs", [0xB0, 7, 4])])
    assert ports.sending, "the process has ended: nothing is asked of it until another has begun"


def test_a_system_without_midi_says_what_to_start_and_jack_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "liveflight-none")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    with pytest.raises(LiveflightError, match="modprobe snd-seq"):
        SubprocessPorts()
    assert capfd.readouterr() == ("", "")
