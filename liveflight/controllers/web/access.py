"""Decide who may see the web remote, and who may do what.

A connection over loopback needs no token, as OSC and OSCQuery need none there. Any other needs the
token of the link. Over loopback and with the token it is the performer's own page, which may do
what a key may; every other page may do what the network may.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from aiohttp import web

from liveflight.controllers.osc.sockets import is_loopback, plain_ip
from liveflight.core.contracts import LiveflightError
from liveflight.core.control import Control

_TOKEN_BYTES = 12
"""96 bits: too many to guess, few enough to type."""
_KEPT_S = 400 * 24 * 60 * 60
"""Seconds that a browser keeps the token, the most that browsers allow.

It is of use for this start alone, which may be an exhibition of months, and a page that has lost
its connection comes back by it."""

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
}
"""Headers of every answer of the page: no other page may frame it, embed it or read it."""


@dataclass(frozen=True, slots=True)
class Guest:
    """Identify the browser at the other end of a connection."""

    host: str
    port: int
    trusted: bool
    """Whether it is the performer's own page."""

    @property
    def origin(self) -> str:
        """Return the origin of its messages."""
        return f"{'page' if self.trusted else 'web'}:{self.host}:{self.port}"

    def check(self, row: Control) -> None:
        """Raise LiveflightError for a control that this page may not move."""
        if not (row.remote or self.trusted):
            raise LiveflightError(
                f"{row.key} is for this machine only: open the link of --remote or F2 there"
            )


class Access:
    """Hold the token of this start."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.port = 0
        """The server's TCP port; it names the cookie, as browsers give all ports one jar."""

    def guest(self, request: web.Request, local: str) -> Guest | None:
        """Return who sent a request to the address `local` of this machine; None: a stranger.

        Host and Origin have been checked."""
        assert request.transport
        number, port = request.transport.get_extra_info("peername")[:2]
        host = plain_ip(number)
        at_home = is_loopback(host) and is_loopback(local)
        knows = self._knows(request)
        return Guest(host, port, at_home and knows) if at_home or knows else None

    def remember(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Keep the token of the link in a cookie, so that the page's further requests have it."""
        if self._matches(request.query.get("token", "")):
            answer.set_cookie(
                *(self._cookie, self.token),
                max_age=_KEPT_S,
                path="/",
                httponly=True,
                samesite="Strict",
            )

    def _knows(self, request: web.Request) -> bool:
        given = (request.query.get("token", ""), request.cookies.get(self._cookie, ""))
        return any(map(self._matches, given))

    def _matches(self, given: str) -> bool:
        # A cookie may hold bytes that are no text.
        return secrets.compare_digest(given.encode(errors="surrogatepass"), self.token.encode())

    @property
    def _cookie(self) -> str:
        return f"liveflight-{self.port}"
