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
    """Open virtual ports that send and receive; closing them is unplugging."""

    def __init__(self, rtmidi: ModuleType, name: str, *, lights: bool = False) -> None:
        """Open a port that sends, and one for its `lights`, which receives."""
        self.shown: list[list[int]] = []
        """Messages that the lights received."""
        self._lights: Any = None
        if lights:  # first, as a device has both at once; JACK numbers the second of one name
            self._lights = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name)
            self._lights.open_virtual_port("lights")
            self._lights.set_callback(lambda event, _: self.shown.append(list(event[0])))
        self._out: Any = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=name)
        self._out.open_virtual_port("knobs")

    def send(self, *data: int) -> None:
        self._out.send_message(data)

    def unplug(self) -> None:
        self._out.close_port()
        del self._out
        if self._lights:
            self._lights.cancel_callback()
            self._lights.close_port()
            self._lights = None


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
