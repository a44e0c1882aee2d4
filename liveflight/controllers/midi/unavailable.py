"""Stand in for MIDI while it is not open: explain what to do when a control is armed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from liveflight.core.contracts import Value
from liveflight.core.mailbox import Mailbox, Message, Set

log = logging.getLogger(__name__)

NOT_WANTED = "MIDI learn: MIDI is off; plug the device in and start with --midi, or with --dmx"
FAILED = "MIDI learn: MIDI could not be opened; the log says why"

SHOWN_S = 10.0
"""Seconds that the reason stays on the HUD."""


class MidiUnavailable:
    """Answer `midi.learn` with an explanation. A `controllers.controller.Controller`."""

    def __init__(self, reason: str, available: Callable[[], bool] = lambda: False) -> None:
        """Take the reason that is shown, and a function that returns whether MIDI is open now."""
        self._reason, self._available = reason, available

    def open(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._until: float | None = None
        self._now = 0.0

    def poll(self, now: float) -> None:
        self._now = now

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Disarm a control that was armed, and show why."""
        if self._available():
            return
        if any(isinstance(each, Set) and each.key == "midi.learn" and each.value for each in heard):
            self._mailbox.put(Set("midi.learn", ""))
            if self._until is None:
                log.warning("%s", self._reason)
            self._until = now + SHOWN_S

    def status_lines(self) -> list[str]:
        """Return the reason for SHOWN_S seconds after a control was armed."""
        shown = self._until is not None and self._now < self._until
        return [self._reason] if shown else []

    def close(self) -> None:
        """Do nothing."""
