"""Keep this process in a wall: meet the other ranks, go on without those lost, take them back.

Rank 0 holds the store and decides who is in the next generation. Everything that can take time,
connecting above all, is done on a thread beside the frame thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from liveflight.core.contracts import LiveflightError
from liveflight.system.worker import start_thread
from liveflight.wall.coordinator import Coordinator
from liveflight.wall.participant import Participant
from liveflight.wall.seat import Generation, Note, Seat, WallRefusedError
from liveflight.wall.store import Master, serve

__all__ = ["Generation", "Membership", "WallRefusedError"]

_CLOSE_S = 1.0


class Membership:
    """Give the frame thread its generations, one after the other; for that thread alone."""

    def __init__(
        self,
        rank: int,
        world: int,
        master: Master,
        card: Mapping[str, object],
        check: Callable[[Mapping[int, Mapping[str, object]]], str],
        *,
        limit_s: float = 1.2,
        interface: str = "",
    ) -> None:
        """Start to meet the other ranks. On rank 0 listen at the master's host and port.

        `card` is what JSON can say of this rank. On rank 0 `check` gets the cards by rank, of the
        whole wall and later with that of a rank that comes; it returns one line against it, or "".
        `limit_s` is that of the groups. `interface` is the address of this machine to use, empty
        for the master's host on rank 0 and the one that reaches it on the others."""
        self._seat = seat = Seat(limit_s)
        self._agent: Coordinator | Participant
        if rank == 0:
            self._agent = Coordinator(seat, world, serve(master, interface), card, check)
        else:
            self._agent = Participant(seat, rank, world, master, interface, card)
        self._thread = start_thread(self._agent.work, "wall membership")

    def first(self, timeout_s: float) -> Generation:
        """Wait for the first generation: all ranks, or after a restart of rank 0 those there are.

        Raises WallRefusedError, or LiveflightError that names the missing ranks."""
        generation = self._seat.wait(timeout_s)
        if not generation:
            raise LiveflightError(self._agent.absent(timeout_s))
        return self.adopt(generation.number)

    def waiting(self) -> Generation | None:
        """Return a next generation that is ready to be adopted; never waits.

        On rank 0, while it flies, one with a rank that came: tell the others of it by broadcast,
        then `adopt` it. On every rank after `lost`: the next one. Raises WallRefusedError."""
        return self._seat.look()

    def adopt(self, number: int) -> Generation:
        """Go on with a generation that is ready, and leave the present one."""
        return self._seat.adopt(number)

    def lost(self) -> None:
        """Leave the broken generation and seek the next; never waits."""
        self._seat.lose()

    def note(self, note: Note) -> None:
        """Tell rank 0 something, within some hundredths of a second, while this rank flies."""
        if self._seat.flying:
            self._seat.outbox.append(note)
            self._seat.changed.set()

    def notes(self) -> list[Note]:
        """Return, on rank 0, what the others have told since the last call."""
        return [self._seat.inbox.popleft() for _ in range(len(self._seat.inbox))]

    def limit(self, limit_s: float) -> None:
        """Set the limit of the present groups and of those to come."""
        self._seat.limit(limit_s)

    def close(self) -> None:
        """Leave the wall, waiting a second at most."""
        self._seat.close()
        if self._thread:
            self._thread.join(_CLOSE_S)
