"""The outer form of an OSC 1.0 datagram: which messages lie in it. Bounded, without recursion.

python-osc's own bundle parser is never used: an element size of -4 makes it loop for ever, and deep
nesting overruns its stack.
"""

from __future__ import annotations

import struct

from liveflight.core.contracts import LiveflightError

LONGEST = 16384
"""Bytes of a datagram: as many messages of ours as a bundle may hold."""
DEEPEST = 8
"""Bundles within each other."""
MOST = 256
"""Messages of a bundle."""

_HEAD = b"#bundle\0"
_BODY = len(_HEAD) + 8
"""Where a bundle's elements begin. The timetag's 8 bytes are ignored: no sender's clock is ours."""


class PacketError(LiveflightError):
    """A datagram that is no OSC. Its text says which rule it breaks and holds nothing of the
    datagram, so that equal faults have equal texts."""


def elements(datagram: bytes) -> list[bytes]:
    """The messages of a datagram, still encoded, in their order: one, or those of a bundle and of
    the bundles in it. Raises PacketError where they cannot be told apart, and then for the whole
    datagram; what is within a message is nobody's concern here."""
    if len(datagram) > LONGEST:
        raise PacketError(f"the packet is longer than {LONGEST} bytes")
    found: list[bytes] = []
    waiting = [(datagram, 0)]
    while waiting:
        packet, depth = waiting.pop()
        if packet.startswith(_HEAD):
            if depth == DEEPEST:
                raise PacketError(f"bundles lie deeper than {DEEPEST} within each other")
            waiting += [(part, depth + 1) for part in reversed(_parts(packet))]
        else:
            found.append(packet)
        if len(found) + len(waiting) > MOST:
            raise PacketError(f"the bundle holds more than {MOST} messages")
    return found


def _parts(bundle: bytes) -> list[bytes]:
    """What lies directly in a bundle."""
    if len(bundle) < _BODY:
        raise PacketError("the bundle ends before its timetag does")
    parts, place = [], _BODY
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
