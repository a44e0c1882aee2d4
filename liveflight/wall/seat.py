"""Share a rank's generations between its frame thread and the thread that keeps its membership."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from liveflight.core.contracts import LiveflightError
from liveflight.wall.group import Group, RankLostError, connect
from liveflight.wall.store import Mail

CONNECT_S = 2.0
"""Seconds that the members have to connect a new generation."""

_MOST_NOTES = 64
"""Notes that wait at most; older ones are dropped."""

Note = Mapping[str, object]
"""A table that JSON can carry."""


class WallRefusedError(LiveflightError):
    """Report why rank 0 turned this rank, or the wall, away."""


@dataclass(frozen=True)
class Generation:
    """Ranks that fly together until one of them is lost or another joins."""

    number: int
    members: tuple[int, ...]
    """Ascending; 0 is always among them."""
    frames: Group
    """For the frame thread."""
    ascent: Group
    """For the ascent's thread."""

    def close(self) -> None:
        """Leave it; on the other ranks the next call of either group fails."""
        self.frames.close()
        self.ascent.close()


def connect_generation(
    number: int, rank: int, members: Sequence[int], mail: Mail, limit_s: float
) -> Generation:
    """Connect with the other members. Raise RuntimeError where one does not come."""
    frames, ascent = (
        connect(
            rank,
            tuple(members),
            mail.part(f"generation {number} {name}"),
            mail.address,
            limit_s,
            CONNECT_S,
        )
        for name in ("frames", "ascent")
    )
    return Generation(number, tuple(members), frames, ascent)


class Seat:
    """Hold the generation that this rank flies in, and the next one.

    The frame thread calls `look`, `wait`, `adopt` and `lose`; the other thread the rest."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.flying: Generation | None = None
        """None before the first generation, and from a loss to the next."""
        self.flown = False
        """Whether it has been in a generation."""
        self.losses = 0
        """How often the frame thread has lost its generation."""
        self.closing = False
        self.changed = threading.Event()
        """Set when the frame thread has done something that the other one has to see."""
        self.outbox: deque[Note] = deque(maxlen=_MOST_NOTES)
        self.inbox: deque[Note] = deque(maxlen=_MOST_NOTES)
        """Notes for rank 0, and on rank 0 those of the others."""
        self._formed: dict[int, Generation] = {}
        self._offered = 0
        self._refusal = ""
        self._condition = threading.Condition()

    def look(self) -> Generation | None:
        """Return the generation on offer, if any. Raise WallRefusedError where rank 0 refuses."""
        with self._condition:
            if self._refusal:
                raise WallRefusedError(self._refusal)
            return self._formed.get(self._offered)

    def wait(self, timeout_s: float) -> Generation | None:
        """Wait for an offer."""
        with self._condition:
            self._condition.wait_for(lambda: self._refusal or self._offered, timeout_s)
        return self.look()

    def adopt(self, number: int) -> Generation:
        """Fly on with a generation that is formed, and leave the one before."""
        with self._condition:
            if number not in self._formed:
                raise RankLostError(f"generation {number} of the wall is not formed here")
            before, self.flying = self.flying, self._formed.pop(number)
            self.flown = True
            self._discard()
        if before:
            before.close()
        self.changed.set()
        return self.flying

    def lose(self) -> None:
        """Leave the present generation and whatever was formed beside it."""
        with self._condition:
            before, self.flying = self.flying, None
            self.losses += 1
            self._discard()
        if before:
            before.close()
        self.changed.set()

    def limit(self, limit_s: float) -> None:
        """Change the limit of all groups, those to come included."""
        with self._condition:
            self.limit_s = limit_s
            for generation in filter(None, (self.flying, *self._formed.values())):
                generation.frames.limit_s = generation.ascent.limit_s = limit_s

    def keep(self, generation: Generation, losses: int) -> bool:
        """Hold a formed generation until it is adopted. Refuse it after a loss since `losses`."""
        with self._condition:
            current = losses == self.losses and not self.closing
            if current:
                self._formed[generation.number] = generation
        if not current:
            generation.close()
        return current

    def offer(self, number: int) -> None:
        """Let the frame thread go on with a formed generation."""
        with self._condition:
            if number in self._formed:
                self._offered = number
            self._condition.notify_all()

    def refuse(self, line: str) -> None:
        """Let the frame thread raise WallRefusedError."""
        with self._condition:
            self._refusal = line
            self._condition.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait until the frame thread does something."""
        self.changed.wait(seconds)
        self.changed.clear()

    def close(self) -> None:
        """Leave every generation, and end the other thread."""
        self.closing = True
        self.lose()

    def _discard(self) -> None:
        for generation in self._formed.values():
            generation.close()
        self._formed.clear()
        self._offered = 0
