"""Replay a recorded flight: put its messages again, at their recorded times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

from liveflight.core.contracts import Value
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Mailbox, Message, Set
from liveflight.storage.recording import Recording

_TOLERANCE_S = 1e-9
"""Seconds by which a frame may be early: rounding."""


class RecordingPlayer:
    """Put each message at the first frame not before its time. A `Controller`.

    If a meter moved several times within such a frame, its peak is put: no onset is missed at a
    lower frame rate than the recorded one."""

    def __init__(self, flight: Recording) -> None:
        """Take the recording, whose `said` holds times in seconds and their messages."""
        self._said = iter(flight.said)
        self._next = next(self._said, None)
        self._began: float | None = None
        self._after: list[Set] = []
        """Where meters went after their peaks: put in the next frame."""

    def open(self, mailbox: Mailbox) -> None:
        """Begin; the first `poll` is the recording's time 0."""
        self._mailbox = mailbox

    def poll(self, now: float) -> None:
        if self._began is None:
            self._began = now
        flown = now - self._began + _TOLERANCE_S
        self._mailbox.put(*self._after)
        peaks: dict[str, Set] = {}
        meters: dict[str, Set] = {}
        while self._next and self._next[0] <= flown:
            for message in self._next[1]:
                if not _is_meter(message):
                    self._mailbox.put(message)
                    continue
                meters[message.key] = message
                peaks[message.key] = max(message, peaks.get(message.key, message), key=_level)
            self._next = next(self._said, None)
        self._mailbox.put(*peaks.values())
        self._after = [meter for key, meter in meters.items() if meter != peaks[key]]

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Do nothing: a replay only puts messages."""

    def status_lines(self) -> list[str]:
        return []

    def close(self) -> None:
        """Release the recording. May be called twice."""
        self._said, self._next = iter(()), None


def _is_meter(message: Message) -> TypeGuard[Set]:
    return isinstance(message, Set) and CONTROLS[message.key].kind == "meter"


def _level(meter: Set) -> float:
    return float(meter.value)
