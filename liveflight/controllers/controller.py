"""What a control surface is: OSC, MIDI, a clock, a recorded flight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from liveflight.core.contracts import Value
from liveflight.core.mailbox import Mailbox, Message


class Controller(Protocol):
    """Something outside that moves controls, or shows where they stand, or both. All calls come
    from the frame loop and must not block; what has to wait does so on a thread of its own."""

    def open(self, mailbox: Mailbox) -> None:
        """Begins; from now on messages may come. Raises LiveflightError where it cannot."""
        ...

    def poll(self, now: float) -> None:
        """Before the mailbox is drained, `now` in seconds of the loop's clock (time.perf_counter in
        a show): the moment to say what changes with time itself, as a running clock does."""
        ...

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Once per frame, in their order: what every control that has a value is set to, by key,
        and the messages of the frame that began at `now`. Of one that was late it may come with the
        next, after that one's `poll`."""
        ...

    def status_lines(self) -> list[str]:
        """What the performer should see of it on the HUD, trouble above all; mostly nothing."""
        ...

    def close(self) -> None:
        """May be called twice, and without `open`."""
        ...
