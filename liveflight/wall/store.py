"""Hold the store in which the ranks of a wall meet: torch's TCPStore, on one named interface.

Ranks leave each other JSON in mailboxes. Nothing is unpickled, here or in Gloo. The store knows no
passwords, as Gloo does not: it listens at one address, which is loopback unless the user names
another."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from liveflight.core.contracts import LiveflightError

if TYPE_CHECKING:
    from torch.distributed import Store

Master = tuple[str, int]
"""Host and port at which rank 0 listens."""

Message = dict[str, Any]

INBOX = "rank 0"
"""The mailbox of rank 0."""

TRIAL_S = 2.0
"""Seconds that a connection may take."""

_WAIT = timedelta(seconds=30)
"""How long torch waits for an answer of the store."""


def quieten_torch() -> None:
    """Keep torch from printing a stack for each broken connection; before torch is imported."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


class Mail:
    """Send and receive messages through the store; for one thread.

    A mailbox is a text of JSON lines, to which torch appends and which it exchanges for an empty
    one. Torch's own queues would stop every thread of a rank while rank 0 does not answer."""

    def __init__(self, store: Store, address: str, wire: socket.socket | None = None) -> None:
        """Take the store, this rank's own address and, away from rank 0, an idle connection."""
        self.store: Any = store  # torch's types leave `append` out
        self.address = address
        self._wire = wire
        self._lines: dict[str, list[bytes]] = {}

    def send(self, to: str, message: Mapping[str, object]) -> None:
        """Leave a message in a mailbox."""
        self._check_wire()
        self.store.append(to, json.dumps(message) + "\n")

    def receive(self, at: str) -> Message | None:
        """Take the next message from a mailbox, if there is one; an unreadable one is dropped."""
        self._check_wire()
        lines = self._lines.setdefault(at, [])
        lines += [] if lines else self._take(at).splitlines()
        while lines:
            with suppress(ValueError):
                if isinstance(message := json.loads(lines.pop(0)), dict):
                    return message
        return None

    def unread(self, at: str) -> bool:
        """Return whether there are messages in a mailbox."""
        return bool(self.store.check([at]) and self.store.get(at))

    def _take(self, at: str) -> bytes:
        text: Any = self.store.get(at) if self.store.check([at]) else b""
        while text and (longer := self.store.compare_set(at, text, "")):
            text = longer
        return text

    def part(self, name: str) -> Store:
        """Return a part of the store whose keys are apart from all others."""
        from torch.distributed import PrefixStore

        return PrefixStore(name, self.store)

    def close(self) -> None:
        """Close the idle connection; the store closes with its last user."""
        if self._wire:
            self._wire.close()

    def _check_wire(self) -> None:
        """Raise OSError where rank 0 is gone, before torch finds it and prints a stack."""
        if self._wire:
            with suppress(BlockingIOError):
                if not self._wire.recv(1):
                    raise ConnectionResetError("rank 0 has closed the store")


def serve(master: Master, interface: str) -> Mail:
    """Open the store at the master's port, on one address of this machine.

    `interface` is this address; empty for that of the master's host."""
    host, port = interface or master[0], master[1]
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if ipaddress.ip_address(address[0]).is_unspecified:
            raise OSError("it names every interface: name one")
        listener = socket.create_server(address[:2], family=family)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0]
        raise LiveflightError(
            f"rank 0 of the wall cannot listen at {host}:{port}: {reason};"
            " --master takes an address of this machine and a free port"
        ) from None
    quieten_torch()
    from torch.distributed import TCPStore

    own, port = listener.getsockname()[:2]
    store = TCPStore(
        own,
        port,
        is_master=True,
        wait_for_workers=False,
        timeout=_WAIT,
        master_listen_fd=listener.detach(),
    )
    return Mail(store, own)


def reach(master: Master, interface: str) -> Mail:
    """Connect to rank 0's store. Raise OSError where it does not listen.

    Gloo later uses the address of this machine from which rank 0 is reached, or `interface`."""
    wire = socket.create_connection(master, TRIAL_S, (interface, 0) if interface else None)
    try:
        quieten_torch()
        from torch.distributed import TCPStore

        wire.setblocking(False)
        host, port = wire.getpeername()[:2]
        store = TCPStore(host, port, wait_for_workers=False, timeout=_WAIT)
    except RuntimeError as error:
        wire.close()
        raise ConnectionError(str(error)) from None
    return Mail(store, wire.getsockname()[0], wire)
