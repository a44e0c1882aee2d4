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
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial

from liveflight.core.contracts import Value
from liveflight.core.mailbox import Mailbox, Message, Trigger
from liveflight.inputs.osc_echo import SYNC, dump
from liveflight.inputs.osc_packet import LONGEST
from liveflight.inputs.osc_reader import Reader, Speaker
from liveflight.inputs.osc_socket import bound, is_loopback, plain

log = logging.getLogger(__name__)

Sender = tuple[str, int]

SPEAKERS = 64
"""Senders that are remembered at a time."""
FLOOD = 256
"""Datagrams of a flood that are looked at in a row: others' are among them."""


class OscInput:
    """Listens on a UDP port; 0 lets the system choose, and `port` says which after `open`.

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
        self._reader = Reader(clock)
        self._trusted: frozenset[str] = frozenset()
        self._speakers: dict[Sender, Speaker] = {}
        self._thread: threading.Thread | None = None

    @property
    def listening(self) -> bool:
        return self._thread is not None

    @property
    def refused(self) -> int:
        """Datagrams refused since the start."""
        return self._reader.refused

    @property
    def last_message(self) -> str:
        """The last message that came, such as `osc camera.zoom 0.62`."""
        return self._reader.last_message

    def open(self, mailbox: Mailbox) -> None:
        """Starts to listen. Raises LiveflightError where the port is taken or the host not ours."""
        self._mailbox = mailbox
        self._socket = bound(self.host, self.port, socket.SOCK_DGRAM, "OSC", "--osc-port")
        # A burst waits in the system's buffer while a frame is drawn.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.port = self._socket.getsockname()[1]
        self._trusted |= frozenset(filter(None, map(_number, self._feedback)))
        if not is_loopback(self._socket.getsockname()[0]):
            log.warning("OSC on %s: every machine there can move the controls", self.host)
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, name="osc", daemon=True)
        self._thread.start()

    def trust(self, host: str) -> None:
        """Answer this host's number, too. May be called from any thread."""
        if host not in self._trusted:
            self._trusted |= {host}
            self._speakers = {}  # it may have spoken before

    def poll(self, now: float) -> None:
        """Nothing: messages come by themselves."""

    def tell(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Everything, to those who asked for it in this frame."""
        askers = {m.origin for m in heard if isinstance(m, Trigger) and m.key == SYNC}
        for speaker in list(self._speakers.values()) if askers else ():
            if speaker.origin in askers and speaker.reply:
                for datagram in dump(values):
                    speaker.reply(datagram)

    def lines(self) -> list[str]:
        """The last message refused, and how many were."""
        return self._reader.lines()

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
            flood = 0
            while all(key.fileobj is self._socket for key, _ in selector.select()):
                try:
                    datagram, sender = self._socket.recvfrom(LONGEST + 1)
                    self.receive(datagram, sender[:2])
                    flood = flood + 1 if self._reader.overdrawn else 0
                    if flood >= FLOOD:
                        flood = 0
                        time.sleep(0.02)  # the system drops it at less cost than we do
                except BlockingIOError:
                    continue
                except OSError as error:
                    # Windows: too long a datagram, or an answer that nobody took. Should the error
                    # stay, the pause keeps this thread from taking the frame loop's time.
                    self._reader.refuse("osc", f"the system gave an error: {error}", str(error))
                    time.sleep(0.01)
                except Exception as error:
                    self._reader.refuse("osc", f"a fault, please report it: {error!r}", repr(error))

    def receive(self, datagram: bytes, sender: Sender) -> None:
        """Puts a datagram's messages into the mailbox, all together, or counts it as refused."""
        speaker = self._speakers.get(sender)
        if speaker is None:
            speaker = self._remembered(sender)
        if messages := self._reader.read(datagram, speaker):
            self._mailbox.put(*messages)

    def _remembered(self, sender: Sender) -> Speaker:
        if len(self._speakers) == SPEAKERS:
            self._speakers.clear()
        host = plain(sender[0])
        answered = is_loopback(host) or host in self._trusted
        speaker = Speaker(
            f"osc:{host}:{sender[1]}",
            partial(self._send, sender) if answered else None,
            host in self._trusted,
        )
        self._speakers[sender] = speaker
        return speaker

    def _send(self, place: Sender, datagram: bytes) -> None:
        # The asker may be gone and the port closed; nobody is left to tell.
        with suppress(OSError):
            self._socket.sendto(datagram, place)


def _number(host: str) -> str:
    """A host's number; empty where it is not known."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)[0][4][0])
    except (OSError, UnicodeError):
        return ""
