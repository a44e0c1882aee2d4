"""A served web remote without a picture, for tests of its protocol."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import numpy as np

from liveflight.controllers.oscquery.service import OscQuery
from liveflight.controllers.web.remote import WebRemote
from liveflight.core.contracts import Value
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Mailbox, Message, Trigger

START: dict[str, Value] = {row.key: row.default for row in ROWS if row.kind != "trigger"}
PATIENCE = 20
"""Seconds; only a test that fails takes them."""
HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}

Socket = aiohttp.ClientWebSocketResponse


class WebShow:
    """Serve a remote, and publish what a test says."""

    def __init__(self, host: str = "localhost", **given: Any) -> None:
        self.mailbox = Mailbox()
        self.links: list[str] = []
        self.renamed: list[tuple[str, str]] = []
        given = {"renamed": lambda *names: self.renamed.append(names), **given}
        self.remote = WebRemote(host, announce=lambda link, asked: self.links.append(link), **given)
        self.query = OscQuery(port=0, site=self.remote, site_host=host)
        self.remote.open(self.mailbox)
        self.query.open(self.mailbox)
        self.now = 10.0
        self.values = dict(START)
        self.until(lambda: self.remote._link)
        self.publish(Trigger("show.remote"))
        self.token = self.links[0].rpartition("=")[2]
        self._beating = threading.Event()
        self._heart: threading.Thread | None = None

    def publish(self, *heard: Message, **changed: Value) -> None:
        """Publish a frame; `changed`: values by key with two underscores for the dot."""
        self.values = {**self.values, **{k.replace("__", "."): v for k, v in changed.items()}}
        self.now += 1 / 30
        self.query.publish(self.now, self.values, heard)
        self.remote.publish(self.now, self.values, heard)

    def draw(self, level: int = 128) -> bool:
        """Do what the frame loop does for a preview; return whether one was wanted."""
        if not self.remote.wanted:
            return False
        self.remote.begin()
        self.remote.deliver(np.full((18, 32, 3), level, np.uint8))
        return True

    def get(self, path: str, host: str = "127.0.0.1", **headers: str) -> tuple[int, bytes, Any]:
        connection = http.client.HTTPConnection(host, self.query.port, timeout=PATIENCE)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body, answer.headers

    def until(self, happened: Callable[[], Any]) -> Any:
        end = time.monotonic() + PATIENCE
        while not (found := happened()):
            assert time.monotonic() < end, "never happened"
            time.sleep(0.005)
        return found

    def talk(
        self, talked: Callable[[Socket], Awaitable[None]], *, token: bool = True, **headers: str
    ) -> None:
        """Run `talked` as one page."""

        async def whole() -> None:
            async with aiohttp.ClientSession() as session:
                async with self.page(session, token=token, **headers) as page:
                    await asyncio.wait_for(talked(page), PATIENCE)

        asyncio.run(whole())

    def page(self, session: aiohttp.ClientSession, *, token: bool = True, **headers: str) -> Any:
        asked = f"?token={self.token}" if token else ""
        url = f"ws://127.0.0.1:{self.query.port}/remote/socket{asked}"
        return session.ws_connect(url, headers=headers)

    def close(self) -> None:
        self.query.close()
        self.remote.close()


async def heard(page: Socket, name: str) -> Any:
    """Return the next JSON object that has this name in it, passing over others."""
    while True:
        frame = await page.receive()
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        said = json.loads(frame.data)
        if name in said:
            return said[name]


async def preview(page: Socket) -> bytes:
    """Return the next preview, passing over texts."""
    while True:
        frame = await page.receive()
        if frame.type is aiohttp.WSMsgType.BINARY:
            return frame.data
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
