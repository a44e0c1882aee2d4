"""Serve OSCQuery: nodes over HTTP, changes over websockets.

Everything here runs on the event loop of the server's own thread. Only aiohttp's request handling
is used: no static files, no templates, no cookies.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from aiohttp import WSMsgType, web

from liveflight import __version__
from liveflight.controllers.osc.addresses import normalised
from liveflight.controllers.osc.echo_suppressor import (
    UPDATE_INTERVAL_S,
    EchoSuppressor,
    needs_full_update,
    origin_address,
)
from liveflight.controllers.osc.packets import MAX_PACKET_BYTES, PacketError
from liveflight.controllers.osc.rate_limiter import RateLimiter
from liveflight.controllers.osc.reader import Reader, Sender
from liveflight.controllers.osc.sockets import plain_ip
from liveflight.controllers.oscquery.connection_limit import (
    PAUSE_S,
    ConnectionLimit,
    is_allowed,
)
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
from liveflight.system.host_names import own_host_names

MAX_CLIENTS = 16
"""Largest number of websockets."""
MAX_WAITING_ANSWERS = 64
"""Answers that may wait for a websocket; more are dropped."""
CONTROLS_PER_S = 1000
"""Controls that may be read per second, by all clients together."""
REQUESTS_PER_S = 300
"""Requests of all clients together that are answered at once; of more, each waits.

A page asks for some fifty when it is opened."""
FOLDER_COST = 20
"""Controls that a folder counts for."""
CLOSE_TIMEOUT_S = 0.5
"""Seconds that a client has to confirm the close of its websocket."""

_ASKABLE = ("HOST_INFO", *ATTRIBUTES)

_quiet = logging.getLogger("liveflight.controllers.oscquery.service.http")
_quiet.setLevel(logging.CRITICAL)  # what a port scan sends is not worth a line

Put = Callable[[Sequence[Message]], None]


class Site(Protocol):
    """Serve further paths on the same port; every call comes from the server's event loop."""

    @property
    def staying(self) -> Collection[object]:
        """Return the connections that the limit must not close."""
        ...

    def start(self, port: int) -> None:
        """Begin: requests may come from now on."""
        ...

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        """Answer a request whose Host and Origin are ours; None leaves it to OSCQuery."""
        ...

    async def stop(self) -> None:
        """Close all websockets and end all tasks."""
        ...


class Server:
    """Answer HTTP requests and websockets."""

    def __init__(
        self,
        name: str,
        put: Put,
        osc_port: Callable[[], int],
        site: Site | None = None,
        reachable: Callable[[str], bool] = lambda address: True,
    ) -> None:
        """Take the name that clients show.

        `put` takes their messages; `osc_port` returns the UDP port of OSC, 0 for none. `site` is
        served too. `reachable`: whether OSCQuery is served at an address of this machine."""
        self._site, self._reachable = site, reachable
        self.name, self._put, self._osc_port = name, put, osc_port
        self.now = 0.0
        self.values: Mapping[str, Value] = {}
        """The latest values; the frame loop replaces the whole mapping."""
        self.clients: set[Client] = set()
        self.reader = Reader()
        self._read_limit = RateLimiter(CONTROLS_PER_S, time.monotonic)
        self._request_limit = RateLimiter(REQUESTS_PER_S, time.monotonic)
        self._names = own_host_names()

    async def start(self, bound: Sequence[socket.socket]) -> None:
        """Serve on bound sockets."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._get)
        app.on_shutdown.append(self._close_websockets)
        self._runner = web.AppRunner(app, access_log=None, logger=_quiet, shutdown_timeout=1.0)
        await self._runner.setup()
        assert self._runner.server
        limit = ConnectionLimit(self._runner.server, self._staying)
        if self._site:
            self._site.start(bound[0].getsockname()[1])
        self._receiving = [asyncio.ensure_future(limit.receive(each)) for each in bound]

    async def stop(self) -> None:
        """Close all connections."""
        for each in self._receiving:
            each.cancel()
        await asyncio.gather(*self._receiving, return_exceptions=True)
        if self._site:
            await self._site.stop()
        await self._runner.cleanup()

    def _staying(self) -> Collection[object]:
        """Return the connections of all websockets, which are never closed for a new one."""
        more = self._site.staying if self._site else ()
        return {client.handler for client in self.clients} | set(more)

    def hear(self, now: float, heard: Sequence[Message]) -> None:
        """Take a frame's messages: a client is not sent at once what it has set itself."""
        everything = needs_full_update(heard)
        for client in self.clients:
            if everything:
                client.echo.forget()
            for said in heard:
                if isinstance(said, Set) and origin_address(said.origin)[0] == client.host:
                    client.echo.note_received(
                        now, said.key, said.value, said.origin == client.origin
                    )

    def is_echo(self, host: str, message: Message) -> bool:
        """Return whether a message only repeats what a client on that host was sent.

        Any thread may call it."""
        clients = [client for client in list(self.clients) if client.host == host]
        return any(client.echo.is_echo(self.now, message) for client in clients)

    async def _close_websockets(self, app: web.Application) -> None:
        closing = [client.socket.close(code=1001) for client in self.clients]
        await asyncio.gather(*closing, return_exceptions=True)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        await self._request_limit.pace(PAUSE_S)
        if not is_allowed(request, self._names):
            raise web.HTTPForbidden(text="requests by this name, or from this page, are refused")
        if self._site and (answer := await self._site.answer(request)):
            return answer
        if not self._reachable(local_address(request)):
            raise web.HTTPNotFound(text="OSCQuery is not served at this address")
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._listen(request)
        return self._answer(request)

    def _answer(self, request: web.Request) -> web.Response:
        asked = _asked(request.query)
        if asked == ["HOST_INFO"]:
            return web.json_response(self._host_info(request))
        path = normalised(request.path)
        try:
            self._read_limit.consume(FOLDER_COST if path in FOLDERS else 1, "")
        except PacketError:
            raise web.HTTPTooManyRequests(text="too many requests: try again in a second") from None
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
        if len(self.clients) >= MAX_CLIENTS:
            raise web.HTTPServiceUnavailable(
                text=f"{MAX_CLIENTS} websockets are open, the most allowed"
            )
        ours = web.WebSocketResponse(
            timeout=CLOSE_TIMEOUT_S, max_msg_size=MAX_PACKET_BYTES, heartbeat=20.0
        )
        await ours.prepare(request)
        client = Client(ours, request)
        self.clients.add(client)
        publishing = asyncio.ensure_future(client.publish(self))
        try:
            async for said in ours:
                if said.type is WSMsgType.BINARY:
                    messages = self.reader.read(said.data, client.sender)
                    self._put([m for m in messages if not client.echo.is_echo(self.now, m)])
                elif said.type is WSMsgType.TEXT:
                    self._handle_text(said.data, client)
                if self.reader.exceeded_by(client.sender):
                    await asyncio.sleep(0.02)  # the sender has to wait, not the frame loop
        finally:
            publishing.cancel()
            self.clients.discard(client)
        return ours

    def _handle_text(self, text: str, client: Client) -> None:
        try:
            self.reader.consume(len(text), client.sender)
            client.handle_command(text, self.reader)
        except LiveflightError as error:
            self.reader.refuse(client.origin, error, str(error))


def local_address(request: web.Request) -> str:
    """Return the IP address of this machine at which a request came in."""
    assert request.transport
    return plain_ip(request.transport.get_extra_info("sockname")[0])


def _asked(query: Mapping[str, str]) -> list[str]:
    """Return the attributes that are asked for.

    Ignores parameters such as `_=1`, which web pages add to get past the browser's cache."""
    known = [name for name in query if name in _ASKABLE]
    return known or [name for name, value in query.items() if not value and not name.isdecimal()]


class Client:
    """Serve one websocket."""

    def __init__(self, ours: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport
        self.socket, self.handler = ours, request.protocol
        number, port = request.transport.get_extra_info("peername")[:2]
        self.host = plain_ip(number)
        self.origin = f"oscquery:{self.host}:{port}"
        self.echo = EchoSuppressor()
        self.listens: dict[str, Control] = {}
        """Controls that it listens to, by key."""
        loop = asyncio.get_running_loop()
        self._answers: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING_ANSWERS)

        def reply(answer: bytes) -> None:  # called by the frame loop
            with suppress(RuntimeError):  # the show is over
                loop.call_soon_threadsafe(self._queue, answer)

        self.sender = Sender(self.origin, reply)

    def handle_command(self, text: str, reader: Reader) -> None:
        """Handle LISTEN and IGNORE; the OSCQuery proposal asks to ignore anything else.

        Raises LiveflightError where there is nothing to listen to."""
        try:
            said = json.loads(text)
            command, path = said["COMMAND"], said["DATA"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return
        if command not in ("LISTEN", "IGNORE") or not isinstance(path, str):
            return
        rows = {row.key: row for row in within(path) or reader.resolved(path, self.sender)[0]}
        if command == "LISTEN":
            self.listens |= rows
            self.echo.forget(rows)
        else:
            self.listens = {key: self.listens[key] for key in self.listens if key not in rows}

    async def publish(self, server: Server) -> None:
        """Send answers and changes until cancelled."""
        while True:
            await asyncio.sleep(UPDATE_INTERVAL_S)
            while not self._answers.empty():
                await self.socket.send_bytes(self._answers.get_nowait())
            rows = list(self.listens.values())
            for row, value in self.echo.due(server.now, server.values, rows):
                if row.kind != "trigger":
                    self.echo.note_sent(row.key, value, server.now)
                    await self.socket.send_bytes(message(row, value))

    def _queue(self, answer: bytes) -> None:
        if not self._answers.full():
            self._answers.put_nowait(answer)
