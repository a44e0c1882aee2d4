"""Tell the supervisor, through an inherited pipe, that a frame was displayed."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

VARIABLE = "LIVEFLIGHT_HEARTBEAT"
"""Environment variable with the pipe's descriptor; on Windows its handle."""

INTERVAL_S = 0.25
"""Seconds between two heartbeats at least."""

QUIT = "quit"
"""Field of the last heartbeat of a show that ends in order.

Without it, exit code 0 is a library's or a driver's doing."""

MAX_LINE_BYTES = 4096
"""Bytes up to which a pipe takes a line whole or not at all."""

_MAX_TEXT = 200


class Heartbeat:
    """Write one line of JSON per heartbeat; never block, and drop what the pipe does not take."""

    def __init__(self, descriptor: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._descriptor, self._clock = descriptor, clock
        self._last = -INTERVAL_S

    @classmethod
    def inherited(cls, environment: MutableMapping[str, str] = os.environ) -> Heartbeat | None:
        """Return the supervisor's, or None where no supervisor started this process.

        The variable is removed, and the pipe is not passed on to helper processes."""
        given = environment.pop(VARIABLE, "")
        if not given.isdecimal():
            return None
        try:
            if sys.platform == "win32":
                import msvcrt

                descriptor = msvcrt.open_osfhandle(int(given), os.O_WRONLY)
            else:
                descriptor = int(given)
                os.set_blocking(descriptor, False)
            os.set_inheritable(descriptor, False)
        except OSError:
            return None
        return cls(descriptor)

    def due(self) -> bool:
        """Return whether the next heartbeat is due."""
        return self._clock() - self._last >= INTERVAL_S

    def quit(self) -> None:
        """Say that the show ends because somebody wanted it to."""
        self.beat({QUIT: True})

    def beat(self, fields: Mapping[str, Any]) -> None:
        """Write a heartbeat; texts are cut to a length that fits."""
        self._last = self._clock()
        cut = {
            name: value[:_MAX_TEXT] if isinstance(value, str) else value
            for name, value in fields.items()
        }
        line = json.dumps(cut, separators=(",", ":")).encode() + b"\n"
        if len(line) < MAX_LINE_BYTES:
            with suppress(OSError):  # the pipe is full, or the supervisor has ended
                os.write(self._descriptor, line)
