"""A recorded flight as a control surface: says again what was said, when it was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

from liveflight.core.contracts import Value
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Mailbox, Message, Set
from liveflight.storage.recording import Recording

_TOLERANCE = 1e-9
"""Seconds, against rounding."""


class RecordingPlayer:
    """`controllers.controller.Controller`. Each message comes at the first frame that is not before it. Of a
    meter that moved several times within such a frame, its height comes: at a lower rate than the
    recorded one, no onset is missed."""

    def __init__(self, score: Recording) -> None:
        self._said = iter(score.said)
        self._next = next(self._said, None)
        self._began: float | None = None
        self._after: list[Set] = []
        """Where meters went from their height: that is for the next frame."""

    def open(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def poll(self, now: float) -> None:
        if self._began is None:
            self._began = now
        flown = now - self._began + _TOLERANCE
        self._mailbox.put(*self._after)
        heights: dict[str, Set] = {}
        meters: dict[str, Set] = {}
        while self._next and self._next[0] <= flown:
            for message in self._next[1]:
                if not _metered(message):
                    self._mailbox.put(message)
                    continue
                meters[message.key] = message
                heights[message.key] = max(message, heights.get(message.key, message), key=_height)
            self._next = next(self._said, None)
        self._mailbox.put(*heights.values())
        self._after = [meter for key, meter in meters.items() if meter != heights[key]]

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Nothing: it only speaks."""

    def status_lines(self) -> list[str]:
        return []

    def close(self) -> None:
        """Let go of the log."""
        self._said, self._next = iter(()), None


def _metered(message: Message) -> TypeGuard[Set]:
    return isinstance(message, Set) and CONTROLS[message.key].kind == "meter"


def _height(meter: Set) -> float:
    return float(meter.value)
