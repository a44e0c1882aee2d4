"""Connect rank 0 with the others, and let it go on alone where they are lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from liveflight.wall import commands
from liveflight.wall.group import Group, Kind, RankLostError

T = TypeVar("T")


class Link:
    """The group of this instant, as rank 0 uses it on one thread.

    Where the group breaks, `lost` is True, and rank 0 is alone."""

    def __init__(self, missing: float) -> None:
        """`missing`: the value in arrays that lost ranks would have sent."""
        self.lost = False
        self._group: Group | None = None
        self._missing = missing

    def use(self, group: Group) -> None:
        """Work with this group from now on."""
        self._group, self.lost = group, False

    @property
    def members(self) -> tuple[int, ...]:
        """Return the ranks that are there."""
        return self._group.members if self._group and not self.lost else (0,)

    def broadcast(self, message: bytes) -> None:
        """Send a message to the others."""
        self._do(lambda group: group.broadcast(message))

    def exchange(
        self, sent: Mapping[int, np.ndarray], expected: Mapping[int, Kind]
    ) -> dict[int, np.ndarray]:
        """Do as `Group.exchange`."""
        came = self._do(lambda group: group.exchange(sent, expected))
        if came is not None:
            return came
        return {
            rank: np.full(shape, self._missing, dtype) for rank, (shape, dtype) in expected.items()
        }

    def total(self, numbers: np.ndarray) -> np.ndarray:
        """Do as `Group.total`."""
        found = self._do(lambda group: group.total(numbers))
        return np.array(numbers, np.float64) if found is None else found

    def barrier(self) -> None:
        """Wait until every rank has come here."""
        self._do(Group.barrier)

    def _do(self, call: Callable[[Group], T]) -> T | None:
        """Return what the group returns; None where it is lost."""
        if self._group and not self.lost:
            try:
                return call(self._group)
            except RankLostError:
                self.lost = True
        return None


class Commands:
    """Collect what the other ranks are to do, in order."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: list[tuple[str, Sequence[Any]]] = []

    def say(self, name: str, *given: Any) -> None:
        """Have the others do this, at the next `send`."""
        self._waiting.append((name, given))

    def send(self) -> None:
        """Send what has been said."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            if len(self._link.members) > 1:
                self._link.broadcast(commands.encode(waiting))
