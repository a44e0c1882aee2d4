"""OSC out, over UDP: tells configured surfaces where the controls stand, so that their faders
follow. Only changes, in the form in which they would be sent here."""

from __future__ import annotations

import math
import socket
from collections.abc import Collection, Mapping, Sequence

from liveflight.controllers.osc.codec import bundles
from liveflight.controllers.osc.echo_suppressor import (
    EVERY,
    EchoSuppressor,
    place_of,
    told,
    wants_all,
)
from liveflight.controllers.osc.input import OscInput
from liveflight.controllers.osc.sockets import Place as Address
from liveflight.controllers.osc.sockets import (
    datagrams_to,
    is_loopback,
    is_own,
    looked_up,
    plain,
)
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.mailbox import Mailbox, Message, Set

Place = tuple[str, int]
"""A host and its UDP port."""

RETRY = 1.0
"""Seconds until a place that took nothing is tried again."""


class OscFeedback:
    """Tells every address of each of `places` where everything stands at the start, after a preset
    and on `/liveflight/sync`, and in between what has changed. Where nobody listens, everything is
    tried again every second: a surface may be opened later. `osc` is where we listen ourselves."""

    def __init__(
        self,
        places: Sequence[Place],
        osc: OscInput | None = None,
        beside: Collection[str] = (),
    ) -> None:
        """`beside`: the hosts of all feedback there is, where others tell some of it."""
        self._places = list(dict.fromkeys(places))
        self._beside = beside
        self._osc = osc
        self._targets: list[_Target] = []
        self._now = -math.inf
        """Of the latest look at the surfaces."""
        self._frame = 0.0

    def open(self, mailbox: Mailbox) -> None:
        """Raises LiveflightError for a host that is not known, and for our own port: what is told
        there would be heard as if a performer had said it."""
        targets = [
            _Target(host, port, place)
            for host, port in self._places
            for place in looked_up(host, port)
        ]
        self._heard_here = bool(self._osc and self._osc.listening)
        for target in targets:
            if self._comes_back(target):
                raise LiveflightError(
                    f"OSC feedback to {target.name} would come back here, where OSC is heard: "
                    "give the port on which the surface listens"
                )
        hosts = [target.host for target in targets]
        for target in targets:
            # Two programs of one machine cannot be told apart by where they speak from.
            told = max(hosts.count(target.host), list(self._beside).count(target.given))
            target.alone = told == 1 and not is_loopback(target.host)
            if self._osc:
                self._osc.trust(target.host)
        self._targets = targets
        if self._osc:
            self._osc.listeners.append(self._repeats)

    def poll(self, now: float) -> None:
        self._now = self._frame = now

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        self._frame = now
        if self._osc and self._osc.listening != self._heard_here:
            self._heard_here = self._osc.listening
            self._targets = [target for target in self._targets if not self._comes_back(target)]
        everything = wants_all(heard)
        for target in self._targets:
            if everything:
                target.echo.forget()
            target.hear(now, heard)
            if now >= self._now:  # else what has been said since may be the surface's own
                target.publish(now, values)

    def _comes_back(self, target: _Target) -> bool:
        osc = self._osc
        return bool(osc and osc.listening and target.port == osc.port and is_own(target.place))

    def status_lines(self) -> list[str]:
        """Where nothing arrives: at none of a host's addresses."""
        failed: dict[str, int] = {}
        for target in self._targets:
            failed[target.name] = min(failed.get(target.name, target.failed), target.failed)
        return [
            f"OSC feedback to {name} failed {times} times"
            for name, times in failed.items()
            if times
        ]

    def _repeats(self, host: str, message: Message) -> bool:
        targets = [target for target in self._targets if target.host == host]
        return any(target.echo.repeats(self._frame, message) for target in targets)

    def close(self) -> None:
        if self._osc and self._repeats in self._osc.listeners:
            self._osc.listeners.remove(self._repeats)
        while self._targets:
            self._targets.pop().close()


class _Target:
    def __init__(self, given: str, port: int, place: Address) -> None:
        """`given` is what the performer calls the host, `place` one of its addresses."""
        self.name, self.given, self.place = f"{given}:{port}", given, place
        self.host, self.port = plain(place[1][0]), int(place[1][1])
        self._socket: socket.socket | None = None
        self.alone = False
        """Whether all that comes from its machine comes from it."""
        self.echo = EchoSuppressor()
        self.failed = 0
        """Times in a row."""
        self._next = self._troubled = -math.inf

    def hear(self, now: float, heard: Sequence[Message]) -> None:
        for message in heard:
            if isinstance(message, Set) and message.origin:
                host, port = place_of(message.origin)
                if host == self.host:
                    own = self.alone or port == self.port
                    self.echo.heard(now, message.key, message.value, own)

    def publish(self, now: float, values: Mapping[str, Value]) -> None:
        if now < self._next:
            return
        due = self.echo.due(now, values)
        if not due:
            return
        try:
            self._socket = self._socket or datagrams_to(self.place)
            for datagram in bundles(told(row, value) for row, value in due):
                self._socket.send(datagram)
        except OSError:
            # Nobody there yet, or no network: everything again, for when there is.
            self.failed += 1
            self.echo.forget()
            self._next, self._troubled = now + RETRY, now
            return
        if now - self._troubled > 2 * RETRY:
            self.failed = 0
        self._next = now + EVERY
        for row, value in due:
            self.echo.told(row.key, value, now)

    def close(self) -> None:
        if self._socket:
            self._socket.close()
