"""Tell systemd how the service is: the messages of sd_notify(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress


class SystemdNotify:
    """Send states to the socket that NOTIFY_SOCKET names; without one, do nothing.

    The variables are removed, so that no child process answers for this one."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        given = environment.pop("NOTIFY_SOCKET", "")
        self._address = "\0" + given[1:] if given[:1] == "@" else given
        interval = environment.pop("WATCHDOG_USEC", "")
        ours = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.interval = int(interval) / 2e6 if interval.isdecimal() and ours else 0.0
        """Seconds after which `WATCHDOG=1` is due: half of systemd's limit; 0 for never."""

    def send(self, *states: str) -> None:
        """Send states such as `READY=1`; systemd may be too busy to take them."""
        if self._address and hasattr(socket, "AF_UNIX"):
            kind = socket.SOCK_DGRAM
            with suppress(OSError), socket.socket(socket.AF_UNIX, kind) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(states).encode(), self._address)
