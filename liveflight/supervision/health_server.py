"""Serve a show's health over HTTP: `/health` as JSON, `/metrics` for Prometheus."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from liveflight.supervision.health import Health
from liveflight.system.host_names import names_this_machine, own_host_names

MAX_CONNECTIONS = 8
"""Connections at once; more are closed unheard."""
_TIMEOUT_S = 5.0
"""Seconds that a connection may stay silent."""
_LONGEST_S = 10.0
"""Seconds that a whole request may take."""
_RETRY_S = 10.0
"""Seconds until a busy port is tried again."""

_TYPES = {"/health": "application/json", "/metrics": "text/plain; version=0.0.4; charset=utf-8"}


class HealthServer:
    """A server on threads of its own, which the show cannot delay and which delays no show."""

    def __init__(self, health: Health, host: str, port: int, say: Callable[[str], None]) -> None:
        """Begin. `say` gets a line where the port is taken, and another when it is ours."""
        self._health, self._place, self._say = health, (host, port), say
        self.port = 0
        """The TCP port, 0 until it is open."""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join(_TIMEOUT_S)

    def _run(self) -> None:
        said = False
        while not self._closed.is_set():
            try:
                with _Server(self._place, self._health) as server:
                    self.port = server.server_address[1]
                    if said:
                        self._say(f"health is served on port {self.port} now")
                    while not self._closed.is_set():
                        server.handle_request()
                return
            except (OSError, OverflowError, UnicodeError) as error:
                if not said:
                    reason = getattr(error, "strerror", "") or error
                    self._say(
                        f"health cannot be served on {self._place[0]}:{self._place[1]} ({reason}):"
                        " tried again; another port: --health-port"
                    )
                said = True
                self._closed.wait(_RETRY_S)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    timeout = 0.2
    """Seconds between two looks at whether to close."""
    block_on_close = False
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, place: tuple[str, int], health: Health) -> None:
        self.health, self.names = health, own_host_names()
        self._free = threading.Semaphore(MAX_CONNECTIONS)
        found = socket.getaddrinfo(*place, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # Of several addresses of a name, such as localhost's, the one that every client tries.
        family, *_, address = min(found, key=lambda each: each[0] != socket.AF_INET)
        self.address_family = family
        super().__init__(address[:2], _Handler)  # type: ignore[arg-type]

    def server_bind(self) -> None:
        """Bind without looking up this machine's name, which may take seconds."""
        self.allow_reuse_address = not hasattr(socket, "SO_EXCLUSIVEADDRUSE")
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "", self.server_address[1]

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return self._free.acquire(blocking=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no more threads
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        end = threading.Timer(_LONGEST_S, _cut, (request,))
        end.daemon = True
        try:
            end.start()
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client went away."""


def _cut(request: socket.socket) -> None:
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    timeout = _TIMEOUT_S
    server: _Server
    server_version, sys_version = "liveflight", ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        host, origin = self.headers.get("Host", "localhost"), self.headers.get("Origin")
        path = self.path.partition("?")[0]
        if not names_this_machine(host, origin, self.server.names):
            status, kind, text = HTTPStatus.FORBIDDEN, "text/plain", "refused\n"
        elif path not in _TYPES:
            status, kind, text = HTTPStatus.NOT_FOUND, "text/plain", "/health or /metrics\n"
        else:
            health = self.server.health
            well = health.is_well or path == "/metrics"
            status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
            kind = _TYPES[path]
            text = health.as_json() if path == "/health" else health.as_metrics()
        body = text.encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: whoever watches asks every few seconds."""
