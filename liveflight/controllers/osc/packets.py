"""Split an OSC 1.0 datagram into its messages, bounded and without recursion.

python-osc's own bundle parser is not used: an element size of -4 makes it loop for ever, and deep
nesting overflows its stack.
"""

from __future__ import annotations

import struct

from liveflight.core.contracts import LiveflightError

MAX_PACKET_BYTES = 16384
"""Longest datagram: holds as many messages of ours as a bundle may have."""
MAX_DEPTH = 8
"""Deepest nesting of bundles."""
MAX_MESSAGES = 256
"""Largest number of messages in a datagram."""

_BUNDLE_TAG = b"#bundle\0"
_HEADER_BYTES = len(_BUNDLE_TAG) + 8
"""Offset of a bundle's first element. The timetag of 8 bytes is ignored: clocks differ."""


class PacketError(LiveflightError):
    """Report a datagram that is not OSC.

    The text names the broken rule and contains nothing of the datagram, so that equal faults have
    equal texts."""


def elements(datagram: bytes) -> list[bytes]:
    """Return the encoded messages of a datagram in their order, nested bundles included.

    The messages themselves are not checked. Raises PacketError, for the whole datagram, where they
    cannot be separated."""
    if len(datagram) > MAX_PACKET_BYTES:
        raise PacketError(f"the packet is longer than {MAX_PACKET_BYTES} bytes")
    found: list[bytes] = []
    waiting = [(datagram, 0)]
    while waiting:
        packet, depth = waiting.pop()
        if packet.startswith(_BUNDLE_TAG):
            if depth == MAX_DEPTH:
                raise PacketError(f"bundles are nested deeper than {MAX_DEPTH}")
            waiting += [(part, depth + 1) for part in reversed(_parts(packet))]
        else:
            found.append(packet)
        if len(found) + len(waiting) > MAX_MESSAGES:
            raise PacketError(f"the bundle holds more than {MAX_MESSAGES} messages")
    return found


def _parts(bundle: bytes) -> list[bytes]:
    """Return the elements directly in a bundle. Raises PacketError."""
    if len(bundle) < _HEADER_BYTES:
        raise PacketError("the bundle ends before its timetag does")
    parts, place = [], _HEADER_BYTES
    while place < len(bundle):
        if len(bundle) - place < 4:
            raise PacketError("the bundle ends within an element's size")
        (size,) = struct.unpack_from(">i", bundle, place)
        place += 4
        if size <= 0 or size % 4 or size > len(bundle) - place:
            raise PacketError("an element's size is above 0, a multiple of 4 and inside its bundle")
        parts.append(bundle[place : place + size])
        place += size
    return parts
