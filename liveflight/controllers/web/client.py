"""Send one page what it shows: the state at first, then changes and previews as it takes them."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiohttp import web

from liveflight.controllers.osc.echo_suppressor import UPDATE_INTERVAL_S, EchoSuppressor
from liveflight.controllers.web.access import Guest
from liveflight.core.contracts import Value
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Message, Set

MAX_UNSEEN = 2
"""Previews that may be on their way to a page; it gets no further one before it has shown them."""
MAX_WAITING = 64
"""Texts that may wait for a page; the oldest are dropped."""

_SHOWN: tuple[Control, ...] = tuple(row for row in ROWS if row.kind != "trigger")


class PageClient:
    """Serve one websocket. A page that reads slowly delays nobody else, and loses previews."""

    def __init__(self, socket: web.WebSocketResponse, handler: object, guest: Guest) -> None:
        """Take the websocket, the connection's handler in the server, and who it is."""
        self.socket, self.handler, self.guest = socket, handler, guest
        self._echo = EchoSuppressor()
        self._texts: deque[str] = deque(maxlen=MAX_WAITING)
        self._preview: bytes | None = None
        self._sent = self._seen = 0
        """Previews sent, and previews that the page has reported as shown."""
        self.watching = True
        """Whether the page is in view."""
        self._now = 0.0
        self._values: Mapping[str, Value] = {}
        self._woken = asyncio.Event()

    @property
    def wants_preview(self) -> bool:
        """Return whether the page is in view and has shown all but the last preview."""
        behind = self._sent - self._seen + (self._preview is not None)
        return self.watching and behind < MAX_UNSEEN

    def watch(self, wanted: bool) -> None:
        """Take whether the page is in view."""
        self.watching = wanted

    def see(self, count: int) -> None:
        """Take how many previews the page has shown; it cannot have shown more than were sent."""
        self._seen = min(max(count, self._seen), self._sent)

    def show(self, preview: bytes) -> None:
        """Send this JPEG next, in place of one that has not gone out."""
        self._preview = preview
        self._woken.set()

    def update(self, now: float, values: Mapping[str, Value]) -> None:
        """Send what has changed for this page, coalesced."""
        self._now, self._values = now, values
        self._woken.set()

    def say(self, **said: Any) -> None:
        """Send a JSON object."""
        self._texts.append(json.dumps(said))
        self._woken.set()

    def hear(self, now: float, heard: Sequence[Message], everything: bool) -> None:
        """Take a frame's messages: a fader that this page moves is not sent back at once.

        Anything else that it sets is: the show may have refused it."""
        if everything:
            self._echo.forget()
        for message in heard:
            if not isinstance(message, Set) or message.origin != self.guest.origin:
                continue
            if CONTROLS[message.key].kind in ("float", "int"):
                self._echo.note_received(now, message.key, message.value, own=True)
            else:
                self._echo.forget([message.key])

    async def publish(self) -> None:
        """Send until cancelled, or until the page is gone."""
        with suppress(ConnectionError):
            while True:
                await self._woken.wait()
                self._woken.clear()
                await self._send()
                await asyncio.sleep(UPDATE_INTERVAL_S)

    async def _send(self) -> None:
        """Send what waits. Raises ConnectionError where the page is gone."""
        while self._texts:
            await self.socket.send_str(self._texts.popleft())
        if changed := self._changed():
            await self.socket.send_str(json.dumps({"values": changed}))
        if self._preview is not None:
            preview, self._preview = self._preview, None
            self._sent += 1
            await self.socket.send_bytes(preview)

    def _changed(self) -> dict[str, Value]:
        due = self._echo.due(self._now, self._values, _SHOWN)
        for row, value in due:
            self._echo.note_sent(row.key, value, self._now)
        return {row.key: value for row, value in due}
