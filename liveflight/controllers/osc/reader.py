"""Turn OSC datagrams, from UDP or from OSCQuery's websockets, into messages."""

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
    normalised,
    resolve,
)
from liveflight.controllers.osc.codec import Argument, address_of, decode, encode
from liveflight.controllers.osc.echo_suppressor import SYNC
from liveflight.controllers.osc.packets import PacketError, elements
from liveflight.controllers.osc.rate_limiter import RateLimiter
from liveflight.controllers.osc.values import to_argument, to_message
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.control import Control
from liveflight.core.mailbox import Message, Query, Trigger

log = logging.getLogger(__name__)

MAX_LOGGED_CAUSES = 32
"""Largest number of kinds of bad packet that are logged, each once; all are counted."""
BYTES_PER_S, SENDER_BYTES_PER_S = 1024 * 1024, 32 * 1024
"""Bytes read per second: of all senders and, when those are spent, still of each.

More is dropped, so that a flood cannot take the frame loop's time."""
DATAGRAM_COST_BYTES = 32
"""Cost of a datagram in addition to its bytes."""
PATTERN_COST_BYTES = 4096
"""Cost of an address with wildcards in addition to its bytes."""
ANSWERS_PER_S, SENDER_ANSWERS_PER_S = 200, 20
"""Questions answered per second: of all senders, and still of each."""
DUMP_COST = 20
"""Questions that a full dump counts for."""

_PING = frozenset({"/liveflight/ping", "/ping"})

Reply = Callable[[bytes], None]
"""Sends a message back to the sender of a question. Must neither block nor raise."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Identify the sender of a datagram."""

    origin: str
    """As messages carry it, such as `osc:127.0.0.1:5005`."""
    reply: Reply | None
    """None: an untrusted host, which gets no answers."""
    gets_feedback: bool = False
    """Whether its machine is sent the controls' values."""


class Reader:
    """Turn datagrams into messages; count and log what is refused."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a clock in seconds, for the limits per second."""
        self.refused = 0
        """Messages refused since the start, and datagrams that are not OSC."""
        self.ignored = 0
        """Messages to other programs' addresses."""
        self._clock, self._began = clock, clock()
        self._byte_limit = RateLimiter(BYTES_PER_S, clock, SENDER_BYTES_PER_S)
        self._answer_limit = RateLimiter(ANSWERS_PER_S, clock, SENDER_ANSWERS_PER_S)
        self._reported: set[str] = set()
        self._last: tuple[list[Control], Form, Argument, str] | str = ""

    @property
    def exceeded(self) -> bool:
        """Return whether more comes than may be read."""
        return self._byte_limit.exceeded

    @property
    def last_message(self) -> str:
        """Return the last message that came, for the HUD, such as `osc camera.zoom 0.62`."""
        if not self._last:
            return ""
        text = self._last if isinstance(self._last, str) else _described(*self._last)
        return "osc " + "".join(c if c.isprintable() else "?" for c in text[:80])

    def exceeded_by(self, sender: Sender) -> bool:
        """Return whether more comes from that sender than may be read."""
        return self._byte_limit.exceeded_by(sender.origin)

    def consume(self, size: int, sender: Sender) -> None:
        """Count a datagram of `size` bytes. Raises PacketError beyond the limit."""
        refusal = "packets come faster than they are read"
        self._byte_limit.consume(size + DATAGRAM_COST_BYTES, refusal, sender.origin)

    def resolved(self, address: str, sender: Sender) -> tuple[list[Control], Form]:
        """Return the controls that an address means, and the form of their values.

        Raises LiveflightError where it means none, PacketError beyond the limit."""
        if is_pattern(address):
            refusal = "addresses with wildcards come faster than they are matched"
            self._byte_limit.consume(PATTERN_COST_BYTES, refusal, sender.origin)
        return resolve(address)

    def read(self, datagram: bytes, sender: Sender) -> list[Message]:
        """Return a datagram's messages.

        A bad one counts as refused, one addressed to another program as ignored; the others are
        kept. There are none where the messages cannot be separated, or beyond the limit."""
        found: list[Message] = []
        try:
            self.consume(len(datagram), sender)
            bundled = datagram.startswith(b"#")
            for element in elements(datagram):
                found += self._read_one(element, sender, bundled)
        except PacketError as error:
            self.refuse(sender.origin, error, str(error))
            return []
        return found

    def _read_one(self, element: bytes, sender: Sender, bundled: bool) -> list[Message]:
        """Return what one message means. Raises _LoopError, which concerns the whole datagram."""
        address = ""
        try:
            address = address_of(element)
            if normalised(address) in _PING:
                return [self._pong(sender)]
            controls, form = self.resolved(address, sender)
            argument = _argument(element)
            if bundled and argument != "?" and not any(control.writable for control in controls):
                return self._ignore_feedback(sender)
            self._last = (controls, form, argument, address)
            return self._messages(controls, form, argument, sender)
        except _LoopError:
            raise
        except LiveflightError as error:
            if isinstance(error, UnknownAddressError) and error.foreign:
                self.ignored += 1
                return []
            cause = str(error) if isinstance(error, PacketError) else address
            self.refuse(sender.origin, error, cause, address)
        return []

    def refuse(self, origin: str, error: object, cause: str, address: str = "") -> None:
        """Count a refused message or datagram, and log the first of its kind."""
        self.refused += 1
        self._last = f"refused: {cause}"
        if cause in self._reported or len(self._reported) == MAX_LOGGED_CAUSES:
            return
        self._reported.add(cause)
        log.warning("%s refused: %s", f"{origin} {address!r:.80}" if address else origin, error)
        if len(self._reported) == MAX_LOGGED_CAUSES:
            log.warning("%d kinds of bad packet: more are only counted", MAX_LOGGED_CAUSES)

    def status_lines(self) -> list[str]:
        """Return lines for ignored and refused messages, if there were any."""
        last = self.last_message if "refused" in self.last_message else ""
        ignored = f"{self.ignored} OSC messages to other addresses" if self.ignored else ""
        refused = f"{self.refused} OSC messages refused" if self.refused else ""
        return [line for line in (ignored, last, refused) if line]

    def _messages(
        self, controls: list[Control], form: Form, argument: Argument, sender: Sender
    ) -> list[Message]:
        if len(controls) == 1:
            message = self._message(controls[0], form, argument, sender)
            return [message] if message else []
        return self._accepted(controls, form, argument, sender)

    def _ignore_feedback(self, sender: Sender) -> list[Message]:
        """Ignore a read-only control in another liveflight's feedback, which this one follows.

        Raises _LoopError if we send feedback there, too: the two would swap values for ever."""
        if sender.gets_feedback:
            raise _LoopError(
                "two liveflights send each other feedback: use --osc-feedback on one of them only"
            )
        return []

    def _accepted(
        self, controls: list[Control], form: Form, argument: Argument, sender: Sender
    ) -> list[Message]:
        """Return the messages for the controls of a pattern that accept the argument.

        Raises LiveflightError if none does."""
        found, refusals = [], []
        for control in controls:
            try:
                found.append(self._message(control, form, argument, sender))
            except LiveflightError as error:
                refusals.append(error)
        if not found:
            raise refusals[0]
        return [message for message in found if message]

    def _message(
        self, control: Control, form: Form, argument: Argument, sender: Sender
    ) -> Message | None:
        if argument == "?":
            return self._question(control, form, sender)
        message = to_message(control, form, argument, sender.origin)
        if isinstance(message, Trigger) and message.key == SYNC and sender.reply:
            refusal = f"more than {ANSWERS_PER_S // DUMP_COST} full dumps per second"
            self._answer_limit.consume(DUMP_COST, refusal, sender.origin)
        return message

    def _question(self, control: Control, form: Form, sender: Sender) -> Query:
        if control.kind == "trigger" or form == "add":
            raise LiveflightError(f"{control.key} has no value to ask for here")
        reply = self._reply(sender, "'?'")
        address = control.address + ("/raw" if form == "raw" else "")

        def send(value: Value) -> None:
            reply(encode(address, to_argument(control, form, value)))

        return Query(control.key, send)

    def _pong(self, sender: Sender) -> Query:
        """Return the question whose reply, the frames per second, is sent as the pong."""
        reply = self._reply(sender, "a ping")
        return Query("show.fps", partial(self._send_pong, reply))

    def _send_pong(self, reply: Reply, fps: Value) -> None:
        uptime = float(self._clock() - self._began)
        reply(encode("/liveflight/pong", __version__, uptime, float(fps)))

    def _reply(self, sender: Sender, what: str) -> Reply:
        if sender.reply is None:
            raise LiveflightError(f"{what} is answered only to this machine and to feedback hosts")
        refusal = f"more than {ANSWERS_PER_S} questions per second"
        self._answer_limit.consume(1, refusal, sender.origin)
        return sender.reply


class _LoopError(PacketError):
    """Report feedback between two liveflights: the whole datagram is dropped."""


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
