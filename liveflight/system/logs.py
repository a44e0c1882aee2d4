"""How this program's log is written: to standard error, each kind of line once a minute."""

from __future__ import annotations

import atexit
import logging
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

_PERIOD = 60.0
"""Seconds in which a kind of line is written once."""

_MOST_KINDS = 60
"""Lines within a period; what comes beyond is one more kind."""

_VARIES = re.compile(r"0x[0-9a-f]+|\d+", re.IGNORECASE)
"""What differs between lines of one kind: counts, ports, addresses."""


@dataclass
class _Kind:
    since: float
    """When a line of it was written."""
    line: str
    more: int = 0
    """Lines of it since then, not written."""


class Limit:
    """Passes one line of each kind in a period, and then says how many more there were.

    Two lines are of one kind where they differ in numbers alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: in seconds, never set back."""
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}

    def passed(self, text: str) -> list[str]:
        """Return what to write now that this came."""
        now = self._clock()
        over = [name for name, kind in self._kinds.items() if now - kind.since >= _PERIOD]
        written = [line for name in over for line in _rest(self._kinds.pop(name))]
        name = _VARIES.sub("#", text)
        if name not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            name, text = "", "much more is going wrong: it is counted, no longer written"
        if known := self._kinds.get(name):
            known.more += 1
            return written
        self._kinds[name] = _Kind(now, text)
        return [*written, text]

    def rest(self) -> list[str]:
        """Return the counts that were not told yet."""
        kinds, self._kinds = list(self._kinds.values()), {}
        return [line for kind in kinds for line in _rest(kind)]


def _rest(kind: _Kind) -> list[str]:
    first = kind.line.partition("\n")[0]
    return [f"{first} ({kind.more} more like this)"] if kind.more else []


class Handler(logging.Handler):
    """Writes a limited log to whatever is standard error now."""

    def __init__(self, limit: Limit | None = None) -> None:
        super().__init__()
        self._limit = limit or Limit()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(self._limit.passed(self.format(record).rstrip()))
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Tells what was counted; called as logging is shut down."""
        self._write(self._limit.rest())
        super().close()

    def _write(self, lines: list[str]) -> None:
        if lines:
            sys.stderr.write("".join(f"{line}\n" for line in lines))


def start() -> None:
    """Log warnings, ours and Python's, unless whoever called this program has a log already."""
    if logging.getLogger().hasHandlers():
        return
    logging.basicConfig(
        level=logging.WARNING, format="liveflight: %(message)s", handlers=[Handler()]
    )
    logging.captureWarnings(True)
    atexit.register(logging.shutdown)  # before standard error is drained, so after it here
