"""Accept connections to OSCQuery's web server, limited in number and to trusted names."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Collection

from aiohttp import HttpVersion10, web

from liveflight.controllers.osc.rate_limiter import RateLimiter
from liveflight.system.host_names import names_this_machine

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
"""Largest number of connections, not counting websockets.

A new one then closes the oldest, most likely one that never sent anything."""
DESCRIPTOR_SHARE = 4
"""Connections take one in this many of the file descriptors that the system allows."""
CONNECTIONS_PER_S = 200
"""Connections accepted per second; of more, each waits: a flood takes the frame loop's time."""
PAUSE_S = 0.1
"""Seconds that it waits."""
RETRY_S = 1.0
"""Seconds until the next attempt after accepting has failed."""
LOG_INTERVAL_S = 60.0
"""Seconds between two log lines about that."""


class ConnectionLimit:
    """Create aiohttp's protocols, for no more connections than the limit allows."""

    def __init__(self, server: web.Server, staying: Callable[[], Collection[object]]) -> None:
        """Limit `server`'s connections. `staying`: returns those that are never closed."""
        self._server, self._staying = server, staying
        self._limit = _connection_limit()
        self._rate = RateLimiter(CONNECTIONS_PER_S, time.monotonic)
        self._logged = -LOG_INTERVAL_S

    def __call__(self) -> asyncio.Protocol:
        keep = self._staying()
        others = [connection for connection in self._server.connections if connection not in keep]
        for connection in others[: max(len(others) + 1 - self._limit, 0)]:
            if isinstance(connection.transport, asyncio.WriteTransport):
                connection.transport.abort()
        return self._server()

    async def receive(self, listening: socket.socket) -> None:
        """Accept connections there, one after the other, until cancelled.

        Without free file descriptors asyncio's own servers retry at once, ever more often, and log
        each time."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listening)
            except OSError as error:
                if loop.time() - self._logged >= LOG_INTERVAL_S:
                    self._logged = loop.time()
                    log.warning("OSCQuery accepts no connections for now: %s", error.strerror)
                await asyncio.sleep(RETRY_S)
                continue
            try:
                await loop.connect_accepted_socket(self, connection)
            except OSError:  # gone already
                connection.close()
            await self._rate.pace(PAUSE_S)


def _connection_limit() -> int:
    """Return how many connections are allowed."""
    try:
        import resource
    except ImportError:  # Windows: its sockets are not files
        return MAX_CONNECTIONS
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        MAX_CONNECTIONS
        if limit == resource.RLIM_INFINITY
        else min(MAX_CONNECTIONS, max(limit // DESCRIPTOR_SHARE, 1))
    )


def is_allowed(request: web.Request, names: Collection[str]) -> bool:
    """Return whether a request names this machine and comes from no page of another origin.

    It names it by one of `names` or by an IP address. HTTP/1.0 may omit the name, which no browser
    does."""
    # Without the header aiohttp would look up a name, which may take seconds.
    host, origin = request.headers.get("Host"), request.headers.get("Origin")
    if host is None:
        return request.version == HttpVersion10 and origin is None
    return names_this_machine(host, origin, names)
