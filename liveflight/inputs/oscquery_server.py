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
from liveflight.core.contracts import Value
from liveflight.core.mailbox import Message, Set
from liveflight.inputs.osc_budget import Budget
from liveflight.inputs.osc_echo import EVERY, Echo, place_of, wants_all
from liveflight.inputs.osc_packet import LONGEST, PacketError
from liveflight.inputs.osc_reader import Reader, Speaker
from liveflight.inputs.oscquery_door import Door, may_look, own_names
from liveflight.inputs.oscquery_tree import ATTRIBUTES, EXTENSIONS, FOLDERS, LEAVES, message, node

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

_quiet = logging.getLogger("liveflight.inputs.oscquery.http")
_quiet.setLevel(logging.CRITICAL)  # what a port scan sends is nobody's news

Put = Callable[[Sequence[Message]], None]


class Server:
    """Serves on a bound socket. `put` takes the messages of clients; `osc_port` says where OSC is
    heard over UDP, 0 for nowhere."""

    def __init__(self, name: str, put: Put, osc_port: Callable[[], int]) -> None:
        self.name, self._put, self._osc_port = name, put, osc_port
        self.now = 0.0
        self.values: Mapping[str, Value] = {}
        """The latest snapshot, replaced whole by the frame loop."""
        self.clients: set[Client] = set()
        self.reader = Reader()
        self._looks = Budget(LOOKS, time.monotonic)
        self._names = own_names()

    async def start(self, bound: socket.socket) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._get)
        app.on_shutdown.append(self._hang_up)
        self._runner = web.AppRunner(app, access_log=None, logger=_quiet, shutdown_timeout=1.0)
        await self._runner.setup()
        assert self._runner.server
        door = Door(self._runner.server, lambda: {client.handler for client in self.clients})
        self._listening = await asyncio.get_running_loop().create_server(door, sock=bound)

    async def stop(self) -> None:
        """Hangs up on everybody."""
        self._listening.close()
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
        asked = list(request.query)
        if asked == ["HOST_INFO"]:
            return web.json_response(self._host_info(request))
        path = "/" + request.path.strip("/")
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
            raise web.HTTPBadRequest(text=f"one of {', '.join(('HOST_INFO', *ATTRIBUTES))}")
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
        telling = asyncio.ensure_future(client.tell(self))
        try:
            async for said in ours:
                if said.type is WSMsgType.BINARY:
                    self._put(self.reader.read(said.data, client.speaker))
                elif said.type is WSMsgType.TEXT:
                    with suppress(PacketError):
                        self.reader.spend(len(said.data), client.speaker)
                        client.obey(said.data)
                if self.reader.overdrawn_by(client.speaker):
                    await asyncio.sleep(0.02)  # the sender has to wait, not the frame loop
        finally:
            telling.cancel()
            self.clients.discard(client)
        return ours


class Client:
    """One websocket and what it listens to."""

    def __init__(self, ours: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport
        self.socket, self.handler = ours, request.protocol
        self.host, port = request.transport.get_extra_info("peername")[:2]
        self.origin = f"oscquery:{self.host}:{port}"
        self.echo = Echo()
        self.listens: set[str] = set()
        loop = asyncio.get_running_loop()
        self._answers: asyncio.Queue[bytes] = asyncio.Queue(BACKLOG)

        def reply(answer: bytes) -> None:  # called by the frame loop
            with suppress(RuntimeError):  # the show is over
                loop.call_soon_threadsafe(self._queue, answer)

        self.speaker = Speaker(self.origin, reply)

    def obey(self, text: str) -> None:
        """LISTEN and IGNORE; anything else is passed over, as the proposal wants."""
        try:
            said = json.loads(text)
            command, path = said["COMMAND"], said["DATA"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return
        row = LEAVES.get(path) if isinstance(path, str) else None
        if row is None:
            return
        if command == "LISTEN":
            self.listens.add(path)
            self.echo.forget([row.key])
        elif command == "IGNORE":
            self.listens.discard(path)

    async def tell(self, server: Server) -> None:
        """Sends answers, and what has changed, for as long as the websocket is there."""
        while True:
            await asyncio.sleep(EVERY)
            while not self._answers.empty():
                await self.socket.send_bytes(self._answers.get_nowait())
            rows = [LEAVES[path] for path in self.listens]
            for row, value in self.echo.due(server.now, server.values, rows):
                if row.kind != "trigger":
                    self.echo.told(row.key, value)
                    await self.socket.send_bytes(message(row, value))

    def _queue(self, answer: bytes) -> None:
        if not self._answers.full():
            self._answers.put_nowait(answer)
