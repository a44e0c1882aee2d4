"""Define the contract of a control surface: OSC, MIDI, a clock, a recorded flight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from liveflight.core.contracts import Value
from liveflight.core.mailbox import Mailbox, Message


class Controller(Protocol):
    """Move controls from outside, show where they stand, or both.

    All calls come from the frame loop and must not block; what has to wait does so on a thread of
    the controller's own. `poll`, `publish` and `status_lines` are called only while it is open.
    `controllers/example.py` is a short one to copy."""

    def open(self, mailbox: Mailbox) -> None:
        """Begin; from now on messages may come.

        Raises LiveflightError where it cannot; it may then be called again later."""
        ...

    def poll(self, now: float) -> None:
        """Put what changes with time itself, such as the position of a running clock.

        Called before the mailbox is drained. `now`: seconds of the loop's clock
        (time.perf_counter in a show)."""
        ...

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Take the state of the controls once per frame, in the frames' order.

        `now`: when the frame began, in seconds of the loop's clock. `values`: every control that
        has a value, by key. `heard`: the messages of that frame. The call for a frame that was late
        may come with the next one, after that one's `poll`."""
        ...

    def status_lines(self) -> list[str]:
        """Return lines for the HUD, trouble above all; mostly none."""
        ...

    def close(self) -> None:
        """Stop, and end its threads. May be called twice, and without `open`."""
        ...
