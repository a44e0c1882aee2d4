"""Define the packet of levels that every DMX protocol delivers, and the contract of a protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from liveflight.core.contracts import LiveflightError

CHANNELS = 512
"""Channels of a universe."""


class DmxError(LiveflightError):
    """Report a datagram that is not of the protocol.

    The text names the broken rule and contains nothing of the datagram, so that equal faults have
    equal texts."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Hold the levels of a universe, as one source sent them."""

    source: str
    """Which source: an address, or an identifier that it chose."""
    universe: int
    levels: bytes
    """One byte per channel, from channel 1 on; at most CHANNELS."""
    sequence: int | None = None
    """0 to 255, one more in each packet; None where the source does not count."""
    priority: int = 100
    """0 to 200; a higher one wins."""
    ended: bool = False
    """Whether the source says that it sends no more."""


class DmxProtocol(Protocol):
    """Read the datagrams of one protocol."""

    name: str
    """Its name in messages."""
    port: int
    """The UDP port of the protocol."""
    timeout_s: float
    """Seconds of silence after which a source counts as gone."""

    def load(self) -> None:
        """Import what it needs. Raises LiveflightError naming what to install."""
        ...

    def read(self, datagram: bytes, host: str) -> Levels | None:
        """Return a datagram's levels; None for a packet of another kind, which is ignored.

        `host`: the sender's address. Raises DmxError for anything else."""
        ...

    def group(self, universe: int) -> str:
        """Return the multicast address of a universe; empty where there is none."""
        ...
