"""UDP and TCP sockets of hosts that are given by name or number."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from contextlib import ExitStack, suppress
from typing import Any

from liveflight.core.contracts import LiveflightError

MOST_ADDRESSES = 8
"""Addresses of one host that are used."""
_TRIES = 8
"""How often the system is asked for a port that is free at all addresses of a host."""
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""The system has no such address."""


def bound(
    host: str, port: int, kind: socket.SocketKind, name: str, option: str
) -> list[socket.socket]:
    """Return non-blocking sockets on one port of every address that `host` has on this machine.

    `name` is who listens, `option` how another port is asked for. An address that this machine
    lacks, such as IPv6's, is left out as long as there is another. Raises LiveflightError where the
    port cannot be had."""
    if not 0 <= port <= 65535:
        raise LiveflightError(f"{name} port {port}: allowed is 1 to 65535")
    try:
        places = _places(host, port, kind)
        for _ in range(0 if port else _TRIES):
            with suppress(OSError):  # what is free at one address may be taken at another
                return _all_bound(places, kind)
        return _all_bound(places, kind)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such host"
        raise LiveflightError(
            f"{name} cannot listen on {host[:80]}:{port} ({reason}): "
            f"close the program that has the port, or choose another with {option}"
        ) from None


Place = tuple[socket.AddressFamily, tuple[Any, ...]]
"""A socket's family, and the address that its `connect` and `bind` take."""


def _places(host: str, port: int, kind: socket.SocketKind) -> list[Place]:
    """Return every address of a host, each once; this machine's loopback has one of each family,
    whatever its list of hosts says. Raises OSError or UnicodeError for a host that is not known."""
    names = (host, "127.0.0.1", "::1") if host.lower() == "localhost" else (host,)
    found: dict[tuple[Any, ...], socket.AddressFamily] = {}
    for name in names:
        try:
            entries = socket.getaddrinfo(name, port, type=kind)
        except OSError:
            if name == names[-1] and not found:
                raise
            continue
        found |= {place: family for family, _, _, _, place in entries}
    return [(family, place) for place, family in found.items()][:MOST_ADDRESSES]


def _all_bound(places: list[Place], kind: socket.SocketKind) -> list[socket.socket]:
    """Return a socket on each place; where the port is 0, all on the one that the first is given.
    Raises OSError where a port is taken, or none of the places is this machine's."""
    absent = OSError()
    with ExitStack() as opened:
        ours: list[socket.socket] = []
        for family, place in places:
            port = ours[0].getsockname()[1] if ours else place[1]
            try:
                ours.append(_bound((family, (place[0], port, *place[2:])), kind, len(places) > 1))
                opened.enter_context(ours[-1])
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                absent = error
        if not ours:
            raise absent
        opened.pop_all()
    return ours


def _bound(place: Place, kind: socket.SocketKind, several: bool) -> socket.socket:
    with ExitStack() as opened:
        ours = opened.enter_context(socket.socket(place[0], kind))
        ours.setblocking(False)
        if place[0] is socket.AF_INET6:
            # "::" by itself stands for IPv4 too, on every system; beside a socket for IPv4 it
            # would want the same port.
            ours.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, several)
        if kind is socket.SOCK_STREAM and sys.platform != "win32":
            # Connections of the show before linger for a minute; only Windows would let two
            # programs have the port by this.
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours.bind(place[1])
        opened.pop_all()
    return ours


def looked_up(host: str, port: int) -> list[Place]:
    """Return where to send to: every address of the host, since only one of them may be heard.
    Raises LiveflightError for a host that is not known."""
    try:
        return _places(host, port, socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        raise LiveflightError(
            f"OSC feedback: no host is called {host[:80]!r}; give its number, such as 192.168.1.20"
        ) from None


def datagrams_to(place: Place) -> socket.socket:
    """A non-blocking UDP socket that sends there. Raises OSError where no network leads there."""
    sender = socket.socket(place[0], socket.SOCK_DGRAM)
    try:
        sender.setblocking(False)
        # Bound to the place, so that the system tells of what nobody takes.
        sender.connect(place[1])
    except OSError:
        sender.close()
        raise
    return sender


def is_own(place: Place) -> bool:
    """Whether what is sent there comes to this machine."""
    with socket.socket(place[0], socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((place[1][0], 0, *place[1][2:]))
        except OSError:
            return False
    return True


def plain(host: str) -> str:
    """A host's number; one of IPv4 as such, though a socket for IPv6 has heard it."""
    mapped = getattr(ipaddress.ip_address(host.partition("%")[0]), "ipv4_mapped", None)
    return str(mapped or host)


def is_loopback(host: str) -> bool:
    """Whether this number of a host is this machine's own."""
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback
