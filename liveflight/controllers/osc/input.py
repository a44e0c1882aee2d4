"""OSC in, over UDP: one socket thread that turns datagrams into messages in the mailbox.

python-osc's server and dispatcher are not used: they hang or overrun on hostile datagrams and wait
for timetags.
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

from liveflight.controllers.osc.echo_suppressor import SYNC, dump, place_of
from liveflight.controllers.osc.flood_isolation import (
    LOUD,
    PAUSE,
    TURN,
    FloodIsolation,
    SocketAddress,
)
from liveflight.controllers.osc.packets import LONGEST
from liveflight.controllers.osc.reader import Reader, Sender
from liveflight.controllers.osc.sockets import bound, is_loopback, looked_up, plain
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.mailbox import Mailbox, Message, Trigger

log = logging.getLogger(__name__)

Repeats = Callable[[str, Message], bool]
"""Whether a message from this host is an echo of what it was told."""

SPEAKERS = 64
"""Senders that are remembered at a time."""
SENDERS = 1024
"""Senders that are counted until the socket is empty: their number may be forged without end."""
FLOOD = 256
"""Datagrams in a row of a flood that cannot be kept apart: others' are among them."""


class OscInput:
    """Listens on a UDP port of every address that `host` has here; 0 lets the system choose, and
    `port` says which after `open`.

    This machine is answered, others only if they are among the `feedback` hosts, since a datagram's
    sender can be forged."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 9000,
        feedback: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host, self.port = host, port
        self._feedback = feedback
        self.listeners: list[Repeats] = []
        """Who is told where the controls stand, and may say it again too late."""
        self._reader = Reader(clock)
        self._trusted: frozenset[str] = frozenset()
        self._speakers: dict[SocketAddress, Sender] = {}
        self._apart = FloodIsolation()
        self._came: dict[socket.socket, Counter[SocketAddress]] = {}
        """Datagrams of each sender since the socket was empty."""
        self._flood = 0
        self._busy = False
        """Whether those that are kept apart had anything to say."""
        self._thread: threading.Thread | None = None

    @property
    def listening(self) -> bool:
        return self._thread is not None

    @property
    def refused(self) -> int:
        """Messages refused since the start, and datagrams that are no OSC."""
        return self._reader.refused

    @property
    def last_message(self) -> str:
        """The last message that came, such as `osc camera.zoom 0.62`."""
        return self._reader.last_message

    def open(self, mailbox: Mailbox) -> None:
        """Starts to listen. Raises LiveflightError where the port is taken or the host not ours."""
        self._mailbox = mailbox
        self._sockets = bound(self.host, self.port, socket.SOCK_DGRAM, "OSC", "--osc-port")
        with ExitStack() as opened:  # closed where the system has no more files or threads
            for ours in self._sockets:
                opened.enter_context(ours)
                # A burst waits in the system's buffer while a frame is drawn.
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            self._wake, self._woken = map(opened.enter_context, socket.socketpair())
            self._trusted |= frozenset().union(*map(_numbers, self._feedback))
            self._came = {one: Counter() for one in self._sockets}
            self.port = self._sockets[0].getsockname()[1]
            thread = threading.Thread(target=self._listen, name="osc", daemon=True)
            thread.start()
            opened.pop_all()
        self._thread = thread
        if not all(is_loopback(ours.getsockname()[0]) for ours in self._sockets):
            log.warning("OSC on %s: every machine there can move the controls", self.host)

    def trust(self, host: str) -> None:
        """Answer this host's number, too. May be called from any thread."""
        if host not in self._trusted:
            self._trusted |= {host}
            self._speakers = {}  # it may have spoken before

    def poll(self, now: float) -> None:
        """Nothing: messages come by themselves."""

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Everything, to those who asked for it in this frame."""
        askers = {m.origin for m in heard if isinstance(m, Trigger) and m.key == SYNC}
        for speaker in list(self._speakers.values()) if askers else ():
            if speaker.origin in askers and speaker.reply:
                for datagram in dump(values):
                    speaker.reply(datagram)

    def status_lines(self) -> list[str]:
        """The last message refused, how many were, and how many were others' business."""
        return self._reader.status_lines()

    def close(self) -> None:
        """Ends the thread. May be called twice, and without `open`."""
        if self._thread is None:
            return
        self._wake.close()
        self._thread.join()
        self._woken.close()
        self._apart.close()
        for ours in self._sockets:
            ours.close()
        self._thread = None

    def _listen(self) -> None:
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
                        self._guarded(partial(self._take, ours))
                    else:
                        self._emptied(ours)
                self._busy = False
                self._guarded(self._take_apart)
                pause = None if not self._apart else 0.0 if self._busy else PAUSE

    def _take(self, ours: socket.socket) -> None:
        """Read a turn of datagrams, of whoever comes next."""
        for _ in range(TURN):
            try:
                datagram, sender = ours.recvfrom(LONGEST + 1)
            except BlockingIOError:
                self._emptied(ours)
                return
            came = self._came[ours]
            if len(came) == SENDERS:
                came.clear()
            came[sender] += 1
            if came[sender] > LOUD:
                self._apart.put(ours, sender, time.monotonic())
            self.receive(datagram, sender, ours)
            self._flood = self._flood + 1 if self._reader.overdrawn else 0
            if self._flood >= FLOOD:
                self._flood = 0
                time.sleep(0.02)  # the system drops it at less cost than we do

    def _emptied(self, ours: socket.socket) -> None:
        self._came[ours].clear()
        self._apart.emptied(ours)

    def _take_apart(self) -> None:
        """Read a turn of each of those that are kept apart."""
        read = self._apart.datagrams(LONGEST + 1, time.monotonic(), self._spared)
        for datagram, sender, ours in read:
            self._busy = True
            self.receive(datagram, sender, ours)

    def _spared(self, sender: SocketAddress) -> bool:
        speaker = self._speakers.get(sender)
        return speaker is not None and self._reader.overdrawn_by(speaker)

    def _guarded(self, take: Callable[[], None]) -> None:
        try:
            take()
        except BlockingIOError:
            pass
        except OSError as error:
            # Windows: too long a datagram, or an answer that nobody took. Should the error
            # stay, the pause keeps this thread from taking the frame loop's time.
            self._reader.refuse("osc", f"the system gave an error: {error}", str(error))
            time.sleep(0.01)
        except Exception as error:
            self._reader.refuse("osc", f"a fault, please report it: {error!r}", repr(error))

    def receive(
        self, datagram: bytes, sender: SocketAddress, ours: socket.socket | None = None
    ) -> None:
        """Put a datagram's messages into the mailbox, all together. Questions are answered from
        `ours`, on which it came."""
        speaker = self._speakers.get(sender)
        if speaker is None:
            speaker = self._remembered(sender, ours or self._sockets[0])
        messages = self._reader.read(datagram, speaker)
        if messages and self.listeners:
            host, _ = place_of(speaker.origin)
            for repeats in self.listeners:
                messages = [message for message in messages if not repeats(host, message)]
        if messages:
            self._mailbox.put(*messages)

    def _remembered(self, sender: SocketAddress, ours: socket.socket) -> Sender:
        if len(self._speakers) == SPEAKERS:
            self._speakers.clear()
        host = plain(sender[0])
        answered = is_loopback(host) or host in self._trusted
        speaker = Sender(
            f"osc:{host}:{sender[1]}",
            partial(self._send, ours, sender) if answered else None,
            host in self._trusted,
        )
        self._speakers[sender] = speaker
        return speaker

    def _send(self, ours: socket.socket, place: SocketAddress, datagram: bytes) -> None:
        # The asker may be gone and the port closed; nobody is left to tell.
        with suppress(OSError):
            ours.sendto(datagram, place)


def _numbers(host: str) -> frozenset[str]:
    """The numbers of a host; none where it is not known."""
    try:
        return frozenset(plain(place[0]) for _, place in looked_up(host, 0))
    except LiveflightError:
        return frozenset()
