"""Learn a channel: arm a control, move a fader of the console, and find its channels."""

from __future__ import annotations

from collections import deque

import numpy as np

from liveflight.controllers.dmx.bindings import ChannelBinding
from liveflight.core.control import Control

_MIN_TRAVEL = 8
"""Levels that a channel has to travel."""
_WATCH_S = 0.4
"""Seconds from the first such travel until the choice: time to see whether a fine channel moves."""
_MIN_TURNS = 2
"""How often a fine channel has to turn back, while its coarse one goes one way."""
_MAX_SEEN = 256
"""Packets that are kept of a gesture."""


class ChannelLearner:
    """Find the channel that a performer moves, and bind it to the armed control."""

    def __init__(self, control: Control, value: str, restless: frozenset[int]) -> None:
        """Arm `control`. `value`: the text that a text control is to be set to.

        `restless`: channels that were moving before, such as those of a chase, which do not
        count."""
        self.control = control
        self._value, self._restless = value, restless
        self._seen: deque[np.ndarray] = deque(maxlen=_MAX_SEEN)
        self._low = self._high = np.empty(0, np.uint8)
        """The least and the largest level of each channel so far."""
        self._since: float | None = None

    def hear(self, levels: bytes, at: float) -> None:
        """Take the levels of `at` seconds; the first ones are those from before the gesture."""
        seen = np.frombuffer(levels, np.uint8)
        size = min(len(seen), len(self._low)) if self._seen else len(seen)
        self._low = np.minimum(self._low[:size], seen[:size]) if self._seen else seen
        self._high = np.maximum(self._high[:size], seen[:size]) if self._seen else seen
        self._seen.append(seen)
        if self._since is None and self._moved():
            self._since = at

    def found(self, at: float) -> ChannelBinding | None:
        """Return the binding once there has been time to see the gesture."""
        moved = self._moved()
        if not moved or self._since is None or at - self._since < _WATCH_S:
            return None
        turned, far = self._turns()
        for channel in moved:
            if channel + 1 in moved and _is_fine(turned[channel - 1 :], far[channel - 1 :]):
                return self._bound(channel, channel + 1)
        return self._bound(max(moved, key=lambda channel: (moved[channel], -channel)))

    def _bound(self, channel: int, fine: int = 0) -> ChannelBinding:
        return ChannelBinding(channel, self.control.key, fine, value=self._value)

    def _moved(self) -> dict[int, int]:
        """Return the channels that travelled far enough, in order, and how far they did."""
        travel = self._high - self._low
        moved = {int(at) + 1: int(travel[at]) for at in np.flatnonzero(travel >= _MIN_TRAVEL)}
        return {channel: far for channel, far in moved.items() if channel not in self._restless}

    def _turns(self) -> tuple[np.ndarray, np.ndarray]:
        """Return how often each channel turned back, and how far it travelled in all."""
        size = len(self._low)
        steps = np.diff(np.array([levels[:size] for levels in self._seen], np.int16), axis=0)
        turned, way = np.zeros(size, int), np.zeros(size, np.int16)
        for step in steps:  # of all channels at once: a console may fade them all
            turned += step * way < 0
            way = np.where(step, np.sign(step), way)
        return turned, np.abs(steps).sum(axis=0)


def _is_fine(turned: np.ndarray, far: np.ndarray) -> bool:
    """Return whether the second of these channels is the low byte of the first.

    While a fader goes one way its low byte wraps round, and so seems to turn back and travels
    farther in all. Two faders that are moved together do not."""
    return bool(turned[1] >= _MIN_TURNS + turned[0] and far[1] > 2 * far[0])
