"""Receive OSC over UDP: one thread turns datagrams into messages in the mailbox.

python-osc's server and dispatcher are not used: they hang or overflow on hostile datagrams, and
wait for timetags.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial

from liveflight.controllers.osc.echo_suppressor import SYNC, dump, origin_address
from liveflight.controllers.osc.flood_isolation import (
    ISOLATE_AFTER,
    POLL_INTERVAL_S,
    TURN_DATAGRAMS,
    FloodIsolation,
    SocketAddress,
)
from liveflight.controllers.osc.packets import MAX_PACKET_BYTES
from liveflight.controllers.osc.reader import Reader, Sender
from liveflight.controllers.osc.sockets import (
    all_loopback,
    bind_all,
    is_loopback,
    look_up,
    plain_ip,
)
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.mailbox import Mailbox, Message, Trigger

log = logging.getLogger(__name__)

IsEcho = Callable[[str, Message], bool]
"""Returns whether a message from this host only repeats what it was sent."""

MAX_SENDERS = 64
"""Largest number of senders that are remembered."""
MAX_COUNTED_SENDERS = 1024
"""Largest number of senders that are counted until the socket is empty: they may be forged."""
FLOOD_DATAGRAMS = 256
"""Datagrams in a row beyond the limit after which the thread pauses: many senders flood."""


class OscInput:
    """Listen on a UDP port. A `controllers.controller.Controller`.

    Listens at every address that `host` has on this machine. Port 0 lets the system choose; `port`
    is the chosen one after `open`. Only this machine and the `feedback` hosts are answered, since a
    datagram's sender can be forged."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 9000,
        feedback: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the settings. `clock`: seconds, for the limits per second."""
        self.host, self.port = host, port
        self._feedback = feedback
        self.echo_filters: list[IsEcho] = []
        """One function of each sender of feedback, which recognises echoes of it."""
        self._reader = Reader(clock)
        self._trusted: frozenset[str] = frozenset()
        self._senders: dict[SocketAddress, Sender] = {}
        self._isolation = FloodIsolation()
        self._counts: dict[socket.socket, Counter[SocketAddress]] = {}
        """Datagrams of each sender since each socket was last empty."""
        self._flood = 0
        self._busy = False
        """Whether isolated senders sent anything at the last reading."""
        self._thread: threading.Thread | None = None

    @property
    def listening(self) -> bool:
        return self._thread is not None

    @property
    def refused(self) -> int:
        """Return how many messages were refused, and datagrams that are not OSC."""
        return self._reader.refused

    @property
    def last_message(self) -> str:
        """Return the last message that came, such as `osc camera.zoom 0.62`."""
        return self._reader.last_message

    def open(self, mailbox: Mailbox) -> None:
        """Start to listen. Raises LiveflightError if the port is taken or the host not ours."""
        self._mailbox = mailbox
        self._sockets = bind_all(self.host, self.port, socket.SOCK_DGRAM, "OSC", "--osc-port")
        with ExitStack() as opened:  # closes all if the system has no files or threads left
            for ours in self._sockets:
                opened.enter_context(ours)
                # A burst waits in the system's buffer while a frame is drawn.
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            self._wake, self._woken = map(opened.enter_context, socket.socketpair())
            self._trusted |= frozenset().union(*map(_ips, self._feedback))
            self._counts = {one: Counter() for one in self._sockets}
            self.port = self._sockets[0].getsockname()[1]
            thread = threading.Thread(target=self._receive_loop, name="osc", daemon=True)
            thread.start()
            opened.pop_all()
        self._thread = thread
        if not all_loopback(self._sockets):
            log.warning("OSC on %s: every machine there can move the controls", self.host)

    def trust(self, host: str) -> None:
        """Answer the host of this IP address, too. May be called from any thread."""
        if host not in self._trusted:
            self._trusted |= {host}
            self._senders = {}  # it may be among them as untrusted

    def poll(self, now: float) -> None:
        """Do nothing: the thread puts the messages."""

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Send all values to those who fired `show.sync` in this frame."""
        askers = {m.origin for m in heard if isinstance(m, Trigger) and m.key == SYNC}
        for sender in list(self._senders.values()) if askers else ():
            if sender.origin in askers and sender.reply:
                for datagram in dump(values):
                    sender.reply(datagram)

    def status_lines(self) -> list[str]:
        return self._reader.status_lines()

    def close(self) -> None:
        """End the thread. May be called twice, and without `open`."""
        if self._thread is None:
            return
        self._wake.close()
        self._thread.join()
        self._woken.close()
        self._isolation.close()
        for ours in self._sockets:
            ours.close()
        self._thread = None

    def _receive_loop(self) -> None:
        with selectors.DefaultSelector() as selector:
            for waited in (*self._sockets, self._woken):
                selector.register(waited, selectors.EVENT_READ)
            pause = None
            while True:
                ready = [key.fileobj for key, _ in selector.select(pause)]
                if self._woken in ready:
                    return
                for ours in self._sockets:
                    if ours in ready:
                        self._guard(partial(self._take, ours))
                    else:
                        self._emptied(ours)
                self._busy = False
                self._guard(self._take_isolated)
                pause = None if not self._isolation else 0.0 if self._busy else POLL_INTERVAL_S

    def _take(self, ours: socket.socket) -> None:
        """Read a turn of datagrams from the common socket."""
        for _ in range(TURN_DATAGRAMS):
            try:
                datagram, address = ours.recvfrom(MAX_PACKET_BYTES + 1)
            except BlockingIOError:
                self._emptied(ours)
                return
            counts = self._counts[ours]
            if len(counts) == MAX_COUNTED_SENDERS:
                counts.clear()
            counts[address] += 1
            if counts[address] > ISOLATE_AFTER:
                self._isolation.put(ours, address, time.monotonic())
            self.receive(datagram, address, ours)
            self._flood = self._flood + 1 if self._reader.exceeded else 0
            if self._flood >= FLOOD_DATAGRAMS:
                self._flood = 0
                time.sleep(0.02)  # the system drops datagrams at less cost than we do

    def _emptied(self, ours: socket.socket) -> None:
        self._counts[ours].clear()
        self._isolation.emptied(ours)

    def _take_isolated(self) -> None:
        """Read a turn of each isolated sender."""
        read = self._isolation.datagrams(MAX_PACKET_BYTES + 1, time.monotonic(), self._spared)
        for datagram, address, ours in read:
            self._busy = True
            self.receive(datagram, address, ours)

    def _spared(self, address: SocketAddress) -> bool:
        sender = self._senders.get(address)
        return sender is not None and self._reader.exceeded_by(sender)

    def _guard(self, take: Callable[[], None]) -> None:
        try:
            take()
        except BlockingIOError:
            pass
        except OSError as error:
            # Windows: too long a datagram, or a refused answer. If the error stays, the pause
            # keeps this thread from taking the frame loop's time.
            self._reader.refuse("osc", f"the system gave an error: {error}", str(error))
            time.sleep(0.01)
        except Exception as error:
            self._reader.refuse("osc", f"a bug, please report it: {error!r}", repr(error))

    def receive(
        self, datagram: bytes, address: SocketAddress, ours: socket.socket | None = None
    ) -> None:
        """Put a datagram's messages into the mailbox, all at once.

        Questions are answered from `ours`, the socket that it came from."""
        sender = self._senders.get(address)
        if sender is None:
            sender = self._remember(address, ours or self._sockets[0])
        messages = self._reader.read(datagram, sender)
        if messages and self.echo_filters:
            host, _ = origin_address(sender.origin)
            for is_echo in self.echo_filters:
                messages = [message for message in messages if not is_echo(host, message)]
        if messages:
            self._mailbox.put(*messages)

    def _remember(self, address: SocketAddress, ours: socket.socket) -> Sender:
        if len(self._senders) == MAX_SENDERS:
            self._senders.clear()
        host = plain_ip(address[0])
        answered = is_loopback(host) or host in self._trusted
        sender = Sender(
            f"osc:{host}:{address[1]}",
            partial(self._send, ours, address) if answered else None,
            host in self._trusted,
        )
        self._senders[address] = sender
        return sender

    def _send(self, ours: socket.socket, address: SocketAddress, datagram: bytes) -> None:
        # The asker may be gone and the port closed.
        with suppress(OSError):
            ours.sendto(datagram, address)


def _ips(host: str) -> frozenset[str]:
    """Return the IP addresses of a host; none if it is unknown."""
    try:
        return frozenset(plain_ip(address[0]) for _, address in look_up(host, 0))
    except LiveflightError:
        return frozenset()
