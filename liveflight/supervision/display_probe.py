"""Ask whether a desktop takes connections, at no cost and without a client library."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress

_TIMEOUT_S = 1.0
_X11_PORT = 6000


def is_ready(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the desktop that DISPLAY or WAYLAND_DISPLAY names can be connected to.

    True where that cannot be known: on macOS and Windows, and for other video drivers of SDL."""
    if sys.platform in ("darwin", "win32"):
        return True
    driver = environment.get("SDL_VIDEODRIVER", "")
    if driver and not {"x11", "wayland"} & {*driver.split(",")}:
        return True
    return any(_connects(address) for address in _addresses(environment))


def _addresses(environment: Mapping[str, str]) -> list[str | tuple[str, int]]:
    """Return the places of the desktops' sockets: paths, abstract names or hosts."""
    found: list[str | tuple[str, int]] = []
    if wayland := environment.get("WAYLAND_DISPLAY"):
        found.append(os.path.join(environment.get("XDG_RUNTIME_DIR", ""), wayland))
    named = re.fullmatch(r"(?:\w+/)?(.*):(\d+)(?:\.\d+)?", environment.get("DISPLAY", ""))
    if named:
        host, number = named[1], int(named[2])
        if host in ("", "unix"):
            path = f"/tmp/.X11-unix/X{number}"
            found += [path, f"\0{path}"]
        else:
            found.append((host.strip("[]"), _X11_PORT + number))
    return found


def _connects(address: str | tuple[str, int]) -> bool:
    with suppress(OSError, ValueError, OverflowError):
        if isinstance(address, tuple):
            socket.create_connection(address, _TIMEOUT_S).close()
            return True
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(address)
            return True
    return False
