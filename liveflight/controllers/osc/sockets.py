"""Open UDP and TCP sockets for hosts given by name or IP address."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from collections.abc import Collection, Iterable
from contextlib import ExitStack, suppress
from typing import Any

from liveflight.core.contracts import LiveflightError

MOST_ADDRESSES = 8
"""Largest number of addresses used of one host."""
_TRIES = 8
"""Attempts to find a port that is free at all addresses of a host."""
_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""Errors of an address that the system does not have."""


def bind_all(
    host: str, port: int, kind: socket.SocketKind, name: str, option: str, also: str = ""
) -> list[socket.socket]:
    """Return non-blocking sockets on one port of every address that `host` has on this machine.

    `name` and `option` are for the error: who listens, and the option that sets another port.
    `also`: a second host to listen at; an address that includes others takes their place. An
    address that this machine lacks, such as one of IPv6, is left out as long as there is another.
    Raises LiveflightError where the port cannot be opened."""
    if not 0 <= port <= 65535:
        raise LiveflightError(f"{name} port {port}: allowed is 1 to 65535")
    try:
        hosts = dict.fromkeys(filter(None, (host, also)))
        places = _distinct(each for one in hosts for each in _places(one, port, kind))
        for _ in range(0 if port else _TRIES):
            with suppress(OSError):  # a port free at one address may be taken at another
                return _all_bound(places, kind)
        return _all_bound(places, kind)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such host"
        raise LiveflightError(
            f"{name} cannot listen on {host[:80]}:{port} ({reason}): "
            f"close the program that has the port, or choose another with {option}"
        ) from None


Endpoint = tuple[socket.AddressFamily, tuple[Any, ...]]
"""A socket's family, and the address that its `connect` and `bind` take."""


def addresses(host: str) -> frozenset[str]:
    """Return the IP addresses of a host; none where it is unknown."""
    try:
        return frozenset(str(place[0]) for _, place in _places(host, 0, socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return frozenset()


def includes(hosts: Collection[str], address: str) -> bool:
    """Return whether what listens at these IP addresses is reached at `address`."""
    return address in hosts or any(_is_unspecified(each) for each in hosts)


def _is_unspecified(address: str) -> bool:
    return ipaddress.ip_address(address).is_unspecified


def _distinct(places: Iterable[Endpoint]) -> list[Endpoint]:
    """Return each place once, without those that an unspecified address includes."""
    found = list(dict.fromkeys(places))
    whole = {family for family, place in found if _is_unspecified(str(place[0]))}
    return [
        (family, place)
        for family, place in found
        if family not in whole or _is_unspecified(str(place[0]))
    ]


def _places(host: str, port: int, kind: socket.SocketKind) -> list[Endpoint]:
    """Return every address of a host, each once.

    `localhost` has one of each family, whatever the hosts file says. Raises OSError or UnicodeError
    for an unknown host."""
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


def _all_bound(places: list[Endpoint], kind: socket.SocketKind) -> list[socket.socket]:
    """Return a socket on each place; if the port is 0, all on the port that the first is given.

    Raises OSError where a port is taken, or none of the places is on this machine."""
    absent = OSError()
    with ExitStack() as opened:
        ours: list[socket.socket] = []
        for family, place in places:
            port = ours[0].getsockname()[1] if ours else place[1]
            try:
                ours.append(_bound((family, (place[0], port, *place[2:])), kind, len(places) > 1))
                opened.enter_context(ours[-1])
            except OSError as error:
                if error.errno not in _NO_SUCH_ADDRESS:
                    raise
                absent = error
        if not ours:
            raise absent
        opened.pop_all()
    return ours


def _bound(place: Endpoint, kind: socket.SocketKind, several: bool) -> socket.socket:
    with ExitStack() as opened:
        ours = opened.enter_context(socket.socket(place[0], kind))
        ours.setblocking(False)
        if place[0] is socket.AF_INET6:
            # Alone, "::" accepts IPv4 too, on every system; beside a socket for IPv4 it would
            # claim the same port.
            ours.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, several)
        if kind is socket.SOCK_STREAM and sys.platform != "win32":
            # Connections of an earlier show linger for a minute. Only on Windows does this option
            # let two programs have the port.
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours.bind(place[1])
        opened.pop_all()
    return ours


def look_up(host: str, port: int) -> list[Endpoint]:
    """Return every address of a host: the listener may use only one of them.

    Raises LiveflightError for an unknown host."""
    try:
        return _places(host, port, socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        raise LiveflightError(
            f"OSC feedback: no host is called {host[:80]!r}; give its address, such as 192.168.1.20"
        ) from None


def connect_udp(place: Endpoint) -> socket.socket:
    """Return a non-blocking UDP socket that sends there. Raises OSError without a route."""
    sender = socket.socket(place[0], socket.SOCK_DGRAM)
    try:
        sender.setblocking(False)
        # Connected, so that the system reports datagrams that are refused.
        sender.connect(place[1])
    except OSError:
        sender.close()
        raise
    return sender


def is_own(place: Endpoint) -> bool:
    """Return whether a place is on this machine."""
    with socket.socket(place[0], socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((place[1][0], 0, *place[1][2:]))
        except OSError:
            return False
    return True


def plain_ip(host: str) -> str:
    """Return an IP address, an IPv4 one without the IPv6 prefix that some sockets report."""
    mapped = getattr(ipaddress.ip_address(host.partition("%")[0]), "ipv4_mapped", None)
    return str(mapped or host)


def all_loopback(sockets: Iterable[socket.socket]) -> bool:
    """Return whether bound sockets are reached from this machine alone."""
    return all(is_loopback(each.getsockname()[0]) for each in sockets)


def is_loopback(host: str) -> bool:
    """Return whether an IP address is a loopback one."""
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback
