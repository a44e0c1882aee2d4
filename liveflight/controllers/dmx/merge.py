"""Merge what several sources send to one universe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liveflight.controllers.dmx.packets import DmxError, Levels

MAX_SOURCES = 16
"""Sources of a universe that are followed at once."""
_OLD = 20
"""Packets by which a source's count may be behind: older ones belong to a restarted source."""


@dataclass
class _Source:
    """The last packet of a source, and when it came."""

    packet: Levels
    at: float


class Merge:
    """Follow the sources of the highest priority; of each channel the highest level wins."""

    def __init__(self, timeout_s: float) -> None:
        """Take the seconds of silence after which a source is gone."""
        self._timeout = timeout_s
        self._sources: dict[str, _Source] = {}

    @property
    def sources(self) -> int:
        """Return how many sources there are."""
        return len(self._sources)

    def put(self, packet: Levels, at: float) -> None:
        """Take a packet that came at `at` seconds; one that overtook others is dropped.

        Raises DmxError where there are too many sources."""
        self.expire(at)
        known = self._sources.get(packet.source)
        if packet.ended:
            self._sources.pop(packet.source, None)
        elif known and _is_late(packet.sequence, known.packet.sequence):
            known.at = at
        elif known is None and len(self._sources) == MAX_SOURCES:
            raise DmxError(f"more than {MAX_SOURCES} sources send to the universe")
        else:
            self._sources[packet.source] = _Source(packet, at)

    def expire(self, at: float) -> bool:
        """Forget sources that are silent at `at` seconds; return whether there were any."""
        silent = [key for key, one in self._sources.items() if at - one.at > self._timeout]
        for key in silent:
            del self._sources[key]
        return bool(silent)

    def levels(self) -> bytes:
        """Return the merged levels; none without a source."""
        packets = [one.packet for one in self._sources.values()]
        top = max((packet.priority for packet in packets), default=0)
        highest = [packet.levels for packet in packets if packet.priority == top]
        # With NumPy: a flood from many sources would take a core otherwise.
        merged = np.zeros(max(map(len, highest), default=0), np.uint8)
        for levels in highest:
            part = merged[: len(levels)]
            np.maximum(part, np.frombuffer(levels, np.uint8), out=part)
        return merged.tobytes()


def _is_late(sequence: int | None, last: int | None) -> bool:
    """Return whether a packet was sent before the last one, or is its copy."""
    if sequence is None or last is None:
        return False
    return -_OLD < (sequence - last + 128) % 256 - 128 <= 0
