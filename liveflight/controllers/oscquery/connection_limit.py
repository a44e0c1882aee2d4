"""Lets clients in to OSCQuery's web server, and keeps what they cost within bounds."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from aiohttp import HttpVersion10, web

log = logging.getLogger(__name__)

ROOM = 64
"""Connections at a time, websockets apart. One that comes in then shows out who has been here
longest: most likely one that was opened and never says a word."""
SHARE = 4
"""Of so many file numbers that the system lets a program have, connections take one; the rest is
the show's."""
PAUSE = 1.0
"""Seconds until it is tried again where nobody can be let in."""
QUIET = 60.0
"""Seconds for which that is not said again."""


class ConnectionLimit:
    """A protocol factory in front of aiohttp's, which lets in as many as there are file numbers."""

    def __init__(self, server: web.Server, staying: Callable[[], Collection[object]]) -> None:
        """`staying`: those that are never shown out."""
        self._server, self._staying = server, staying
        self._room = _room()
        self._said = -QUIET

    def __call__(self) -> asyncio.Protocol:
        stay = self._staying()
        others = [guest for guest in self._server.connections if guest not in stay]
        for guest in others[: max(len(others) + 1 - self._room, 0)]:
            if isinstance(guest.transport, asyncio.WriteTransport):
                guest.transport.abort()
        return self._server()

    async def receive(self, listening: socket.socket) -> None:
        """Let in who connects there, one after the other, until it is cancelled.

        asyncio's own servers try again at once, more and more often, where no file number is left,
        and report each time."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                guest, _ = await loop.sock_accept(listening)
            except OSError as error:
                if loop.time() - self._said >= QUIET:
                    self._said = loop.time()
                    log.warning("OSCQuery lets nobody in for now: %s", error.strerror)
                await asyncio.sleep(PAUSE)
                continue
            try:
                await loop.connect_accepted_socket(self, guest)
            except OSError:  # gone already
                guest.close()


def _room() -> int:
    """Return how many connections there may be at a time."""
    try:
        import resource
    except ImportError:  # Windows: its sockets are no files
        return ROOM
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ROOM if limit == resource.RLIM_INFINITY else min(ROOM, max(limit // SHARE, 1))


def own_names() -> frozenset[str]:
    """What a browser may be made to call this machine, beside its numbers: anything else could be a
    stranger's name that was turned to point here."""
    host = socket.gethostname().lower()
    return frozenset({"localhost", host, f"{host}.local", host.partition(".")[0]})


def may_look(request: web.Request, names: Collection[str]) -> bool:
    """Whether the request came to this machine by one of these `names` or by number, and from no
    web page of another origin. HTTP/1.0 may leave the name out, which no browser does."""
    # Without the header aiohttp would look up a name, which may take seconds.
    host, origin = request.headers.get("Host"), request.headers.get("Origin")
    if host is None:
        return request.version == HttpVersion10 and origin is None
    try:
        same = origin is None or urlsplit(origin).netloc.lower() == host.lower()
        return same and _is_ours(urlsplit(f"//{host}").hostname or "", names)
    except ValueError:  # a bracket without its other half
        return False


def _is_ours(name: str, names: Collection[str]) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in names
    return True
