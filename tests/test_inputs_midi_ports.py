"""Real ports, by a JACK server that the test starts; skipped where there is none. On machines with
ALSA's sequencer the same library takes that."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.core.mailbox import Mailbox, Set
from liveflight.inputs import midi_ports
from liveflight.inputs.midi import MidiInput


def until(wanted: Callable[[], bool]) -> None:
    """Waits for another process or thread, ten seconds at most."""
    end = time.monotonic() + 10
    while not wanted():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def jack() -> Iterator[None]:
    """A server of its own, with a made-up sound card."""
    if not shutil.which("jackd"):
        pytest.skip("needs jackd (Debian: jackd2)")
    name = f"liveflight-test-{os.getpid()}"
    command = ["jackd", "--no-realtime", "--name", name, "-d", "dummy"]
    with (
        pytest.MonkeyPatch.context() as patched,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as server,
    ):
        patched.setenv("JACK_DEFAULT_SERVER", name)
        patched.setenv("JACK_NO_START_SERVER", "1")
        try:
            yield
        finally:
            server.terminate()


class Box:
    """A controller: a virtual port that sends; unplugged when closed."""

    def __init__(self, library: ModuleType, name: str) -> None:
        self._out: Any = library.MidiOut(library.API_UNIX_JACK, name=name)
        self._out.open_virtual_port("knobs")

    def send(self, *data: int) -> None:
        self._out.send_message(data)

    def unplug(self) -> None:
        self._out.close_port()
        del self._out


@pytest.fixture
def ports(jack: None) -> Iterator[midi_ports.Ports]:
    """python-rtmidi's. The JACK in rtmidi2's wheels does not speak with other versions' servers."""
    rtmidi = pytest.importorskip("rtmidi")
    until(lambda: _starts(rtmidi))
    opened = midi_ports._RtMidi(rtmidi, [rtmidi.API_UNIX_JACK])
    yield opened
    opened.close_all()


def _starts(library: ModuleType) -> bool:
    try:
        library.MidiIn(library.API_UNIX_JACK, name="probe")
    except library.SystemError:
        return False
    return True


def test_a_box_is_heard_vanishes_and_returns(
    ports: midi_ports.Ports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rtmidi

    monkeypatch.setattr("liveflight.inputs.midi.RESCAN", 0.05)

    mailbox = Mailbox()
    midi = MidiInput(bindings=tmp_path / "midi.toml", ports=lambda: ports)
    midi.open(mailbox)
    try:
        for slot in (3, 5):
            box = Box(rtmidi, "Launch Control")
            until(lambda: bool(midi.ports_open))
            box.send(0xC0, slot - 1)
            heard: list[object] = []
            until(lambda: bool(heard.extend(mailbox.drain()) or heard))  # noqa: B023
            assert heard == [Set("show.preset", str(slot))]
            box.unplug()
            until(lambda: not midi.ports_open)
    finally:
        midi.close()


def test_two_alike_have_names_of_their_own(ports: midi_ports.Ports) -> None:
    import rtmidi

    one, other = Box(rtmidi, "Twin"), Box(rtmidi, "Twin")
    names = ports.names()
    assert len(set(names)) == len(names) == 2 and all("Twin" in name for name in names)
    with pytest.raises(OSError, match="'Triplet' is gone"):
        ports.open("Triplet", lambda data: None)
    one.unplug()
    other.unplug()


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
        midi_ports._RtMidi(Library, [1, 2])  # type: ignore[arg-type]
