"""Serve the web remote beside OSCQuery: a page that shows the picture and moves every control."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from liveflight.controllers.osc.sockets import addresses, is_loopback
from liveflight.core.contracts import Value
from liveflight.core.mailbox import Mailbox, Message, Trigger

if TYPE_CHECKING:
    from aiohttp import web

    from liveflight.controllers.web.site import RemoteSite

log = logging.getLogger(__name__)

KEPT_MESSAGES = 50
"""Messages and errors that a page finds when it is opened."""

_TOLD = {"show.message": "message", "show.trouble": "error"}
"""Controls whose changes are listed with their time of day, and the kind of each."""


class WebRemote:
    """A `controllers.controller.Controller`, and the site that OSCQuery's server serves.

    The server calls `start`, `answer` and `stop` on its own thread; the rest is the frame
    loop's."""

    def __init__(
        self,
        host: str = "localhost",
        *,
        save: bool = False,
        announce: Callable[[str, bool], None] = lambda link, asked: None,
        at_start: bool = False,
        renamed: Callable[[str, str], None] = lambda name, new: None,
    ) -> None:
        """Serve at `host`, and on loopback.

        `save`: whether pages from the network may save. `announce` is called with the link and
        whether `show.remote` was fired: then and, with `at_start`, at the start; each time once the
        server runs. `renamed` is called with the old and the new name of a preset that a page has
        renamed."""
        self.host = host
        self._save, self._announce, self._renamed = save, announce, renamed
        self._at_start, self._asked = at_start, False
        """Whether the link is to be announced once the server runs, and was asked for."""
        self._site: RemoteSite | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link = ""
        self._trouble = ""
        self._messages: deque[dict[str, Any]] = deque(maxlen=KEPT_MESSAGES)
        self._told = dict.fromkeys(_TOLD, "")
        self._count = 0

    # The frame loop's part

    def open(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def poll(self, now: float) -> None:
        """Do nothing: the server's thread puts the messages."""

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        self._note(values)
        asked = any(isinstance(each, Trigger) and each.key == "show.remote" for each in heard)
        self._asked = self._asked or asked
        if self._link and (self._asked or self._at_start):
            self._announce(self._link, self._asked)
            self._asked = self._at_start = False
        elif asked:
            self._trouble = "the web remote is not served yet: it needs OSCQuery's TCP port"
        site = self._site
        if site is None:
            return
        while site.edits.renamed:
            self._renamed(*site.edits.renamed.popleft())
        if site.clients or heard:
            # In one call: values that a page has set come together with the message that set them.
            self._call(site.hear, now, values, heard)
        else:
            site.now, site.values = now, values

    def status_lines(self) -> list[str]:
        """Return lines for refused commands, and for a server that is missing."""
        refused = self._site.refused if self._site else 0
        counted = f"{refused} commands of the web remote refused" if refused else ""
        return [line for line in (self._trouble, counted) if line]

    def close(self) -> None:
        """Do nothing: the server stops the site."""

    @property
    def watched(self) -> bool:
        """Return whether somebody has the page in view; a dark phone has not."""
        site = self._site
        # A copy: the server's thread changes the set.
        return site is not None and any(client.watching for client in tuple(site.clients))

    @property
    def wanted(self) -> bool:
        """Return whether a picture of the show is to be delivered."""
        return bool(self._site and self._site.wanted)

    def begin(self) -> None:
        """Note that a picture is on its way: none is wanted until the next one is asked for."""
        if self._site:
            self._site.wanted = False

    def deliver(self, picture: np.ndarray) -> None:
        """Take a small picture of what the audience sees: uint8 (H, W, 3), never changed again."""
        if self._site:
            self._call(self._site.show, picture)

    def _note(self, values: Mapping[str, Value]) -> None:
        """List what the show has to say, with its time of day."""
        for key, kind in _TOLD.items():
            text = str(values.get(key, ""))
            if text != self._told[key]:
                self._told[key] = text
                if text:
                    self._count += 1
                    said = {"number": self._count, "time": time.time(), "kind": kind, "text": text}
                    self._messages.append(said)

    def _call(self, job: Callable[..., None], *given: object) -> None:
        loop = self._loop
        if loop and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(job, *given)
            except RuntimeError:  # closed since
                self._site = None

    # The server's part

    @property
    def staying(self) -> Any:
        return self._site.staying if self._site else ()

    def start(self, port: int) -> None:
        from liveflight.controllers.web.access import Access
        from liveflight.controllers.web.site import RemoteSite

        self._loop = asyncio.get_running_loop()
        access, hosts = Access(), addresses(self.host)
        site = RemoteSite(
            access, hosts, lambda found: self._mailbox.put(*found), self._messages, self._save
        )
        site.start(port)
        self._site, self._trouble = site, ""
        self._link = f"http://{_reached(self.host, hosts)}:{port}/?token={access.token}"
        if not all(map(is_loopback, hosts)):
            log.warning(
                "the web remote on %s: whoever has its link there can play the show", self.host
            )

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        return await self._site.answer(request) if self._site else None

    async def stop(self) -> None:
        site, self._site, self._link = self._site, None, ""
        if site:
            await site.stop()


def _reached(host: str, hosts: frozenset[str]) -> str:
    """Return the name or address by which other machines reach a host of this one."""
    if "0.0.0.0" in hosts or "::" in hosts:
        return _own_address()
    if all(map(is_loopback, hosts)):
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _own_address() -> str:
    """Return this machine's address on the network that it uses by default."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: an address kept for documents
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
