"""Hold changes until the next beat, bar or phrase. Pure."""

from __future__ import annotations

from liveflight.core.control import Control
from liveflight.core.mailbox import Nudge, Set, Trigger

GRIDS = ("off", "beat", "bar", "phrase")

Change = Set | Nudge | Trigger


class Quantise:
    """Hold changes, one of each kind: a second one replaces the first."""

    def __init__(self) -> None:
        self._waiting: dict[str, Change] = {}

    def hold(self, control: Control, change: Change) -> None:
        """Hold a change of a control that `waits` until the next `release`."""
        self._waiting.pop(control.waits, None)
        self._waiting[control.waits] = change

    def cancel(self, control: Control) -> bool:
        """Drop the change of that kind; return whether there was one."""
        return self._waiting.pop(control.waits, None) is not None

    def release(self) -> list[Change]:
        """Return all changes that waited, in the order in which they were last sent."""
        released = list(self._waiting.values())
        self._waiting = {}
        return released

    def describe(self, grid: str) -> str:
        """Return what waits for the `grid`, such as `at the bar: preset plumage`; may be empty."""
        waiting = ", ".join(_named(change) for change in self._waiting.values())
        return f"at the {grid}: {waiting}" if waiting else ""


def _named(change: Change) -> str:
    name = change.key.partition(".")[2].replace("_", " ")
    return f"{name} {change.value}" if isinstance(change, Set) else name
