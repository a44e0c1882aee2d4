"""UDP and TCP sockets of hosts that are given by name or number."""

from __future__ import annotations

import ipaddress
import socket
import sys
from contextlib import ExitStack
from typing import Any

from liveflight.core.contracts import LiveflightError


def bound(host: str, port: int, kind: socket.SocketKind, name: str, option: str) -> socket.socket:
    """A non-blocking socket, IPv4 or IPv6 as the host has it, for what `name` says; `option` is
    how another port is asked for. Raises LiveflightError where the port cannot be had."""
    if not 0 <= port <= 65535:
        raise LiveflightError(f"{name} port {port}: allowed is 1 to 65535")
    with ExitStack() as opened:
        try:
            family, _, _, _, place = socket.getaddrinfo(host, port, type=kind)[0]
            ours = opened.enter_context(socket.socket(family, kind))
            ours.setblocking(False)
            if kind is socket.SOCK_STREAM and sys.platform != "win32":
                # Connections of the show before linger for a minute; only Windows would let two
                # programs have the port by this.
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            ours.bind(place)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no such host"
            raise LiveflightError(
                f"{name} cannot listen on {host[:80]}:{port} ({reason}): "
                f"close the program that has the port, or choose another with {option}"
            ) from None
        opened.pop_all()
    return ours


Place = tuple[socket.AddressFamily, tuple[Any, ...]]
"""A socket's family, and the address that its `connect` takes."""


def looked_up(host: str, port: int) -> Place:
    """Where to send to. Raises LiveflightError for a host that is not known."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except (OSError, UnicodeError):
        raise LiveflightError(
            f"OSC feedback: no host is called {host[:80]!r}; give its number, such as 192.168.1.20"
        ) from None
    return family, place


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
