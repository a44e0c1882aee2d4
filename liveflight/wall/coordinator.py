"""Keep rank 0's list of the wall: who is there, who is refused, who is in the next generation."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic, sleep

from liveflight.wall.seat import CONNECT_S, Seat, connect_generation
from liveflight.wall.store import INBOX, Mail

log = logging.getLogger(__name__)

Card = Mapping[str, object]

_LOOK_S = 0.02
"""Pause between two looks at the inbox."""

_WAIT_S = 0.003
"""Pause between two looks while answers are due."""

_ANSWER_S = 0.5
"""How long a rank that is there may take to answer a call."""

_SETTLE_S = 0.5
"""How long after a loss the others may take to notice it, before rank 0 goes on without them."""

_RETURN_S = 2.0
"""How long rank 0, started again in the middle of a show, waits for ranks after the first."""

_READ_S = 0.8
"""How long the store stays open for refused ranks to read why."""


@dataclass(frozen=True)
class Arrival:
    """A rank whose frame thread waits for a generation."""

    rank: int
    ticket: str
    """Names its mailbox; another one at each arrival."""
    world: int
    process: str
    flown: bool
    """Whether it has been in a generation before."""
    card: Card


Arrivals = dict[int, Arrival]


class Coordinator:
    """Gather the ranks and form generations. `work` runs on a thread of its own."""

    def __init__(
        self,
        seat: Seat,
        world: int,
        mail: Mail,
        card: Card,
        check: Callable[[Mapping[int, Card]], str],
    ) -> None:
        self._seat = seat
        self._world = world
        self._mail = mail
        self._card = card
        self._check = check
        self._number = 0
        """The number of the last generation called."""
        self._came: list[Arrival] = []
        """Arrivals that have not been looked at."""
        self._candidates: Arrivals = {}
        self._offered: Arrivals | None = None
        """The followers of the generation on offer to the frame thread, if there is one."""
        self._flying: Arrivals = {}
        self._flown = 0
        """The number of the last generation adopted."""
        self._expected: Collection[int] = range(1, world)
        """The followers to wait for: of the whole wall, or of the generation that was lost."""
        self._losses = 0
        self._lost_at = 0.0
        self._returned_at = 0.0
        self._answers: set[tuple[str, str]] = set()
        """Kind and ticket of the answers to the last number."""
        self._verdict = ""
        """Why the wall is given up, or an empty text."""
        self._refused: list[str] = []
        """Tickets of the ranks that have been turned away."""
        mail.store.set("leader", secrets.token_hex(8))

    def work(self) -> None:
        """Keep the list until the rank closes."""
        while not self._seat.closing:
            self._step()
            self._seat.pause(_LOOK_S)
        if self._verdict:
            self._refuse(self._verdict, [])
        end = monotonic() + _READ_S
        while any(map(self._mail.unread, self._refused)) and monotonic() < end:
            sleep(_LOOK_S)

    def absent(self, timeout_s: float) -> str:
        """Return the line that names the missing ranks; those there are told it at the end."""
        missing = sorted({*range(1, self._world)} - {*self._candidates})
        ranks = f"rank{'s'[: len(missing) != 1]} {', '.join(map(str, missing))}"
        self._verdict = (
            f"{ranks} of a wall of {self._world} did not come within {timeout_s:g} seconds:"
            " start every rank with the same --world and --master"
        )
        return self._verdict

    def _step(self) -> None:
        self._receive()
        self._follow_frame_thread()
        while self._came:
            arrival = self._came.pop(0)
            if line := self._objection(arrival):
                self._refuse(line, [arrival])
            else:
                self._candidates[arrival.rank] = arrival
        if self._verdict or self._offered is not None:
            return
        if self._seat.flying is None and self._enough():
            self._form(self._candidates)
        elif self._seat.flying and self._candidates:
            self._form(self._flying | self._candidates)

    def _receive(self) -> None:
        """Read the inbox. Whatever is no message of a rank is dropped."""
        while message := self._mail.receive(INBOX):
            match message:
                case {"kind": "arrive", "ticket": str(ticket), "rank": int(rank), **rest}:
                    self._came.append(
                        Arrival(
                            rank,
                            ticket,
                            world=rest.get("world", 0),
                            process=rest.get("process", ""),
                            flown=rest.get("flown") is True,
                            card=card if isinstance(card := rest.get("card"), dict) else {},
                        )
                    )
                case {"kind": "note", "ticket": str(ticket), "content": dict(content)}:
                    if any(each.ticket == ticket for each in self._flying.values()):
                        self._seat.inbox.append(content)
                case {"kind": str(kind), "ticket": str(ticket), "number": self._number}:
                    self._answers.add((kind, ticket))

    def _follow_frame_thread(self) -> None:
        """Take note of an adopted generation, then of a lost one."""
        flying, losses = self._seat.flying, self._seat.losses
        if flying and flying.number != self._flown:
            self._flown = flying.number
            self._flying, self._offered = self._offered or {}, None
            for rank in self._flying:
                self._candidates.pop(rank, None)
            self._send("fly", self._flying.values(), number=self._flown)
        if losses != self._losses:
            self._losses, self._lost_at = losses, monotonic()
            self._expected, self._flying, self._offered = {*self._flying}, {}, None

    def _enough(self) -> bool:
        """Return whether to go on with the candidates that there are."""
        if {*self._expected} <= self._candidates.keys():
            return True
        if self._flown:
            return monotonic() > self._lost_at + _SETTLE_S
        if not any(each.flown for each in self._candidates.values()):
            return False
        self._returned_at = self._returned_at or monotonic()
        return monotonic() > self._returned_at + _RETURN_S

    def _objection(self, arrival: Arrival) -> str:
        """Return the line against a rank that came, or an empty text."""
        rank, world = arrival.rank, arrival.world
        if self._verdict:
            return self._verdict
        if world != self._world or not 0 < rank < world:
            return (
                f"rank {rank} was started for a wall of {world} ranks, rank 0 for {self._world}:"
                " start every rank with the same --world, and --rank from 0 to one less"
            )
        known = self._candidates.get(rank) or self._flying.get(rank)
        if known and known.process != arrival.process and not self._call([known]):
            return f"rank {rank} is there already: give every process a --rank of its own"
        if self._flown:
            return self._check(self._cards(self._flying | self._candidates | {rank: arrival}))
        return ""

    def _cards(self, followers: Arrivals) -> dict[int, Card]:
        return {0: self._card} | {rank: each.card for rank, each in sorted(followers.items())}

    def _refuse(self, line: str, arrivals: Iterable[Arrival]) -> None:
        """Turn ranks away; before the first generation, the whole wall."""
        refused = {each.ticket: each for each in arrivals}
        if self._flown:
            log.warning("%s", line)
        else:
            refused |= {each.ticket: each for each in self._candidates.values()}
            self._verdict = line
            self._seat.refuse(line)
        self._send("refused", refused.values(), line=line)
        self._refused += refused

    def _form(self, followers: Arrivals) -> None:
        """Connect a generation of rank 0 and these ranks, and offer it to the frame thread."""
        followers, losses = dict(followers), self._seat.losses
        if missing := self._call(followers.values()):
            self._send("arrive again", missing)
            for each in missing:
                self._candidates.pop(each.rank, None)
            return
        if not self._flown and (line := self._check(self._cards(followers))):
            self._refuse(line, followers.values())
            return
        number, members = self._number, [0, *sorted(followers)]
        self._send("form", followers.values(), members=members)
        try:
            generation = connect_generation(number, 0, members, self._mail, self._seat.limit_s)
        except RuntimeError as error:
            log.warning("generation %d of the wall: %s", number, str(error).partition("\n")[0])
            return
        if self._missing("formed", followers.values(), CONNECT_S):
            generation.close()
        elif self._seat.keep(generation, losses):
            self._offered = followers
            self._seat.offer(number)

    def _call(self, arrivals: Collection[Arrival]) -> list[Arrival]:
        """Ask ranks for a sign of life, under a new number; return those that give none."""
        self._number += 1
        self._answers.clear()
        self._send("call", arrivals)
        return self._missing("here", arrivals, _ANSWER_S)

    def _send(self, kind: str, arrivals: Iterable[Arrival], **content: object) -> None:
        message = {"kind": kind, "number": self._number, **content}
        for each in arrivals:
            self._mail.send(each.ticket, message)

    def _missing(self, kind: str, arrivals: Iterable[Arrival], within_s: float) -> list[Arrival]:
        """Wait for these ranks' answers, and return the ranks that gave none."""
        end, missing = monotonic() + within_s, [*arrivals]
        while missing and monotonic() < end and not self._seat.closing:
            self._receive()
            missing = [each for each in missing if (kind, each.ticket) not in self._answers]
            if missing:
                sleep(_WAIT_S)
        return missing
