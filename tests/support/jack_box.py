"""Run JACK servers with a dummy sound card, and a MIDI controller on them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest


def until(wanted: Callable[[], bool]) -> None:
    """Wait for another process or thread, ten seconds at most."""
    end = time.monotonic() + 10
    while not wanted():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


class Box:
    """Open a virtual port that sends; closing it is unplugging."""

    def __init__(self, rtmidi: ModuleType, name: str) -> None:
        self._out: Any = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=name)
        self._out.open_virtual_port("knobs")

    def send(self, *data: int) -> None:
        self._out.send_message(data)

    def unplug(self) -> None:
        self._out.close_port()
        del self._out


def starts(rtmidi: ModuleType) -> bool:
    """Return whether the server is running."""
    try:
        rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="probe")
    except rtmidi.SystemError:
        return False
    return True


@contextmanager
def server(name: str, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run a server of that name, the default from now on; it takes a moment to start."""
    command = ["jackd", "--no-realtime", "--name", name, "-d", "dummy"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        patch.setenv("JACK_DEFAULT_SERVER", name)
        patch.setenv("JACK_NO_START_SERVER", "1")
        try:
            yield
        finally:
            process.terminate()
