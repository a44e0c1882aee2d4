"""OSCQuery's web server: nodes over HTTP, changes over websockets. Everything here runs on the
event loop of the server's own thread.

Only aiohttp's request handling is used: no static files, no templates, no cookies.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiohttp import WSMsgType, web

from liveflight import __version__
from liveflight.controllers.osc.addresses import plainly
from liveflight.controllers.osc.echo_suppressor import EVERY, EchoSuppressor, place_of, wants_all
from liveflight.controllers.osc.packets import LONGEST, PacketError
from liveflight.controllers.osc.rate_limiter import RateLimiter
from liveflight.controllers.osc.reader import Reader, Sender
from liveflight.controllers.osc.sockets import plain
from liveflight.controllers.oscquery.connection_limit import ConnectionLimit, may_look, own_names
from liveflight.controllers.oscquery.tree import (
    ATTRIBUTES,
    EXTENSIONS,
    FOLDERS,
    message,
    node,
    within,
)
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.control import Control
from liveflight.core.mailbox import Message, Set

MOST_CLIENTS = 16
"""Websockets at a time."""
BACKLOG = 64
"""Answers that may wait for a websocket; more are dropped."""
LOOKS = 1000
"""What may be looked at per second, by all together: so many controls."""
WHOLE = 20
"""How many of them a folder counts for."""
HANG_UP = 0.5
"""Seconds that a client has to answer a goodbye."""

_ASKABLE = ("HOST_INFO", *ATTRIBUTES)

_quiet = logging.getLogger("liveflight.controllers.oscquery.service.http")
_quiet.setLevel(logging.CRITICAL)  # what a port scan sends is nobody's news

Put = Callable[[Sequence[Message]], None]


class Server:
    """Serves on bound sockets. `put` takes the messages of clients; `osc_port` says where OSC is
    heard over UDP, 0 for nowhere."""

    def __init__(self, name: str, put: Put, osc_port: Callable[[], int]) -> None:
        self.name, self._put, self._osc_port = name, put, osc_port
        self.now = 0.0
        self.values: Mapping[str, Value] = {}
        """The latest snapshot, replaced whole by the frame loop."""
        self.clients: set[Client] = set()
        self.reader = Reader()
        self._looks = RateLimiter(LOOKS, time.monotonic)
        self._names = own_names()

    async def start(self, bound: Sequence[socket.socket]) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._get)
        app.on_shutdown.append(self._hang_up)
        self._runner = web.AppRunner(app, access_log=None, logger=_quiet, shutdown_timeout=1.0)
        await self._runner.setup()
        assert self._runner.server
        door = ConnectionLimit(
            self._runner.server, lambda: {client.handler for client in self.clients}
        )
        self._receiving = [asyncio.ensure_future(door.receive(each)) for each in bound]

    async def stop(self) -> None:
        """Hangs up on everybody."""
        for each in self._receiving:
            each.cancel()
        await asyncio.gather(*self._receiving, return_exceptions=True)
        await self._runner.cleanup()

    def hear(self, now: float, heard: Sequence[Message]) -> None:
        """A frame's messages: who set something need not be told of it at once."""
        everything = wants_all(heard)
        for client in self.clients:
            if everything:
                client.echo.forget()
            for said in heard:
                if isinstance(said, Set) and place_of(said.origin)[0] == client.host:
                    client.echo.heard(now, said.key, said.value, said.origin == client.origin)

    def repeats(self, host: str, message: Message) -> bool:
        """Return whether a message is an echo of what a client on that host was told. May be called
        by any thread."""
        clients = [client for client in list(self.clients) if client.host == host]
        return any(client.echo.repeats(self.now, message) for client in clients)

    async def _hang_up(self, app: web.Application) -> None:
        closing = [client.socket.close(code=1001) for client in self.clients]
        await asyncio.gather(*closing, return_exceptions=True)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if not may_look(request, self._names):
            raise web.HTTPForbidden(text="this name or page may not look in here")
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._listen(request)
        return self._answer(request)

    def _answer(self, request: web.Request) -> web.Response:
        asked = _asked(request.query)
        if asked == ["HOST_INFO"]:
            return web.json_response(self._host_info(request))
        path = plainly(request.path)
        try:
            self._looks.spend(WHOLE if path in FOLDERS else 1, "")
        except PacketError:
            raise web.HTTPTooManyRequests(text="more is asked than is answered") from None
        found = node(path, self.values)
        if found is None:
            raise web.HTTPNotFound(text=f"there is no {path[:80]!r}")
        if not asked:
            return web.json_response(found)
        if len(asked) > 1 or asked[0] not in ATTRIBUTES:
            raise web.HTTPBadRequest(text=f"one of {', '.join(_ASKABLE)}")
        if asked[0] not in found:
            return web.Response(status=204)
        return web.json_response({asked[0]: found[asked[0]]})

    def _host_info(self, request: web.Request) -> dict[str, Any]:
        assert request.transport
        host, port = request.transport.get_extra_info("sockname")[:2]
        info = {"NAME": self.name, "EXTENSIONS": EXTENSIONS, "WS_IP": host, "WS_PORT": port}
        if osc := self._osc_port():
            info |= {"OSC_IP": host, "OSC_PORT": osc, "OSC_TRANSPORT": "UDP"}
        return info | {"METADATA": {"VERSION": __version__}}

    async def _listen(self, request: web.Request) -> web.WebSocketResponse:
        if len(self.clients) >= MOST_CLIENTS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_CLIENTS} clients are here already")
        ours = web.WebSocketResponse(timeout=HANG_UP, max_msg_size=LONGEST, heartbeat=20.0)
        await ours.prepare(request)
        client = Client(ours, request)
        self.clients.add(client)
        telling = asyncio.ensure_future(client.publish(self))
        try:
            async for said in ours:
                if said.type is WSMsgType.BINARY:
                    messages = self.reader.read(said.data, client.speaker)
                    self._put([m for m in messages if not client.echo.repeats(self.now, m)])
                elif said.type is WSMsgType.TEXT:
                    self._obeyed(said.data, client)
                if self.reader.overdrawn_by(client.speaker):
                    await asyncio.sleep(0.02)  # the sender has to wait, not the frame loop
        finally:
            telling.cancel()
            self.clients.discard(client)
        return ours

    def _obeyed(self, text: str, client: Client) -> None:
        try:
            self.reader.spend(len(text), client.speaker)
            client.obey(text, self.reader)
        except LiveflightError as error:
            self.reader.refuse(client.origin, error, str(error))


def _asked(query: Mapping[str, str]) -> list[str]:
    """Return the attributes that are asked for. What a web page adds to them, such as `_=1`, so
    that its browser does not answer from memory, is passed over."""
    known = [name for name in query if name in _ASKABLE]
    return known or [name for name, value in query.items() if not value and not name.isdecimal()]


class Client:
    """One websocket and what it listens to."""

    def __init__(self, ours: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport
        self.socket, self.handler = ours, request.protocol
        number, port = request.transport.get_extra_info("peername")[:2]
        self.host = plain(number)
        self.origin = f"oscquery:{self.host}:{port}"
        self.echo = EchoSuppressor()
        self.listens: dict[str, Control] = {}
        """By their keys."""
        loop = asyncio.get_running_loop()
        self._answers: asyncio.Queue[bytes] = asyncio.Queue(BACKLOG)

        def reply(answer: bytes) -> None:  # called by the frame loop
            with suppress(RuntimeError):  # the show is over
                loop.call_soon_threadsafe(self._queue, answer)

        self.speaker = Sender(self.origin, reply)

    def obey(self, text: str, reader: Reader) -> None:
        """LISTEN and IGNORE; anything else is passed over, as the proposal wants. Raises
        LiveflightError where there is nothing to listen to."""
        try:
            said = json.loads(text)
            command, path = said["COMMAND"], said["DATA"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return
        if command not in ("LISTEN", "IGNORE") or not isinstance(path, str):
            return
        rows = {row.key: row for row in within(path) or reader.resolved(path, self.speaker)[0]}
        if command == "LISTEN":
            self.listens |= rows
            self.echo.forget(rows)
        else:
            self.listens = {key: self.listens[key] for key in self.listens if key not in rows}

    async def publish(self, server: Server) -> None:
        """Sends answers, and what has changed, for as long as the websocket is there."""
        while True:
            await asyncio.sleep(EVERY)
            while not self._answers.empty():
                await self.socket.send_bytes(self._answers.get_nowait())
            rows = list(self.listens.values())
            for row, value in self.echo.due(server.now, server.values, rows):
                if row.kind != "trigger":
                    self.echo.told(row.key, value, server.now)
                    await self.socket.send_bytes(message(row, value))

    def _queue(self, answer: bytes) -> None:
        if not self._answers.full():
            self._answers.put_nowait(answer)
