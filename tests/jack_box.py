"""A MIDI controller on the JACK server that conftest's fixture `jack` starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any


def until(wanted: Callable[[], bool]) -> None:
    """Waits for another process or thread, ten seconds at most."""
    end = time.monotonic() + 10
    while not wanted():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


class Box:
    """A virtual port that sends; unplugged when closed."""

    def __init__(self, rtmidi: ModuleType, name: str) -> None:
        self._out: Any = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=name)
        self._out.open_virtual_port("knobs")

    def send(self, *data: int) -> None:
        self._out.send_message(data)

    def unplug(self) -> None:
        self._out.close_port()
        del self._out


def starts(rtmidi: ModuleType) -> bool:
    """Whether the server is there."""
    try:
        rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="probe")
    except rtmidi.SystemError:
        return False
    return True
