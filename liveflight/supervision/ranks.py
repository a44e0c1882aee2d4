"""Start the ranks of a wall on one machine, watch them, and end all with the first.

Each rank is a supervisor or a test card. Everything outside comes in as an argument, clocks too.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from liveflight.supervision.show_log import clean
from liveflight.system.exit_codes import CANNOT
from liveflight.system.signals import INTERRUPTED

TURN_S = 0.1
"""Seconds between two looks at the ranks."""
_CLOSE_S = 12.0
"""Seconds that all ranks together have to close; a supervisor gives its show 8 of them."""
_AGAIN_S = 1.0
"""Seconds after which a supervisor that was killed is started again."""


class Rank(Protocol):
    """A running rank; see `child.ChildProcess`."""

    def poll(self) -> int | None: ...
    def terminate(self) -> None: ...
    def kill_tree(self) -> object: ...


@dataclass(frozen=True)
class Refused:
    """Say that a rank cannot take part."""

    line: str
    """Its last line, with its rank."""


class RankLines:
    """Pass on what the ranks write to standard error, each line with its rank.

    A rank's last complaint is held until the next line: where the rank then refuses, it is said
    once for the whole wall. Takes lines from several threads."""

    def __init__(self, write: Callable[[str], object] = sys.stderr.write) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._held: dict[int, str] = {}

    def take(self, rank: int, text: str) -> None:
        """Take a line of a rank."""
        text = clean(text)
        if not text:
            return
        with self._lock:
            self._release(rank)
            if text.startswith(_OURS):
                self._held[rank] = text.removeprefix(_OURS)
            else:
                self._say(rank, text)

    def release(self, rank: int) -> None:
        """Write what is held of a rank: it goes on."""
        with self._lock:
            self._release(rank)

    def complaint(self, rank: int) -> str:
        """Return what a rank said last, with its rank, and forget what the others have to say."""
        with self._lock:
            said = self._held.get(rank) or "it ended with code 2, and said nothing"
            self._held.clear()
        return said if said.startswith("rank ") else f"rank {rank}: {said}"

    def _release(self, rank: int) -> None:
        if held := self._held.pop(rank, ""):
            self._say(rank, f"{_OURS}{held}")

    def _say(self, rank: int, text: str) -> None:
        self._write(f"rank {rank}: {text}\n")


_OURS = "liveflight: "


class Ranks:
    """Keep all ranks of a wall running until rank 0 is quit, one refuses, or a signal comes."""

    def __init__(
        self,
        count: int,
        start: Callable[[int], Rank],
        lines: RankLines,
        clock: Callable[[], float],
        wait: Callable[[float], object],
        stopped: Callable[[], bool],
    ) -> None:
        """`start` starts a rank and may raise OSError; `wait` waits for these seconds."""
        self._count, self._start, self._lines = count, start, lines
        self._clock, self._wait, self._stopped = clock, wait, stopped
        self._running: dict[int, Rank] = {}
        self._again: dict[int, float] = {}
        """When to start a rank again."""

    def run(self) -> int | Refused:
        """Return the exit code, or why a rank cannot take part; nothing is left running."""
        try:
            for rank in range(self._count):
                self._running[rank] = self._start(rank)
            while True:
                self._wait(TURN_S)
                if self._stopped():
                    return INTERRUPTED
                end = self._look()
                if end is not None:
                    return end
        finally:
            self._end_all()

    def _look(self) -> int | Refused | None:
        """Return how the wall ends, if it does; start again what has crashed."""
        now = self._clock()
        codes = {rank: each.poll() for rank, each in self._running.items()}
        ended = {rank: code for rank, code in codes.items() if code is not None}
        refusing = [rank for rank, code in ended.items() if code == CANNOT]
        if refusing:
            return Refused(self._lines.complaint(refusing[0]))
        if ended.get(0) in (0, INTERRUPTED):
            return ended[0]
        self._bury(ended, now)
        for rank in [rank for rank, when in self._again.items() if now >= when]:
            self._begin_again(rank, now)
        return None

    def _bury(self, ended: Mapping[int, int], now: float) -> None:
        for rank, code in ended.items():
            self._lines.release(rank)
            self._running.pop(rank).kill_tree()
            if code not in (0, INTERRUPTED):
                how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
                self._lines.take(rank, f"its supervisor {how}: starting it again")
                self._again[rank] = now + _AGAIN_S

    def _begin_again(self, rank: int, now: float) -> None:
        del self._again[rank]
        try:
            self._running[rank] = self._start(rank)
        except OSError as error:
            self._lines.take(rank, f"it cannot be started: {error}")
            self._again[rank] = now + _AGAIN_S

    def _end_all(self) -> None:
        for each in self._running.values():
            each.terminate()
        until = self._clock() + _CLOSE_S
        while any(each.poll() is None for each in self._running.values()):
            if self._clock() >= until:
                break
            self._wait(TURN_S)
        for rank, each in self._running.items():
            each.kill_tree()
            self._lines.release(rank)
