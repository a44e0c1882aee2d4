"""Read sACN's data packets (ANSI E1.31) with the package sacn.

The package's own receiver is not used: it does not tell the sources of a universe apart, so it
cannot merge them, and it listens on every network of the machine.
"""

from __future__ import annotations

from typing import Any

from liveflight.controllers.dmx.packets import DmxError, Levels
from liveflight.core.contracts import LiveflightError

_TAG = b"ASC-E1.17\0\0\0"
_TAG_AT, _VECTOR_AT, _COUNT_AT, _LEVELS_AT = 4, 18, 123, 126
_DATA_VECTOR = b"\0\0\0\4"
"""Marks packets of levels; the others announce universes or synchronise them."""


class Sacn:
    """Streaming ACN. A `controllers.dmx.packets.DmxProtocol`."""

    name = "sACN"
    port = 5568
    timeout_s = 2.5
    """The standard's."""

    def __init__(self) -> None:
        self._packets: Any = None

    def load(self) -> None:
        """Import the package. Raises LiveflightError where it is missing."""
        try:
            from sacn.messages import data_packet
        except ImportError as error:
            raise LiveflightError(
                'sACN needs the package sacn: pip install "liveflight[dmx]"'
            ) from error
        self._packets = data_packet

    def read(self, datagram: bytes, host: str) -> Levels | None:
        """Return the levels of a data packet; None for previews and other packets of sACN."""
        if datagram[_TAG_AT : _TAG_AT + len(_TAG)] != _TAG:
            raise DmxError("it is not sACN")
        if datagram[_VECTOR_AT : _VECTOR_AT + 4] != _DATA_VECTOR:
            return None
        try:
            packet = self._packets.DataPacket.make_data_packet(datagram)
        except (TypeError, ValueError):
            raise DmxError("its fields are not those of E1.31") from None
        count = int.from_bytes(datagram[_COUNT_AT : _COUNT_AT + 2], "big") - 1
        levels = datagram[_LEVELS_AT : _LEVELS_AT + max(count, 0)]
        if not 0 <= count <= 512 or len(levels) < count:
            raise DmxError("the packet is cut off, or has more than 512 channels")
        if packet.option_PreviewData or packet.dmxStartCode:
            return None
        return Levels(
            bytes(packet.cid).hex(),
            packet.universe,
            levels,
            packet.sequence,
            packet.priority,
            packet.option_StreamTerminated,
        )

    def group(self, universe: int) -> str:
        """Return the universe's multicast address."""
        return str(self._packets.calculate_multicast_addr(universe))
