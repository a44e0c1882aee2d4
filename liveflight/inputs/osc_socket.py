"""UDP and TCP sockets of hosts that are given by name or number."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import ExitStack

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
            ours.bind(place)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no such host"
            raise LiveflightError(
                f"{name} cannot listen on {host[:80]}:{port} ({reason}): "
                f"close the program that has the port, or choose another with {option}"
            ) from None
        opened.pop_all()
    return ours


def datagrams_to(host: str, port: int) -> tuple[socket.socket, str]:
    """A non-blocking UDP socket that sends there, and the host's number.

    Raises LiveflightError for a host that is not known."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except (OSError, UnicodeError):
        raise LiveflightError(
            f"OSC feedback: no host is called {host[:80]!r}; give its number, such as 192.168.1.20"
        ) from None
    sender = socket.socket(family, kind)
    sender.setblocking(False)
    # Bound to the place, so that the system tells of what nobody takes.
    sender.connect(place)
    return sender, str(place[0])


def is_loopback(host: str) -> bool:
    """Whether this number of a host is this machine's own."""
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback
