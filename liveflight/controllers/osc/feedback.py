"""Send the controls' values over UDP to configured surfaces, so that their faders follow.

Only changes are sent, as the messages that would set the controls here.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Collection, Mapping, Sequence

from liveflight.controllers.osc.codec import bundles
from liveflight.controllers.osc.echo_suppressor import (
    UPDATE_INTERVAL_S,
    EchoSuppressor,
    needs_full_update,
    origin_address,
    update_message,
)
from liveflight.controllers.osc.input import OscInput
from liveflight.controllers.osc.sockets import (
    Endpoint,
    connect_udp,
    is_loopback,
    is_own,
    look_up,
    plain_ip,
)
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.mailbox import Mailbox, Message, Set

HostPort = tuple[str, int]
"""A host and its UDP port."""

RETRY_S = 1.0
"""Seconds until a destination that failed is tried again."""


class OscFeedback:
    """Send updates to every address of each place. A `controllers.controller.Controller`.

    Everything is sent at the start, after a preset and on `/liveflight/sync`; in between, what has
    changed. Where no one listens, everything is sent again every second: a surface may be opened
    later."""

    def __init__(
        self,
        places: Sequence[HostPort],
        osc: OscInput | None = None,
        all_hosts: Collection[str] = (),
    ) -> None:
        """Take the destinations.

        `osc`: our own input. `all_hosts`: the hosts of all feedback controllers, if this is one of
        several."""
        self._places = list(dict.fromkeys(places))
        self._all_hosts = all_hosts
        self._osc = osc
        self._destinations: list[_Destination] = []
        self._now = -math.inf
        """When `poll` was last called."""
        self._frame = 0.0

    def open(self, mailbox: Mailbox) -> None:
        """Look up the hosts.

        Raises LiveflightError for an unknown host, and for our own port: what is sent there would
        be received as if a performer had sent it."""
        destinations = [
            _Destination(host, port, place)
            for host, port in self._places
            for place in look_up(host, port)
        ]
        self._heard_here = bool(self._osc and self._osc.listening)
        for destination in destinations:
            if self._comes_back(destination):
                raise LiveflightError(
                    f"OSC feedback to {destination.name} would come back here, to our own port: "
                    "give the port on which the surface listens"
                )
        hosts = [destination.host for destination in destinations]
        for destination in destinations:
            # Two programs on one machine cannot be distinguished by their sending ports.
            listeners = max(
                hosts.count(destination.host), list(self._all_hosts).count(destination.given)
            )
            destination.alone = listeners == 1 and not is_loopback(destination.host)
            if self._osc:
                self._osc.trust(destination.host)
        self._destinations = destinations
        if self._osc:
            self._osc.echo_filters.append(self._is_echo)

    def poll(self, now: float) -> None:
        self._now = self._frame = now

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Send what each destination does not know yet."""
        self._frame = now
        if self._osc and self._osc.listening != self._heard_here:
            self._heard_here = self._osc.listening
            self._destinations = [d for d in self._destinations if not self._comes_back(d)]
        everything = needs_full_update(heard)
        for destination in self._destinations:
            if everything:
                destination.echo.forget()
            destination.hear(now, heard)
            if now >= self._now:  # else messages since then may be the surface's own
                destination.publish(now, values)

    def _comes_back(self, destination: _Destination) -> bool:
        osc = self._osc
        return bool(
            osc and osc.listening and destination.port == osc.port and is_own(destination.place)
        )

    def status_lines(self) -> list[str]:
        """Return a line for each destination that fails at all of its host's addresses."""
        failed: dict[str, int] = {}
        for destination in self._destinations:
            failed[destination.name] = min(
                failed.get(destination.name, destination.failed), destination.failed
            )
        return [
            f"OSC feedback to {name} failed {times} times"
            for name, times in failed.items()
            if times
        ]

    def _is_echo(self, host: str, message: Message) -> bool:
        destinations = [
            destination for destination in self._destinations if destination.host == host
        ]
        return any(destination.echo.is_echo(self._frame, message) for destination in destinations)

    def close(self) -> None:
        if self._osc and self._is_echo in self._osc.echo_filters:
            self._osc.echo_filters.remove(self._is_echo)
        while self._destinations:
            self._destinations.pop().close()


class _Destination:
    """Send to one address of one host."""

    def __init__(self, given: str, port: int, place: Endpoint) -> None:
        """Take the host as the performer gave it, and one of its addresses as `place`."""
        self.name, self.given, self.place = f"{given}:{port}", given, place
        self.host, self.port = plain_ip(place[1][0]), int(place[1][1])
        self._socket: socket.socket | None = None
        self.alone = False
        """Whether it is the only program on its machine, so that all from there is its own."""
        self.echo = EchoSuppressor()
        self.failed = 0
        """Failures in a row."""
        self._next = self._troubled = -math.inf

    def hear(self, now: float, heard: Sequence[Message]) -> None:
        """Note which controls were set from its host."""
        for message in heard:
            if isinstance(message, Set) and message.origin:
                host, port = origin_address(message.origin)
                if host == self.host:
                    own = self.alone or port == self.port
                    self.echo.note_received(now, message.key, message.value, own)

    def publish(self, now: float, values: Mapping[str, Value]) -> None:
        """Send what is due, at most every UPDATE_INTERVAL_S."""
        if now < self._next:
            return
        due = self.echo.due(now, values)
        if not due:
            return
        try:
            self._socket = self._socket or connect_udp(self.place)
            for datagram in bundles(update_message(row, value) for row, value in due):
                self._socket.send(datagram)
        except OSError:
            # No listener or no network yet: send everything again later.
            self.failed += 1
            self.echo.forget()
            self._next, self._troubled = now + RETRY_S, now
            return
        if now - self._troubled > 2 * RETRY_S:
            self.failed = 0
        self._next = now + UPDATE_INTERVAL_S
        for row, value in due:
            self.echo.note_sent(row.key, value, now)

    def close(self) -> None:
        if self._socket:
            self._socket.close()
