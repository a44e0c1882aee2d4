"""Read Art-Net's ArtDmx packets, strictly.

Art-Net is a public protocol of Artistic Licence Holdings. Its other packets are ignored: this is a
receiver, which consoles reach by its address or by broadcast.
"""

from __future__ import annotations

import struct

from liveflight.controllers.dmx.packets import CHANNELS, DmxError, Levels

_TAG = b"Art-Net\0"
_OUTPUT = 0x5000
"""The operation code of ArtDmx."""
_VERSION = 14
_CODE = struct.Struct("<H")
_HEAD = struct.Struct(">HBBBBH")
"""Version, sequence, physical port, low byte and high 7 bits of the universe, length."""
_HEAD_AT = len(_TAG) + _CODE.size
_DATA_AT = _HEAD_AT + _HEAD.size


class ArtNet:
    """Art-Net 4. A `controllers.dmx.packets.DmxProtocol`."""

    name = "Art-Net"
    port = 6454
    timeout_s = 10.0

    def load(self) -> None:
        """Import nothing."""

    def read(self, datagram: bytes, host: str) -> Levels | None:
        """Return the levels of an ArtDmx packet; None for other packets of Art-Net."""
        if not datagram.startswith(_TAG) or len(datagram) < _HEAD_AT:
            raise DmxError("it is not Art-Net")
        if _CODE.unpack_from(datagram, len(_TAG))[0] != _OUTPUT:
            return None
        if len(datagram) < _DATA_AT:
            raise DmxError("the packet is cut off")
        version, sequence, _, low, high, length = _HEAD.unpack_from(datagram, _HEAD_AT)
        if version < _VERSION:
            raise DmxError(f"its protocol is older than {_VERSION}")
        if high > 127:
            raise DmxError("its universe is above 32767")
        if not 2 <= length <= CHANNELS or length % 2:
            raise DmxError(f"its length is not an even number from 2 to {CHANNELS}")
        levels = datagram[_DATA_AT : _DATA_AT + length]
        if len(levels) < length:
            raise DmxError("the packet is cut off")
        return Levels(host, high << 8 | low, levels, sequence or None)

    def group(self, universe: int) -> str:
        """Return nothing: Art-Net uses no multicast."""
        return ""
