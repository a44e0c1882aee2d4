"""Serve OSCQuery, so that clients list every control and build their own faders.

The server has a thread with an event loop of its own; the frame loop only hands it the values.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from liveflight.controllers.osc.input import OscInput
from liveflight.controllers.osc.sockets import addresses, bind_all, includes, is_loopback
from liveflight.core.contracts import Value
from liveflight.core.mailbox import Mailbox, Message

if TYPE_CHECKING:
    from liveflight.controllers.oscquery.server import Server, Site

log = logging.getLogger(__name__)


class OscQuery:
    """Serve on a TCP port. A `controllers.controller.Controller`.

    Serves at every address that `host` has on this machine. Port 0 lets the system choose; `port`
    is the chosen one after `open`."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 9000,
        osc: OscInput | None = None,
        site: Site | None = None,
        site_host: str = "",
    ) -> None:
        """Take the settings. `osc`: where clients may send OSC over UDP.

        `site` is served on the same port, also at the addresses of `site_host`."""
        self.host, self.port = host, port
        self._site, self._site_host = site, site_host
        self._osc = osc
        self._server: Server | None = None
        self._trouble = ""
        self._thread: threading.Thread | None = None

    def open(self, mailbox: Mailbox) -> None:
        """Start to serve; the first answers wait until the web server is imported.

        Raises LiveflightError where the port is taken or the host not ours."""
        self._mailbox = mailbox
        self._sockets = bind_all(
            *(self.host, self.port, socket.SOCK_STREAM, "OSCQuery", "--oscquery-port"),
            also=self._site_host,
        )
        self._addresses = addresses(self.host)
        with ExitStack() as opened:  # closes all if the system has no files or threads left
            for ours in self._sockets:
                opened.enter_context(ours)
                ours.listen(128)
            self.port = self._sockets[0].getsockname()[1]
            self._loop = asyncio.new_event_loop()
            opened.callback(self._loop.close)
            self._stop = asyncio.Event()
            thread = threading.Thread(target=self._run, name="oscquery", daemon=True)
            thread.start()
            opened.pop_all()
        self._thread = thread
        if self._osc:
            self._osc.echo_filters.append(self._is_echo)
        if not self._local:
            log.warning("OSCQuery on %s: every machine there can move the controls", self.host)

    def poll(self, now: float) -> None:
        """Do nothing: the server's thread puts the messages."""

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        server = self._server
        if server is None:
            return
        server.now, server.values = now, values
        if server.clients and heard:
            self._loop.call_soon_threadsafe(server.hear, now, heard)

    def status_lines(self) -> list[str]:
        """Return lines for refused messages, and why the server has ended if it has."""
        refused = self._server.reader.status_lines() if self._server else []
        return [*filter(None, [self._trouble]), *refused]

    def close(self) -> None:
        """End the thread. May be called twice, and without `open`."""
        if self._thread is None:
            return
        if self._osc:
            self._osc.echo_filters.remove(self._is_echo)
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = None
        self._server = None
        self._loop.close()
        for ours in self._sockets:
            ours.close()

    def _is_echo(self, host: str, message: Message) -> bool:
        """Return whether a message over UDP only repeats what a websocket of that host was sent."""
        server = self._server
        return server is not None and server.is_echo(host, message)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            self._trouble = f"OSCQuery has ended: {error!r}"
            log.warning("%s", self._trouble)

    async def _serve(self) -> None:
        from liveflight.controllers.oscquery.server import Server

        name = f"liveflight {socket.gethostname().partition('.')[0]}"
        server = Server(
            *(name, lambda messages: self._mailbox.put(*messages), self._osc_port, self._site),
            reachable=lambda address: includes(self._addresses, address),
        )
        await server.start(self._sockets)
        self._server = server
        announcing = asyncio.ensure_future(self._announce(name))
        try:
            await self._stop.wait()
        finally:
            announcing.cancel()
            await asyncio.gather(announcing, return_exceptions=True)
            await server.stop()
            await _end(asyncio.all_tasks() - {asyncio.current_task()})

    async def _announce(self, name: str) -> None:
        """Announce the server until cancelled; without multicast the show goes on."""
        try:
            from liveflight.controllers.oscquery.announcement import Announcement
        except ImportError:
            if not self._local:
                install = 'pip install "liveflight[zeroconf]"'
                log.warning("OSCQuery is not announced on the network: %s", install)
            return
        number = min(self._addresses, key=lambda each: ":" in each)
        announcement = Announcement(name, number, self.port, self._osc_port())
        try:
            await announcement.begin()
            await self._stop.wait()
        except OSError as error:
            log.info("OSCQuery cannot be announced: %s", error)
        finally:
            await announcement.end()

    @property
    def _local(self) -> bool:
        return all(map(is_loopback, self._addresses))

    def _osc_port(self) -> int:
        return self._osc.port if self._osc and self._osc.listening else 0


async def _end(tasks: Collection[asyncio.Task[object]]) -> None:
    """End the tasks of connections that never sent anything: they outlive their server."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
