"""Turn a show's heartbeats into lines of the log: changes of state, and a summary."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

_MOST_PER_MINUTE = 30
_MINUTE_S = 60.0
_CALM_S = 5.0
"""Seconds without a limited frame after which the flash limiter is said to have ended."""
_NAMED = ("preset", "network", "engine")
"""Fields whose every new value is a line."""
_SWITCHES = {
    "asleep": ("asleep: outside the opening hours", "awake"),
    "safe": ("the safe look began", "the safe look ended"),
}

Line = tuple[str, str]
"""A level and a text."""


class StateChanges:
    """Compare each heartbeat with the one before; of many changes in a minute count the rest."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` returns seconds that never go back."""
        self._clock = clock
        self._times: deque[float] = deque()
        """When the lines of the last minute were returned."""
        self._left_out = 0
        self._before: Mapping[str, Any] = {}
        self._limited_at: float | None = None
        """When frames were last limited, while the limiter is said to be at work."""
        self._limited_from = 0
        self.begin()

    def begin(self) -> None:
        """Begin anew: another process of the show was started."""
        self._before, self._limited_at = {}, None

    def lines(self, beat: Mapping[str, Any]) -> list[Line]:
        """Return the lines for a heartbeat."""
        found = [*self._picture(beat), *self._named(beat), *self._switched(beat)]
        found += [*self._limiter(beat), *self._trouble(beat)]
        self._before = beat
        return self._limited(found)

    def _picture(self, beat: Mapping[str, Any]) -> list[Line]:
        first = _count(beat, "frames") and not _count(self._before, "frames")
        return [("info", "first frame")] if first else []

    def _named(self, beat: Mapping[str, Any]) -> list[Line]:
        changed = (key for key in _NAMED if beat.get(key) and beat[key] != self._before.get(key))
        return [("info", f"{key}: {beat[key]}") for key in changed]

    def _switched(self, beat: Mapping[str, Any]) -> list[Line]:
        found: list[Line] = []
        for key, (on, off) in _SWITCHES.items():
            now, before = beat.get(key) is True, self._before.get(key) is True
            if now != before:
                found.append(("info", on if now else off))
        return found

    def _limiter(self, beat: Mapping[str, Any]) -> list[Line]:
        count, before = _count(beat, "flash_limited"), _count(self._before, "flash_limited")
        now = self._clock()
        if count > before:
            begins = self._limited_at is None
            self._limited_from = before if begins else self._limited_from
            self._limited_at = now
            return [("warning", "the flash limiter began to work")] if begins else []
        if self._limited_at is not None and now - self._limited_at >= _CALM_S:
            self._limited_at = None
            return [("info", f"the flash limiter ended after {count - self._limited_from} frames")]
        return []

    def _trouble(self, beat: Mapping[str, Any]) -> list[Line]:
        error = beat.get("last_error")
        new = error and error != self._before.get("last_error")
        return [("warning", f"fault: {error}")] if new else []

    def _limited(self, found: list[Line]) -> list[Line]:
        now = self._clock()
        while self._times and now - self._times[0] >= _MINUTE_S:
            self._times.popleft()
        room = max(_MOST_PER_MINUTE - len(self._times), 0)
        written = found[:room]
        if written and self._left_out:
            written.insert(0, ("info", f"{self._left_out} changes of state left out"))
            self._left_out = 0
        self._left_out += len(found) - min(len(found), room)
        self._times.extend([now] * len(written))
        return written


def summary(status: Mapping[str, Any]) -> str:
    """Return one line about a show; figures that are missing or no numbers are left out.

    `status`: a heartbeat's fields, `uptime_seconds`, and `restarts` by cause."""
    parts = [_figure(status, key, text) for key, text in _SUMMARY.items()]
    by_cause = status.get("late_by")
    if isinstance(by_cause, Mapping) and by_cause:
        parts.insert(3, "of them " + ", ".join(f"{count} {why}" for why, count in by_cause.items()))
    if isinstance(uptime := status.get("uptime_seconds"), int | float):
        parts.insert(0, f"up {in_words(uptime)}")
    restarts = status.get("restarts")
    if isinstance(restarts, Mapping):
        parts.append(_figure({"all": sum(restarts.values())}, "all", "{:.0f} restarts"))
    return ", ".join(filter(None, parts)) or "no frame yet"


_SUMMARY = {
    "frames": "{:.0f} frames",
    "fps": "{:.1f} per second",
    "late": "{:.0f} late",
    "memory_mib": "{:.0f} MiB of memory",
    "gpu_memory_mib": "{:.0f} MiB on the GPU",
    "gpu_temperature": "{:.0f} degrees",
    "flash_limited": "flashes limited in {:.0f} frames",
}
"""Figures of a summary, in their order."""


def in_words(seconds: float) -> str:
    """Return a length of time such as `3 h 12 min`."""
    whole = timedelta(seconds=max(round(seconds), 0))
    minutes, left = divmod(whole.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    units = {"d": whole.days, "h": hours, "min": minutes, "s": left}
    said = [f"{number} {unit}" for unit, number in units.items() if number]
    return " ".join(said[:2]) or "0 s"


def _figure(status: Mapping[str, Any], key: str, text: str) -> str:
    value = status.get(key)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return text.format(value) if is_number else ""


def _count(beat: Mapping[str, Any], key: str) -> int:
    value = beat.get(key)
    return value if isinstance(value, int) else 0
