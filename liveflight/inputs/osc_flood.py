"""Sockets of their own for senders that flood the OSC port, so that their datagrams crowd out no
others' in the system's buffer."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from typing import Any

MOST = 16
"""Senders that are kept apart at a time."""
APART = 10.0
"""Seconds for which a sender that floods is kept apart."""
PAUSE = 0.01
"""Seconds between two looks at what they sent."""
EACH = 16
"""Datagrams that are read of each per look; the system drops what is beyond its buffer."""
BUFFER = 1 << 16
"""Bytes that wait of each."""

Sender = tuple[Any, ...]


class Apart:
    """Relies on Linux, which hands a connected socket all that its peer sends, though another has
    the same port; elsewhere nobody is kept apart. Times in seconds of any one clock."""

    def __init__(self) -> None:
        self._sockets: dict[Sender, tuple[socket.socket, float]] = {}
        self._next = 0.0

    def __bool__(self) -> bool:
        return bool(self._sockets)

    def put(self, common: socket.socket, sender: Sender, now: float) -> bool:
        """Give a sender that floods `common` a socket of its own. Return whether it has one."""
        if sender in self._sockets:
            return True
        if sys.platform != "linux" or len(self._sockets) == MOST:
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
        self._sockets[sender] = own, now + APART
        return True

    def datagrams(self, size: int, now: float) -> Iterator[tuple[bytes, Sender]]:
        """Read what they have sent, at most `size` bytes of each datagram, and let go of those
        whose time is over. Nothing within PAUSE of the last look."""
        if now < self._next:
            return
        self._next = now + PAUSE
        for sender, (own, until) in list(self._sockets.items()):
            try:
                for _ in range(EACH):
                    yield own.recv(size), sender
            except OSError:  # nothing more, or an answer that nobody took
                pass
            if now >= until:
                del self._sockets[sender]
                own.close()

    def close(self) -> None:
        """Let go of all. May be called twice."""
        while self._sockets:
            self._sockets.popitem()[1][0].close()
