"""OSC in, over UDP: one socket thread that turns datagrams into messages in the mailbox.

python-osc's parsers decode the arguments and its builder encodes the answers. Bundles, addresses
and the list of arguments are walked by our own bounded code: the library hangs or overruns on
hostile ones, waits for timetags, knows no impulse, and warns through the root logger.
"""

from __future__ import annotations

import ipaddress
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial

from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.parsing import osc_types

from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.control import Control
from liveflight.core.mailbox import Ask, Mailbox, Message
from liveflight.inputs.osc_address import Form, is_pattern, resolve
from liveflight.inputs.osc_packet import LONGEST, PacketError, elements
from liveflight.inputs.osc_value import Argument, answer, meant

log = logging.getLogger(__name__)

Sender = tuple[str, int]

CAUSES = 32
"""Kinds of bad packet that are reported, each once; all are counted."""
WORK = 512 * 1024
"""Bytes read per second; more is dropped, so that a flood cannot take the frame loop's time."""
OVERHEAD = 32
"""What a datagram costs beside its bytes."""
SEARCH = 2048
"""What an address with wildcards costs beside its bytes."""
ANSWERS = 200
"""Questions answered per second."""

_PARSERS: dict[str, Callable[[bytes, int], tuple[Argument, int]]] = {
    "i": osc_types.get_int,
    "h": osc_types.get_int64,
    "f": osc_types.get_float,
    "d": osc_types.get_double,
    "s": osc_types.get_string,
    "S": osc_types.get_string,
}
_CONSTANTS: dict[str, Argument] = {"T": True, "F": False, "N": None, "I": None}


def decode(message: bytes) -> tuple[str, list[Argument]]:
    """Address and arguments of one message, a multiple of 4 bytes long. Raises PacketError."""
    try:
        address, place = osc_types.get_string(message, 0)
        tags, place = osc_types.get_string(message, place) if message[place:] else (",", place)
        if not tags.startswith(",") or len(tags) > 17:
            raise PacketError("argument types begin with a comma and are at most 16")
        arguments: list[Argument] = []
        for tag in tags[1:]:
            argument, place = _argument(tag, message, place)
            arguments.append(argument)
    except osc_types.ParseError:
        raise PacketError("the message ends before its arguments do") from None
    except UnicodeDecodeError:
        raise PacketError("texts are UTF-8") from None
    if place != len(message):
        raise PacketError("the message does not end with its last argument")
    return address, arguments


def _argument(tag: str, message: bytes, place: int) -> tuple[Argument, int]:
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], place
    if tag in _PARSERS:
        return _PARSERS[tag](message, place)
    if tag == "c":
        code, place = osc_types.get_int(message, place)
        return chr(code % 128), place
    raise PacketError("argument types are i h f d s S c T F N I")


class Budget:
    """What may be spent per second."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._limit, self._clock = limit, clock
        self._since, self._spent = clock(), 0

    @property
    def overdrawn(self) -> bool:
        return self._spent > self._limit

    def spend(self, amount: int, refusal: str) -> None:
        """Raises PacketError with the text `refusal` where the second has nothing left."""
        now = self._clock()
        if now - self._since >= 1.0:
            self._since, self._spent = now, 0
        self._spent += amount
        if self.overdrawn:
            raise PacketError(refusal)


class OscInput:
    """Listens on a UDP port; 0 lets the system choose, and `port` says which after `open`.

    Questions from this machine are answered, those of others only if they are among the `feedback`
    hosts, since a datagram's sender can be forged."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 9000,
        feedback: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host, self.port = host, port
        self.refused = 0
        """Datagrams refused since the start."""
        self.last_message = ""
        """The last message that came, for the HUD, such as `osc camera.zoom 0.62`."""
        self._feedback = frozenset(feedback)
        self._work, self._answers = Budget(WORK, clock), Budget(ANSWERS, clock)
        self._reported: set[str] = set()
        self._thread: threading.Thread | None = None

    def open(self, mailbox: Mailbox) -> None:
        """Starts to listen. Raises LiveflightError where the port is taken or the host not ours."""
        self._mailbox = mailbox
        self._socket = _bound(self.host, self.port)
        self.port = self._socket.getsockname()[1]
        if not _is_loopback(self._socket.getsockname()[0]):
            log.warning("OSC on %s: every machine there can move the controls", self.host)
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, name="osc", daemon=True)
        self._thread.start()

    def poll(self, now: float) -> None:
        """Nothing: messages come by themselves."""

    def tell(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Nothing: questions are answered as they come."""

    def lines(self) -> list[str]:
        """The last message refused, and how many were."""
        if not self.refused:
            return []
        last = self.last_message if "refused" in self.last_message else ""
        return [*filter(None, [last]), f"{self.refused} OSC packets refused"]

    def close(self) -> None:
        """Ends the thread. May be called twice, and without `open`."""
        if self._thread is None:
            return
        self._wake.close()
        self._thread.join()
        self._woken.close()
        self._socket.close()
        self._thread = None

    def _listen(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while all(key.fileobj is self._socket for key, _ in selector.select()):
                try:
                    datagram, sender = self._socket.recvfrom(LONGEST + 1)
                    self.receive(datagram, sender[:2])
                    if self._work.overdrawn:
                        time.sleep(0.02)  # the system drops a flood at less cost than we do
                except BlockingIOError:
                    continue
                except OSError as error:
                    # Windows: too long a datagram, or an answer that nobody took. Should the error
                    # stay, the pause keeps this thread from taking the frame loop's time.
                    self._refuse("the system", f"gave an error: {error}", str(error))
                    time.sleep(0.01)
                except Exception as error:
                    self._refuse("OSC", f"has a fault, please report it: {error!r}", repr(error))

    def receive(self, datagram: bytes, sender: Sender) -> None:
        """Puts a datagram's messages into the mailbox, all together, or counts it as refused."""
        address = ""
        found: list[Message] = []
        try:
            self._work.spend(len(datagram) + OVERHEAD, "packets come faster than they are read")
            for element in elements(datagram):
                address, arguments = decode(element)
                found += self._messages(address, arguments, sender)
        except PacketError as error:
            self._refuse("{}:{}".format(*sender), error, str(error))
        except LiveflightError as error:
            self._refuse("{}:{} {}".format(*sender, repr(address)[:80]), error, address)
        else:
            self._mailbox.put(*found)

    def _messages(
        self, address: str, arguments: list[Argument], sender: Sender
    ) -> Iterable[Message]:
        if is_pattern(address):
            self._work.spend(SEARCH, "addresses with wildcards come faster than they are matched")
        controls, form = resolve(address)
        if len(arguments) > 1:
            raise LiveflightError(f"{len(arguments)} arguments: allowed is one")
        argument = arguments[0] if arguments else None
        self._show(_described(controls, form, argument, address))

        def read(control: Control) -> Message | None:
            if argument == "?":
                return self._question(control, form, sender)
            return meant(control, form, argument)

        return _takers(controls, read)

    def _question(self, control: Control, form: Form, sender: Sender) -> Ask:
        if control.kind == "trigger" or form == "add":
            raise LiveflightError(f"{control.key} has no value to ask for here")
        if not _is_loopback(sender[0]) and sender[0] not in self._feedback:
            raise LiveflightError("'?' is answered only to this machine and to feedback hosts")
        self._answers.spend(1, f"more than {ANSWERS} questions per second")
        return Ask(control.key, partial(self._reply, control, form, sender))

    def _reply(self, control: Control, form: Form, sender: Sender, value: Value) -> None:
        address = control.address + ("/raw" if form == "raw" else "")
        message = OscMessageBuilder(address)
        message.add_arg(answer(control, form, value))
        # The asker may be gone and the port closed; nobody is left to tell.
        with suppress(OSError):
            self._socket.sendto(message.build().dgram, sender)

    def _show(self, text: str) -> None:
        self.last_message = "osc " + "".join(c if c.isprintable() else "?" for c in text[:80])

    def _refuse(self, origin: str, error: object, cause: str) -> None:
        self.refused += 1
        self._show(f"refused: {cause}")
        if cause in self._reported or len(self._reported) == CAUSES:
            return
        self._reported.add(cause)
        log.warning("osc from %s refused: %s", origin, error)
        if len(self._reported) == CAUSES:
            log.warning("that was the %dth kind of bad packet; more are only counted", CAUSES)


def _takers(controls: list[Control], read: Callable[[Control], Message | None]) -> list[Message]:
    """What every control reads; those of a pattern that cannot take the argument are passed over,
    unless none can."""
    found, refusals = [], []
    for control in controls:
        try:
            found.append(read(control))
        except LiveflightError as error:
            refusals.append(error)
    if not found:
        raise refusals[0]
    return [message for message in found if message]


def _described(controls: list[Control], form: Form, argument: Argument, address: str) -> str:
    name = controls[0].key if len(controls) == 1 else address
    suffix = f"/{form}" if form != "plain" and len(controls) == 1 else ""
    value = f"{argument:.4g}" if isinstance(argument, float) else str(argument)
    return f"{name}{suffix}" + ("" if argument is None else f" {value}")


def _bound(host: str, port: int) -> socket.socket:
    """A non-blocking UDP socket, IPv4 or IPv6 as the host has it."""
    if not 0 <= port <= 65535:
        raise LiveflightError(f"OSC port {port}: allowed is 1 to 65535")
    with ExitStack() as opened:
        try:
            family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            bound = opened.enter_context(socket.socket(family, kind))
            bound.setblocking(False)
            bound.bind(place)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no such host"
            raise LiveflightError(
                f"OSC cannot listen on {host[:80]}:{port} ({reason}): "
                "close the program that has the port, or choose another with --osc-port"
            ) from None
        opened.pop_all()
    return bound


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback
