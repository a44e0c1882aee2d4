"""Sockets of their own for senders that fill the OSC port's, so that their datagrams crowd out no
others' in the system's buffer."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

MOST = 16
"""Senders that have a socket of their own at a time."""
LOUD = 64
"""Datagrams of one sender after which it gets one, if all came since the common one was empty."""
TURN = 16
"""Datagrams that are read of a socket before the others have their turn."""
SILENT = 5.0
"""Seconds of silence after which a sender loses its socket."""
WAIT = 1.0
"""Seconds after which its own socket is read though the common one was not empty yet: others may
fill that for ever."""
PAUSE = 0.005
"""Seconds until sockets that were empty are looked at again."""
BUFFER = 1 << 20
"""Bytes that may wait in each; systems allow less."""

SocketAddress = tuple[Any, ...]
Socket = socket.socket


@dataclass
class _Own:
    socket: Socket
    common: Socket
    since: float
    """When it was given that socket."""
    heard: float
    """When the sender was last heard."""
    waits: bool = True
    """Whether what it said before may still be in the common socket: that is read first."""


class FloodIsolation:
    """Relies on Linux, which hands a connected socket all that its peer sends, though another has
    the same port; elsewhere nobody is kept apart. Times in seconds of any one clock."""

    def __init__(self) -> None:
        self._own: dict[SocketAddress, _Own] = {}

    def __bool__(self) -> bool:
        return bool(self._own)

    def put(self, common: socket.socket, sender: SocketAddress, now: float) -> bool:
        """Give a sender that fills `common` a socket of its own. Return whether it has one."""
        if sender in self._own:
            return True
        if sys.platform != "linux" or len(self._own) == MOST:
            return False
        own = socket.socket(common.family, socket.SOCK_DGRAM)
        try:
            own.setblocking(False)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            if common.family is socket.AF_INET6:
                only = common.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
                own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
            # `common` only for this moment: another liveflight is to find the port taken.
            common.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            own.bind(common.getsockname())
            own.connect(sender)
        except OSError:
            own.close()
            return False
        finally:
            common.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        self._own[sender] = _Own(own, common, now, now)
        return True

    def emptied(self, common: socket.socket) -> None:
        """`common` has been read to its end: what was said before is done."""
        for own in self._own.values():
            if own.common is common:
                own.waits = False

    def datagrams(
        self, size: int, now: float, spared: Callable[[SocketAddress], bool]
    ) -> Iterator[tuple[bytes, SocketAddress, socket.socket]]:
        """Read a turn of each but the `spared`, at most `size` bytes of a datagram, and let go of
        those that are silent. A datagram comes with its sender and the common socket."""
        for sender, own in list(self._own.items()):
            if (own.waits and now - own.since < WAIT) or spared(sender):
                continue
            try:
                for _ in range(TURN):
                    datagram = own.socket.recv(size)
                    own.heard = now
                    yield datagram, sender, own.common
            except OSError:  # nothing more, or an answer that nobody took
                if now - own.heard >= SILENT:
                    own.socket.close()
                    del self._own[sender]

    def close(self) -> None:
        """Let go of all. May be called twice."""
        while self._own:
            self._own.popitem()[1].socket.close()
