"""Move one control in a slow sine wave: a controller to copy for your own.

Yours also needs a line in `requested` of loop/open_controllers.py, and one in
tests/controllers/test_contract.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from liveflight.core.contracts import Value
from liveflight.core.controls import find
from liveflight.core.mailbox import Mailbox, Message, Nudge, Set

PERIOD_S = 8.0
"""Seconds of one wave."""


class ExampleController:
    """Swing a number between its ends until a performer moves it."""

    def __init__(self, key: str = "camera.rotation") -> None:
        """Keep the settings, open nothing. `key`: a control that is a number."""
        self._control = find(key)
        self._began: float | None = None
        self._taken = False

    def open(self, mailbox: Mailbox) -> None:
        """Open devices and start threads here; a thread may touch the mailbox and nothing else.

        On failure, leave nothing behind and raise LiveflightError saying what to do: the show goes
        on without, and calls this again later from a thread beside the frame loop."""
        self._mailbox = mailbox

    def poll(self, now: float) -> None:
        """Put what depends on time. Never wait here, and read no other clock than `now`."""
        self._began = now if self._began is None else self._began
        fader = 0.5 + 0.5 * math.sin(2 * math.pi * (now - self._began) / PERIOD_S)
        if not self._taken:
            value = self._control.from_position(fader)  # a fader's 0..1 in the control's own unit
            self._mailbox.put(Set(self._control.key, value, origin="example"))

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Send values to the device, or react to others' messages. Change neither argument."""
        for message in heard:  # our own come back here, too, with our origin
            if isinstance(message, Set | Nudge) and message.key == self._control.key:
                self._taken |= message.origin != "example"

    def status_lines(self) -> list[str]:
        """Return trouble, or what the performer should know; this is on the HUD in every frame."""
        return [f"{self._control.key} is yours: the wave has stopped"] if self._taken else []

    def close(self) -> None:
        """End threads and close devices. Called twice, or without `open`, it does no harm."""
        self._began, self._taken = None, False
