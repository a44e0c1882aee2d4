"""Tell whether a request names this machine, against foreign names made to point here."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit


def own_host_names() -> frozenset[str]:
    """Return the allowed host names of this machine, in addition to IP addresses.

    Any other could be a foreign name that was made to point here (DNS rebinding)."""
    host = socket.gethostname().lower()
    return frozenset({"localhost", host, f"{host}.local", host.partition(".")[0]})


def names_this_machine(host: str, origin: str | None, names: Collection[str]) -> bool:
    """Return whether a request's Host is ours, and its Origin no other page's.

    It is ours as one of `names` or as an IP address."""
    try:
        same = origin is None or urlsplit(origin).netloc.lower() == host.lower()
        return same and _is_ours(urlsplit(f"//{host}").hostname or "", names)
    except ValueError:  # an unpaired bracket
        return False


def _is_ours(name: str, names: Collection[str]) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in names
    return True
