"""Changes that wait for the next beat, bar or phrase. Pure."""

from __future__ import annotations

from liveflight.core.control import Control
from liveflight.core.mailbox import Nudge, Set, Trigger

GRIDS = ("off", "beat", "bar", "phrase")

Change = Set | Nudge | Trigger


class Quantise:
    """A second change of the same kind replaces the first."""

    def __init__(self) -> None:
        self._waiting: dict[str, Change] = {}

    def hold(self, control: Control, change: Change) -> None:
        """Keeps a change of a control that `waits` until the next `release`."""
        self._waiting.pop(control.waits, None)
        self._waiting[control.waits] = change

    def cancel(self, control: Control) -> bool:
        """Drops the change of that kind; whether there was one."""
        return self._waiting.pop(control.waits, None) is not None

    def release(self) -> list[Change]:
        """Everything that waited, in the order in which it was last said."""
        released = list(self._waiting.values())
        self._waiting = {}
        return released

    def describe(self, grid: str) -> str:
        """What waits for the `grid`, such as `at the bar: preset plumage`; may be empty."""
        waiting = ", ".join(_named(change) for change in self._waiting.values())
        return f"at the {grid}: {waiting}" if waiting else ""


def _named(change: Change) -> str:
    name = change.key.partition(".")[2].replace("_", " ")
    return f"{name} {change.value}" if isinstance(change, Set) else name
