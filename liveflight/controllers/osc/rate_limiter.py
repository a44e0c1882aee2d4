"""Limit the work per second, in all and for each sender.

A flood then cannot take the frame loop's time, and one sender's flood cannot take another's share.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from liveflight.controllers.osc.packets import PacketError

MAX_SHARES = 32
"""Largest number of senders per second that have shares."""


class RateLimiter:
    """Count what senders spend in each second, and refuse what is too much.

    When the common `limit` is spent, each sender still has the rest of a small share of its own, so
    that the flooding one is refused. At most `limit` and MAX_SHARES shares are spent."""

    def __init__(self, limit: int, clock: Callable[[], float], share: int = 0) -> None:
        """Take the limits per second, in any unit, and a clock in seconds."""
        self._limit, self._share, self._clock = limit, share, clock
        self._since, self._spent = clock(), 0
        self._own: dict[str, int] = {}

    @property
    def exceeded(self) -> bool:
        """Return whether the common limit is spent."""
        return self._spent > self._limit

    def exceeded_by(self, who: str) -> bool:
        """Return whether `who` has nothing left."""
        return self.exceeded and self._own.get(who, self._share + 1) > self._share

    async def pace(self, seconds: float) -> None:
        """Count one, and wait so long where this second has nothing left."""
        try:
            self.consume(1, "")
        except PacketError:
            await asyncio.sleep(seconds)

    def consume(self, amount: int, refusal: str, who: str = "") -> None:
        """Count `amount` for `who`, the origin of a message.

        Raises PacketError with the text `refusal` where this second has nothing left for `who`."""
        now = self._clock()
        if now - self._since >= 1.0:
            self._since, self._spent, self._own = now, 0, {}
        self._spent += amount
        if who in self._own or len(self._own) < MAX_SHARES:
            self._own[who] = self._own.get(who, 0) + amount
        if self.exceeded_by(who):
            raise PacketError(refusal)
