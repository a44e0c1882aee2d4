"""In the place of MIDI where it is not open: whoever wants to learn a knob is told what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from liveflight.core.contracts import Value
from liveflight.core.mailbox import Mailbox, Message, Set

log = logging.getLogger(__name__)

NOT_WANTED = "MIDI learn: MIDI was not asked for; plug it in and start with --midi"
FAILED = "MIDI learn: MIDI could not be opened; the log says why"

SHOWN = 10.0
"""Seconds that it stays on the HUD."""


class MidiUnavailable:
    def __init__(self, said: str, there: Callable[[], bool] = lambda: False) -> None:
        """`said`: why there is none; `there`: whether there is by now."""
        self._said, self._there = said, there

    def open(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._until: float | None = None
        self._now = 0.0

    def poll(self, now: float) -> None:
        self._now = now

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        if self._there():
            return
        if any(isinstance(each, Set) and each.key == "midi.learn" and each.value for each in heard):
            self._mailbox.put(Set("midi.learn", ""))
            if self._until is None:
                log.warning("%s", self._said)
            self._until = now + SHOWN

    def status_lines(self) -> list[str]:
        shown = self._until is not None and self._now < self._until
        return [self._said] if shown else []

    def close(self) -> None:
        """There is nothing to close."""
