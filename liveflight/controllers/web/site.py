"""Answer the page's requests and websockets; runs on the server's event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from aiohttp import WSMsgType, web

from liveflight import __version__
from liveflight.controllers.osc.echo_suppressor import UPDATE_INTERVAL_S, needs_full_update
from liveflight.controllers.osc.rate_limiter import RateLimiter
from liveflight.controllers.osc.sockets import includes, is_loopback
from liveflight.controllers.oscquery.server import CLOSE_TIMEOUT_S, Put, local_address
from liveflight.controllers.web import (
    commands,
    description,
    library,
    preset_pictures,
    resources,
)
from liveflight.controllers.web.access import HEADERS, Access, Guest
from liveflight.controllers.web.client import PageClient
from liveflight.controllers.web.commands import Edit, Seen, Watch
from liveflight.controllers.web.file_edits import FileEdits
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.mailbox import Message

log = logging.getLogger(__name__)

MAX_PAGES = 24
"""Largest number of pages of the network that are open at once, and of the performer's own."""
PREVIEWS_PER_S = 12
IDLE_INTERVAL_S = 0.25
"""Seconds between two looks at the show while no page is open."""
LISTING_INTERVAL_S = 2.0
"""Seconds between two looks at the folders of presets and cue lists."""
COMMANDS_PER_S, PAGE_COMMANDS_PER_S = 2000, 200
"""Commands read per second: of all pages together and, when those are spent, still of each."""
EDIT_COST = 20
"""Commands that a change of a file counts for."""
SEND_BUFFER_BYTES = 128 * 1024
"""Bytes that the system keeps for a page: what waits there for a slow network is out of date."""

_quiet = "this page needs its link: the performer finds it with F2, with a QR code on the terminal"


class RemoteSite:
    """A `controllers.oscquery.server.Site`: the page, its pictures and its websockets."""

    def __init__(
        self,
        access: Access,
        hosts: Collection[str],
        put: Put,
        messages: Collection[Any],
        save: bool,
    ) -> None:
        """Serve at these IP addresses of this machine, and on loopback.

        `put` takes messages for the show; `messages` are those of the last minutes, with their
        times; `save`: whether a page that is not the performer's own may save."""
        self.wanted = False
        """Whether a picture of the show is to be delivered; the frame loop takes it back."""
        self.now = 0.0
        self.values: Mapping[str, Value] = {}
        """The values of the latest frame."""
        self.clients: set[PageClient] = set()
        self.refused = 0
        """Commands refused since the start."""
        self._access, self._hosts, self._put, self._save = access, hosts, put, save
        self._messages = messages
        self._said = 0
        self._taker = preset_pictures.PictureTaker()
        # The network cannot take what the performer's own pages have.
        self._limit, self._network_limit = (
            RateLimiter(COMMANDS_PER_S, time.monotonic, PAGE_COMMANDS_PER_S) for _ in range(2)
        )
        self._library: dict[str, Any] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.edits = FileEdits(save, self._look_up, self._refuse)

    # The server's part

    @property
    def staying(self) -> Collection[object]:
        return {client.handler for client in self.clients}

    def start(self, port: int) -> None:
        self._access.port = port
        jobs = (self._follow, self._ask_for_previews, self._list)
        self._tasks = [asyncio.ensure_future(job()) for job in jobs]

    async def stop(self) -> None:
        closing = [client.socket.close(code=1001) for client in self.clients]
        await asyncio.gather(*closing, return_exceptions=True)
        await self.edits.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_default_executor()

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        page = request.path == "/" and "text/html" in request.headers.get("Accept", "")
        if not (page and _opens(request)) and not request.path.startswith("/remote/"):
            return None
        local = local_address(request)
        if not (includes(self._hosts, local) or is_loopback(local)):
            return None
        guest = self._access.guest(request, local)
        if guest is None or not (page or _of_our_page(request)):
            raise web.HTTPForbidden(text=_quiet, headers=HEADERS)
        if request.path == "/remote/socket":
            return await self._listen(request, guest)
        name = "index.html" if page else request.path.removeprefix("/remote/")
        answer = await resources.find(name, self._limit_of(guest))
        self._access.remember(request, answer)
        return answer

    # Websockets

    async def _listen(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise resources.missing()
        if not self._library:
            self._library = await asyncio.to_thread(library.listed)
        alike = [each for each in self.clients if each.guest.trusted == guest.trusted]
        if len(alike) >= MAX_PAGES:
            text = f"{MAX_PAGES} pages are open, the most allowed"
            raise web.HTTPServiceUnavailable(text=text, headers=HEADERS)
        ours = web.WebSocketResponse(
            timeout=CLOSE_TIMEOUT_S, max_msg_size=commands.MAX_TEXT, heartbeat=20.0, compress=False
        )
        await ours.prepare(request)
        client = PageClient(ours, request.protocol, guest)
        _keep_short(request)
        client.say(**self._introduction(guest))
        if self.values:
            client.update(self.now, description.shown(self.values))
        self.clients.add(client)
        publishing = asyncio.ensure_future(client.publish())
        try:
            async for said in ours:
                if said.type is WSMsgType.TEXT:
                    self._take(said.data, client)
                elif said.type is WSMsgType.BINARY:
                    self._refuse(client, "a page sends text")
                if self._limit_of(guest).exceeded_by(guest.origin):
                    await asyncio.sleep(0.05)  # the page has to wait, not the frame loop
        finally:
            publishing.cancel()
            self.clients.discard(client)
        return ours

    def _introduction(self, guest: Guest) -> dict[str, Any]:
        return {
            "version": __version__,
            "controls": description.controls(),
            "keys": description.keys(),
            "trusted": guest.trusted,
            "saves": guest.trusted or self._save,
            "messages": list(self._messages),
            **self._library,
        }

    def _limit_of(self, guest: Guest) -> RateLimiter:
        return self._limit if guest.trusted else self._network_limit

    def _take(self, text: str, client: PageClient) -> None:
        """Do what a page asks for; what is wrong is answered, counted and never raised."""
        limit, origin = self._limit_of(client.guest), client.guest.origin
        try:
            limit.consume(1, "commands come faster than they are read", origin)
            command = commands.read(text, client.guest)
            match command:
                case Seen(count):
                    client.see(count)
                case Watch(wanted):
                    client.watch(wanted)
                case Edit():
                    limit.consume(EDIT_COST, "files are changed too fast", origin)
                    self.edits.begin(command, client)
                case message if message is not None:
                    self._put([message])
        except LiveflightError as error:
            self._refuse(client, str(error))

    def _refuse(self, client: PageClient, why: str) -> None:
        self.refused += 1
        if not self._limit_of(client.guest).exceeded_by(client.guest.origin):
            client.say(error=why)

    # The show's part

    def hear(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Take the values and messages of a frame."""
        self.now, self.values = now, values
        self._taker.hear(heard)
        everything = needs_full_update(heard)
        for client in self.clients:
            client.hear(now, heard, everything)

    def show(self, picture: np.ndarray) -> None:
        """Take a picture of the show, as the audience sees it: send it, and keep a preset's."""
        if preset := self._taker.due(self.now, self.values):
            self._taker.took(preset)
            kept = preset_pictures.jpeg(picture, preset_pictures.SIZE)
            task = asyncio.ensure_future(asyncio.to_thread(preset_pictures.write, preset, kept))
            task.add_done_callback(lambda _: self._tell(picture_of=preset))
        ready = [client for client in self.clients if client.wants_preview]
        if ready:
            preview = preset_pictures.jpeg(picture)
            for client in ready:
                client.show(preview)

    async def _follow(self) -> None:
        """Send the pages what has changed, until cancelled."""
        sent: Mapping[str, Value] = {}
        while True:
            await asyncio.sleep(UPDATE_INTERVAL_S if self.clients else IDLE_INTERVAL_S)
            if self.clients and self.values is not sent:
                sent = self.values
                shown = description.shown(sent)
                for client in self.clients:
                    client.update(self.now, shown)
            self._send_messages()

    def _send_messages(self) -> None:
        messages = list(self._messages)
        new = [each for each in messages if each["number"] > self._said]
        if new:
            self._said = new[-1]["number"]
            self._tell(news=new)

    async def _ask_for_previews(self) -> None:
        """Ask the frame loop for a picture as often as a page takes one, until cancelled."""
        while True:
            await asyncio.sleep(1 / PREVIEWS_PER_S if self.clients else IDLE_INTERVAL_S)
            shown = any(client.wants_preview for client in self.clients)
            if shown or self._taker.due(self.now, self.values):
                self.wanted = True

    async def _list(self) -> None:
        """Look at the folders of presets and cue lists while a page is open, until cancelled."""
        while True:
            if self.clients:
                async with self.edits.lock:  # an older listing must not follow a newer one
                    await self._look_up()
            await asyncio.sleep(LISTING_INTERVAL_S)

    async def _look_up(self) -> None:
        found = await asyncio.to_thread(library.listed)
        if found != self._library:
            self._library = found
            self._tell(**found)

    def _tell(self, **said: Any) -> None:
        for client in self.clients:
            client.say(**said)


def _opens(request: web.Request) -> bool:
    """Return whether a request for `/` asks for the page, and not for an attribute of a node."""
    return not request.query or set(request.query) == {"token"}


def _of_our_page(request: web.Request) -> bool:
    """Return whether no page of another origin asks, as far as the browser says so."""
    return request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")


def _keep_short(request: web.Request) -> None:
    """Have the system keep little for a page, so that a slow one gets the newest state."""
    assert request.transport
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
