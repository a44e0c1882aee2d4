"""Write the program's log to standard error, each kind of line once a minute."""

from __future__ import annotations

import atexit
import logging
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

_PERIOD_S = 60.0
"""Seconds in which a kind of line is written once."""

_MAX_KINDS = 60
"""Kinds of lines within a period; all further lines count as one more kind."""

_VARIES = re.compile(r"0x[0-9a-f]+|\d+", re.IGNORECASE)
"""The parts in which lines of one kind differ: counts, ports, addresses."""


@dataclass
class _Kind:
    since: float
    """When its line was written, in the limit's seconds."""
    line: str
    more: int = 0
    """Further lines since then, not written."""


class Limit:
    """Pass one line of each kind per period, and then say how many more there were.

    Two lines are of one kind if they differ only in numbers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without lines. `clock` returns seconds and never goes back."""
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}

    def passed(self, text: str) -> list[str]:
        """Return the lines to write now that `text` was logged."""
        now = self._clock()
        over = [name for name, kind in self._kinds.items() if now - kind.since >= _PERIOD_S]
        written = [line for name in over for line in _rest(self._kinds.pop(name))]
        name = _VARIES.sub("#", text)
        if name not in self._kinds and len(self._kinds) >= _MAX_KINDS:
            name, text = "", "too many different messages: further ones are counted, not shown"
        if known := self._kinds.get(name):
            known.more += 1
            return written
        self._kinds[name] = _Kind(now, text)
        return [*written, text]

    def rest(self) -> list[str]:
        """Return the counts that were not written yet."""
        kinds, self._kinds = list(self._kinds.values()), {}
        return [line for kind in kinds for line in _rest(kind)]


def _rest(kind: _Kind) -> list[str]:
    first = kind.line.partition("\n")[0]
    return [f"{first} ({kind.more} more like this)"] if kind.more else []


class Handler(logging.Handler):
    """Write a limited log to the current standard error."""

    def __init__(self, limit: Limit | None = None) -> None:
        super().__init__()
        self._limit = limit or Limit()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(self._limit.passed(self.format(record).rstrip()))
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Write the remaining counts; called as logging shuts down."""
        self._write(self._limit.rest())
        super().close()

    def _write(self, lines: list[str]) -> None:
        if lines:
            sys.stderr.write("".join(f"{line}\n" for line in lines))


def start() -> None:
    """Log warnings, ours and Python's, unless the caller has set up logging already."""
    if logging.getLogger().hasHandlers():
        return
    logging.basicConfig(
        level=logging.WARNING, format="liveflight: %(message)s", handlers=[Handler()]
    )
    logging.captureWarnings(True)
    # Exit functions run in reverse: this one before standard error is drained.
    atexit.register(logging.shutdown)
