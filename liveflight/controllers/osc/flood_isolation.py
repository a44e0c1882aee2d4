"""Give flooding senders sockets of their own.

Their datagrams then displace no one else's in the system's buffer of the OSC port.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

MAX_ISOLATED = 16
"""Largest number of isolated senders."""
ISOLATE_AFTER = 64
"""Datagrams of one sender, since the common socket was last empty, after which it is isolated."""
TURN_DATAGRAMS = 16
"""Datagrams read from one socket before the others have their turn."""
SILENCE_S = 5.0
"""Seconds of silence after which a sender's socket is closed."""
DRAIN_TIMEOUT_S = 1.0
"""Seconds after which its own socket is read although the common one has not been empty.

Others may fill the common one for ever."""
POLL_INTERVAL_S = 0.005
"""Seconds until empty sockets are read again."""
BUFFER_BYTES = 1 << 20
"""Requested receive buffer of each socket; systems may allow less."""

SocketAddress = tuple[Any, ...]
Socket = socket.socket


@dataclass
class _Isolated:
    """Hold the socket of one isolated sender; times in seconds."""

    socket: Socket
    common: Socket
    since: float
    """When the sender was isolated."""
    heard: float
    """When the sender last sent something."""
    waits: bool = True
    """Whether earlier datagrams may still be in the common socket, which is read first."""


class FloodIsolation:
    """Keep the sockets of flooding senders; times in seconds of any one clock.

    Relies on Linux, which delivers to a connected socket all that its peer sends although another
    has the same port; on other systems no sender is isolated."""

    def __init__(self) -> None:
        self._isolated: dict[SocketAddress, _Isolated] = {}

    def __bool__(self) -> bool:
        return bool(self._isolated)

    def put(self, common: socket.socket, sender: SocketAddress, now: float) -> bool:
        """Isolate a sender that fills `common`. Return whether it has a socket of its own."""
        if sender in self._isolated:
            return True
        if sys.platform != "linux" or len(self._isolated) == MAX_ISOLATED:
            return False
        isolated = socket.socket(common.family, socket.SOCK_DGRAM)
        try:
            isolated.setblocking(False)
            isolated.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            if common.family is socket.AF_INET6:
                only = common.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
                isolated.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
            # Reuse of `common` for this moment only: another liveflight must find the port taken.
            common.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            isolated.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            isolated.bind(common.getsockname())
            isolated.connect(sender)
        except OSError:
            isolated.close()
            return False
        finally:
            common.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        self._isolated[sender] = _Isolated(isolated, common, now, now)
        return True

    def emptied(self, common: socket.socket) -> None:
        """Note that `common` is empty: all datagrams from before the isolation have been read."""
        for isolated in self._isolated.values():
            if isolated.common is common:
                isolated.waits = False

    def datagrams(
        self, size: int, now: float, spared: Callable[[SocketAddress], bool]
    ) -> Iterator[tuple[bytes, SocketAddress, socket.socket]]:
        """Read a turn of each isolated sender, and close the sockets of silent ones.

        Yields a datagram of at most `size` bytes, its sender and the common socket. `spared`
        decides which senders are not read this time."""
        for sender, isolated in list(self._isolated.items()):
            if (isolated.waits and now - isolated.since < DRAIN_TIMEOUT_S) or spared(sender):
                continue
            try:
                for _ in range(TURN_DATAGRAMS):
                    datagram = isolated.socket.recv(size)
                    isolated.heard = now
                    yield datagram, sender, isolated.common
            except OSError:  # nothing more, or a refused answer
                if now - isolated.heard >= SILENCE_S:
                    isolated.socket.close()
                    del self._isolated[sender]

    def close(self) -> None:
        """Close all sockets. May be called twice."""
        while self._isolated:
            self._isolated.popitem()[1].socket.close()
