"""What may be spent per second, so that a flood cannot take the frame loop's time."""

from __future__ import annotations

from collections.abc import Callable

from liveflight.inputs.osc_packet import PacketError


class Budget:
    """What may be spent per second."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._limit, self._clock = limit, clock
        self._since, self._spent = clock(), 0

    @property
    def overdrawn(self) -> bool:
        return self._spent > self._limit

    def spend(self, amount: int, refusal: str) -> None:
        """Raises PacketError with the text `refusal` where the second has nothing left."""
        now = self._clock()
        if now - self._since >= 1.0:
            self._since, self._spent = now, 0
        self._spent += amount
        if self.overdrawn:
            raise PacketError(refusal)
