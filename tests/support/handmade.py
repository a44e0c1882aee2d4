"""A worker whose jobs end when a test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from liveflight.system.worker import Worker

T = TypeVar("T")


class ByHand(Worker[T]):
    """Do a job at once; with `hold` set, at `finish`."""

    def __init__(self) -> None:
        super().__init__(background=False)
        self.hold = False
        self._held: list[Callable[[], T]] = []

    def submit(self, job: Callable[[], T]) -> None:
        if self.hold:
            self.busy = True
            self._held.append(job)
        else:
            super().submit(job)

    def wait(self, seconds: float = 0.0) -> bool:
        return super().wait()

    def finish(self) -> None:
        super().submit(self._held.pop())
