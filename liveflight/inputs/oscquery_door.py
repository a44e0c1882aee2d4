"""Lets clients in to OSCQuery's web server, and keeps what they cost within bounds."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from aiohttp import web

ROOM = 64
"""Connections at a time, websockets apart. One that comes in then shows out who has been here
longest: most likely one that was opened and never says a word."""


class Door:
    """A protocol factory in front of aiohttp's, which lets in as many as there are file numbers."""

    def __init__(self, server: web.Server, staying: Callable[[], Collection[object]]) -> None:
        """`staying`: those that are never shown out."""
        self._server, self._staying = server, staying

    def __call__(self) -> asyncio.Protocol:
        stay = self._staying()
        others = [guest for guest in self._server.connections if guest not in stay]
        for guest in others[: max(len(others) + 1 - ROOM, 0)]:
            if isinstance(guest.transport, asyncio.WriteTransport):
                guest.transport.abort()
        return self._server()


def own_names() -> frozenset[str]:
    """What a browser may be made to call this machine, beside its numbers: anything else could be a
    stranger's name that was turned to point here."""
    host = socket.gethostname().lower()
    return frozenset({"localhost", host, f"{host}.local", host.partition(".")[0]})


def may_look(request: web.Request, names: Collection[str]) -> bool:
    """Whether the request came to this machine by one of these `names` or by number, and from no
    web page of another origin."""
    # Without the header aiohttp would look up a name, which may take seconds.
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
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
