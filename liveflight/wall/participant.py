"""Keep a rank other than 0 in the wall: do what rank 0 asks, and come back after a loss."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from contextlib import suppress

from liveflight.wall.seat import Seat, connect_generation
from liveflight.wall.store import INBOX, Mail, Master, Message, reach

log = logging.getLogger(__name__)

_TRY_S = 0.2
"""Pause between two attempts to reach rank 0."""

_LOOK_S = 0.02
"""Pause between two looks at the mail."""


class Participant:
    """Answer rank 0's messages. `work` runs on a thread of its own.

    Each time its frame thread is without a generation the rank arrives anew, under a new ticket.
    Mail to an earlier ticket, or to an earlier process of this rank, is never read."""

    def __init__(
        self,
        seat: Seat,
        rank: int,
        world: int,
        master: Master,
        interface: str,
        card: Mapping[str, object],
    ) -> None:
        self._seat = seat
        self._rank = rank
        self._world = world
        self._master = master
        self._interface = interface
        self._card = card
        self._process = secrets.token_hex(8)
        self._ticket = ""
        self._arrived_after = -1
        """The number of losses at the last arrival."""
        self._leader = ""
        """Which process rank 0 was when it was last reached."""
        self.reached = False

    def work(self) -> None:
        """Stay connected with rank 0 until the rank closes."""
        while not self._seat.closing:
            try:
                mail = reach(self._master, self._interface)
            except OSError:
                self._seat.pause(_TRY_S)
                continue
            with suppress(OSError, RuntimeError):  # rank 0 is gone
                self._serve(mail)
            self.reached = False
            mail.close()

    def absent(self, timeout_s: float) -> str:
        """Return the line that says why there was no generation."""
        host, port = self._master
        reason = "waits for other ranks" if self.reached else "does not answer"
        return (
            f"rank 0 of the wall at {host}:{port} {reason}, for {timeout_s:g} seconds now:"
            " start every rank with the same --world and --master"
        )

    def _serve(self, mail: Mail) -> None:
        leader = mail.store.get("leader").decode()
        if leader != self._leader:
            self._leader, self._arrived_after = leader, -1
        self.reached = True
        while not self._seat.closing:
            if self._seat.flying is None and self._arrived_after != self._seat.losses:
                self._arrive(mail)
            while self._ticket and self._seat.outbox:
                self._tell(mail, "note", content=self._seat.outbox.popleft())
            if self._ticket and (message := mail.receive(self._ticket)):
                self._obey(message, mail)
            else:
                self._seat.pause(_LOOK_S)

    def _arrive(self, mail: Mail) -> None:
        losses = self._seat.losses
        self._ticket = f"rank {self._rank} {secrets.token_hex(8)}"
        self._tell(
            mail,
            "arrive",
            rank=self._rank,
            world=self._world,
            process=self._process,
            flown=self._seat.flown,
            card=self._card,
        )
        self._arrived_after = losses

    def _tell(self, mail: Mail, kind: str, **content: object) -> None:
        mail.send(INBOX, {"kind": kind, "ticket": self._ticket, **content})

    def _obey(self, message: Message, mail: Mail) -> None:
        match message:
            case {"kind": "call", "number": int(number)}:
                self._tell(mail, "here", number=number)
            case {"kind": "form", "number": int(number), "members": list(members)}:
                self._form(number, members, mail)
            case {"kind": "fly", "number": int(number)} if self._seat.flying is None:
                self._seat.offer(number)
            case {"kind": "arrive again"}:
                self._arrived_after = -1
            case {"kind": "refused", "line": str(line)}:
                self._seat.refuse(line)

    def _form(self, number: int, members: list[int], mail: Mail) -> None:
        losses = self._seat.losses
        try:
            generation = connect_generation(number, self._rank, members, mail, self._seat.limit_s)
        except RuntimeError as error:
            log.warning("generation %d of the wall: %s", number, str(error).partition("\n")[0])
            return
        if self._seat.keep(generation, losses):
            self._tell(mail, "formed", number=number)
