"""What a datagram says, whatever it came by: a UDP socket or OSCQuery's websocket."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from liveflight import __version__
from liveflight.controllers.osc.addresses import (
    Form,
    UnknownAddressError,
    is_pattern,
    plainly,
    resolve,
)
from liveflight.controllers.osc.codec import Argument, address_of, decode, encode
from liveflight.controllers.osc.echo_suppressor import SYNC
from liveflight.controllers.osc.packets import PacketError, elements
from liveflight.controllers.osc.rate_limiter import RateLimiter
from liveflight.controllers.osc.values import answer, meant
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.control import Control
from liveflight.core.mailbox import Ask, Message, Trigger

log = logging.getLogger(__name__)

CAUSES = 32
"""Kinds of bad packet that are reported, each once; all are counted."""
WORK, OWN_WORK = 1024 * 1024, 32 * 1024
"""Bytes read per second, of all senders and, when those are spent, still of each; more is dropped,
so that a flood cannot take the frame loop's time."""
OVERHEAD = 32
"""What a datagram costs beside its bytes."""
SEARCH = 4096
"""What an address with wildcards costs beside its bytes."""
ANSWERS, OWN_ANSWERS = 200, 20
"""Questions answered per second, likewise."""
DUMP = 20
"""How many of them a full dump counts for."""

_PING = frozenset({"/liveflight/ping", "/ping"})

Reply = Callable[[bytes], None]
"""Sends a message back to who asked. Must not block, nor fail."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a datagram."""

    origin: str
    """As messages carry it, such as `osc:127.0.0.1:5005`."""
    reply: Reply | None
    """None: a stranger, who gets no answers."""
    told: bool = False
    """Whether its machine is told where the controls stand."""


class Reader:
    """Turns datagrams into messages, and counts and reports what it refuses."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.refused = 0
        """Messages refused since the start, and datagrams that are no OSC."""
        self.ignored = 0
        """Messages to other programs' addresses."""
        self._clock, self._began = clock, clock()
        self._work = RateLimiter(WORK, clock, OWN_WORK)
        self._answers = RateLimiter(ANSWERS, clock, OWN_ANSWERS)
        self._reported: set[str] = set()
        self._last: tuple[list[Control], Form, Argument, str] | str = ""

    @property
    def overdrawn(self) -> bool:
        """Whether more comes than is read."""
        return self._work.overdrawn

    @property
    def last_message(self) -> str:
        """The last message that came, for the HUD, such as `osc camera.zoom 0.62`."""
        if not self._last:
            return ""
        text = self._last if isinstance(self._last, str) else _described(*self._last)
        return "osc " + "".join(c if c.isprintable() else "?" for c in text[:80])

    def overdrawn_by(self, speaker: Sender) -> bool:
        """Whether more comes from that sender than is read."""
        return self._work.overdrawn_by(speaker.origin)

    def spend(self, size: int, speaker: Sender) -> None:
        """Counts what is read, in bytes. Raises PacketError where more comes than is read."""
        refusal = "packets come faster than they are read"
        self._work.spend(size + OVERHEAD, refusal, speaker.origin)

    def resolved(self, address: str, speaker: Sender) -> tuple[list[Control], Form]:
        """Return the controls that an address means, and in which form. Raises LiveflightError
        where it means none, PacketError where more comes than is matched."""
        if is_pattern(address):
            refusal = "addresses with wildcards come faster than they are matched"
            self._work.spend(SEARCH, refusal, speaker.origin)
        return resolve(address)

    def read(self, datagram: bytes, speaker: Sender) -> list[Message]:
        """Return a datagram's messages. One that cannot be done counts as refused, one that is
        addressed to another program as ignored, and the others stand; where the messages cannot
        be told apart, or more comes than is read, there are none."""
        found: list[Message] = []
        try:
            self.spend(len(datagram), speaker)
            bundled = datagram.startswith(b"#")
            for element in elements(datagram):
                found += self._read_one(element, speaker, bundled)
        except PacketError as error:
            self.refuse(speaker.origin, error, str(error))
            return []
        return found

    def _read_one(self, element: bytes, speaker: Sender, bundled: bool) -> list[Message]:
        """Return what one message says. Raises _LoopError, which is of the whole datagram."""
        address = ""
        try:
            address = address_of(element)
            if plainly(address) in _PING:
                return [self._pong(speaker)]
            controls, form = self.resolved(address, speaker)
            argument = _argument(element)
            if bundled and argument != "?" and not any(control.movable for control in controls):
                return self._overheard(speaker)
            self._last = (controls, form, argument, address)
            return self._messages(controls, form, argument, speaker)
        except _LoopError:
            raise
        except LiveflightError as error:
            if isinstance(error, UnknownAddressError) and error.foreign:
                self.ignored += 1
                return []
            cause = str(error) if isinstance(error, PacketError) else address
            self.refuse(speaker.origin, error, cause, address)
        return []

    def refuse(self, origin: str, error: object, cause: str, address: str = "") -> None:
        """Counts a message or a datagram, and reports it if it is the first of its kind."""
        self.refused += 1
        self._last = f"refused: {cause}"
        if cause in self._reported or len(self._reported) == CAUSES:
            return
        self._reported.add(cause)
        log.warning("%s refused: %s", f"{origin} {address!r:.80}" if address else origin, error)
        if len(self._reported) == CAUSES:
            log.warning("%d kinds of bad packet were said; more are only counted", CAUSES)

    def status_lines(self) -> list[str]:
        """The last message refused, how many were, and how many were others' business."""
        last = self.last_message if "refused" in self.last_message else ""
        ignored = f"{self.ignored} OSC messages to other addresses" if self.ignored else ""
        refused = f"{self.refused} OSC messages refused" if self.refused else ""
        return [line for line in (ignored, last, refused) if line]

    def _messages(
        self, controls: list[Control], form: Form, argument: Argument, speaker: Sender
    ) -> list[Message]:
        if len(controls) == 1:
            message = self._message(controls[0], form, argument, speaker)
            return [message] if message else []
        return self._taken(controls, form, argument, speaker)

    def _overheard(self, speaker: Sender) -> list[Message]:
        """Another liveflight's feedback, which tells of its meters too: this one follows it. Two
        that told each other would swap what they are set to, on and on."""
        if speaker.told:
            raise _LoopError(
                "two liveflights tell each other: leave --osc-feedback to the one that leads"
            )
        return []

    def _taken(
        self, controls: list[Control], form: Form, argument: Argument, speaker: Sender
    ) -> list[Message]:
        """What the controls of a pattern make of the argument; those that cannot take it are passed
        over, unless none can."""
        found, refusals = [], []
        for control in controls:
            try:
                found.append(self._message(control, form, argument, speaker))
            except LiveflightError as error:
                refusals.append(error)
        if not found:
            raise refusals[0]
        return [message for message in found if message]

    def _message(
        self, control: Control, form: Form, argument: Argument, speaker: Sender
    ) -> Message | None:
        if argument == "?":
            return self._question(control, form, speaker)
        message = meant(control, form, argument, speaker.origin)
        if isinstance(message, Trigger) and message.key == SYNC and speaker.reply:
            refusal = f"more than {ANSWERS // DUMP} full dumps per second"
            self._answers.spend(DUMP, refusal, speaker.origin)
        return message

    def _question(self, control: Control, form: Form, speaker: Sender) -> Ask:
        if control.kind == "trigger" or form == "add":
            raise LiveflightError(f"{control.key} has no value to ask for here")
        reply = self._reply(speaker, "'?'")
        address = control.address + ("/raw" if form == "raw" else "")

        def told(value: Value) -> None:
            reply(encode(address, answer(control, form, value)))

        return Ask(control.key, told)

    def _pong(self, speaker: Sender) -> Ask:
        """Answers a ping once the loop has said how many frames it displays per second."""
        reply = self._reply(speaker, "a ping")
        return Ask("show.fps", partial(self._told_pong, reply))

    def _told_pong(self, reply: Reply, fps: Value) -> None:
        uptime = float(self._clock() - self._began)
        reply(encode("/liveflight/pong", __version__, uptime, float(fps)))

    def _reply(self, speaker: Sender, what: str) -> Reply:
        if speaker.reply is None:
            raise LiveflightError(f"{what} is answered only to this machine and to feedback hosts")
        refusal = f"more than {ANSWERS} questions per second"
        self._answers.spend(1, refusal, speaker.origin)
        return speaker.reply


class _LoopError(PacketError):
    """Two flights tell each other: nothing of the datagram is to be followed."""


def _argument(message: bytes) -> Argument:
    """Return the one argument of a message; None where it has none. Raises LiveflightError."""
    try:
        _, arguments = decode(message)
    except PacketError as error:
        raise LiveflightError(str(error)) from None
    if len(arguments) > 1:
        raise LiveflightError(f"{len(arguments)} arguments: allowed is one")
    return arguments[0] if arguments else None


def _described(controls: list[Control], form: Form, argument: Argument, address: str) -> str:
    name = controls[0].key if len(controls) == 1 else address
    suffix = f"/{form}" if form != "plain" and len(controls) == 1 else ""
    value = f"{argument:.4g}" if isinstance(argument, float) else str(argument)
    return f"{name}{suffix}" + ("" if argument is None else f" {value}")
