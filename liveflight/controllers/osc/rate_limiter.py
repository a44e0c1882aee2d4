"""What may be spent per second, so that a flood cannot take the frame loop's time, nor one who
floods another's turn."""

from __future__ import annotations

from collections.abc import Callable

from liveflight.controllers.osc.packets import PacketError

MOST = 32
"""Senders of one second that have a share of their own."""


class RateLimiter:
    """What all senders together may spend per second. When that is spent, each of them still has
    the rest of a small share of its own, so that it is the one who floods that is refused: `limit`
    and MOST shares are the most that is spent."""

    def __init__(self, limit: int, clock: Callable[[], float], share: int = 0) -> None:
        self._limit, self._share, self._clock = limit, share, clock
        self._since, self._spent = clock(), 0
        self._own: dict[str, int] = {}

    @property
    def overdrawn(self) -> bool:
        """Whether all is spent that is common to all."""
        return self._spent > self._limit

    def overdrawn_by(self, who: str) -> bool:
        """Whether `who` has nothing left."""
        return self.overdrawn and self._own.get(who, self._share + 1) > self._share

    def spend(self, amount: int, refusal: str, who: str = "") -> None:
        """Raises PacketError with the text `refusal` where the second has nothing left for `who`,
        as messages call their origin."""
        now = self._clock()
        if now - self._since >= 1.0:
            self._since, self._spent, self._own = now, 0, {}
        self._spent += amount
        if who in self._own or len(self._own) < MOST:
            self._own[who] = self._own.get(who, 0) + amount
        if self.overdrawn_by(who):
            raise PacketError(refusal)
