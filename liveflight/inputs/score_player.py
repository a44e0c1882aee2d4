"""A recorded flight as a control surface: says again what was said, when it was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from liveflight.core.contracts import Value
from liveflight.core.mailbox import Mailbox, Message
from liveflight.core.score import Score

_TOLERANCE = 1e-9
"""Seconds, against rounding."""


class ScorePlayer:
    """`core.surface.Surface`. Each message comes at the first frame that is not before it."""

    def __init__(self, score: Score) -> None:
        self._said = score.said
        self._next = 0
        self._began: float | None = None

    def open(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def poll(self, now: float) -> None:
        if self._began is None:
            self._began = now
        flown = now - self._began + _TOLERANCE
        while self._next < len(self._said) and self._said[self._next][0] <= flown:
            self._mailbox.put(*self._said[self._next][1])
            self._next += 1

    def tell(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Nothing: it only speaks."""

    def lines(self) -> list[str]:
        return []

    def close(self) -> None:
        pass
