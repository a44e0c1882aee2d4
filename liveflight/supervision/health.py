"""Keep a show's figures, and write them as JSON and in Prometheus' text format 0.0.4."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from liveflight import __version__

FRESH_S = 5.0
"""Seconds without a frame after which a show is not healthy."""

_MAX_TEXT = 200
_MAX_CAUSES = 40


class Health:
    """Figures of one supervisor: this process writes them, the server's threads read them.

    Counts go on over restarts of the show. What comes from the show is checked here."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._clock, self._wall = clock, wall
        self._began = clock()
        self.restarts: Mapping[str, int] = {}
        """Restarts by cause."""
        self.safe = False
        self.memory_mib: float | None = None
        """Memory of the show and its helpers."""
        self.last_error, self.last_error_time = "", 0.0
        self.beat: Mapping[str, Any] = {}
        """The last heartbeat of the running show; empty before its first."""
        self._earlier: Mapping[str, float] = {}
        """Counts of the shows before this one."""
        self._earlier_late: Mapping[str, int] = {}
        self._last_frame = -math.inf

    def frame(self, beat: Mapping[str, Any]) -> None:
        """Take a heartbeat with a new frame."""
        self._last_frame = self._clock()
        error = _text(beat, "last_error")
        if error and error != _text(self.beat, "last_error"):
            self.failed(error)
        self.beat = beat

    def failed(self, error: str) -> None:
        """Note an error as the last one."""
        self.last_error, self.last_error_time = error[:_MAX_TEXT], self._wall()

    def ended(self, cause: str = "") -> None:
        """Note the end of the show, and that it is started again for that cause."""
        counts = ("frames", "late", "flash_limited")
        self._earlier = {name: self.count(name) for name in counts}
        self._earlier_late = self.late_by()
        self.beat, self.memory_mib = {}, None
        if cause:
            self.restarts = {**self.restarts, cause: self.restarts.get(cause, 0) + 1}

    @property
    def asleep(self) -> bool:
        return self.beat.get("asleep") is True

    @property
    def frame_age(self) -> float | None:
        """Return the seconds since the last frame; None before the first of all."""
        age = self._clock() - self._last_frame
        return age if math.isfinite(age) else None

    @property
    def is_well(self) -> bool:
        """Return whether frames are displayed, or none are wanted."""
        age = self.frame_age
        return self.asleep or (age is not None and age <= FRESH_S)

    def count(self, name: str) -> int:
        """Return a count over all shows of this supervisor."""
        return int(self._earlier.get(name, 0) + (_number(self.beat, name) or 0))

    def late_by(self) -> dict[str, int]:
        """Return late frames by cause, over all shows."""
        total = Counter(self._earlier_late)
        given: object = self.beat.get("late_by")
        if isinstance(given, dict):
            for cause in list(given)[:_MAX_CAUSES]:
                total[str(cause)[:_MAX_TEXT]] += int(_number(given, cause) or 0)
        return dict(total)

    def fields(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        age = self.frame_age
        return {
            "well": self.is_well,
            "version": __version__,
            "uptime_seconds": round(self._clock() - self._began, 1),
            "last_frame_seconds_ago": None if age is None else round(age, 2),
            "frames": self.count("frames"),
            "fps": _number(self.beat, "fps"),
            "late": self.count("late"),
            "late_by": self.late_by(),
            "restarts": dict(self.restarts),
            "memory_mib": self.memory_mib and round(self.memory_mib, 1),
            "gpu_memory_mib": _number(self.beat, "gpu_memory_mib"),
            "gpu_temperature": _number(self.beat, "gpu_temperature"),
            "flash_limited": self.count("flash_limited"),
            "safe_look": self.safe,
            "loading": self.beat.get("loading") is True,
            "asleep": self.asleep,
            **{name: _text(self.beat, name) for name in ("preset", "network", "engine")},
            "last_error": self.last_error,
            "last_error_time": round(self.last_error_time) or None,
        }

    def as_json(self) -> str:
        return json.dumps(self.fields(), indent=1) + "\n"

    def as_metrics(self) -> str:
        """Return the figures for Prometheus."""
        return "".join(_metrics(self.fields()))


_MIB = 2**20
_METRICS = (
    ("up", "well", 1, "1 if frames are displayed, or none are wanted."),
    ("uptime_seconds", "uptime_seconds", 1, "Time since the supervisor began."),
    ("last_frame_age_seconds", "last_frame_seconds_ago", 1, "Time since the last frame."),
    ("frames_total", "frames", 1, "Displayed frames."),
    ("frames_per_second", "fps", 1, "Displayed frames per second."),
    ("late_frames_total", "late_by", 1, "Frames that came late, by cause."),
    ("restarts_total", "restarts", 1, "Restarts of the show, by cause."),
    ("memory_bytes", "memory_mib", _MIB, "Memory of the show and its helpers."),
    ("gpu_memory_bytes", "gpu_memory_mib", _MIB, "Memory reserved on the GPU."),
    ("gpu_temperature_celsius", "gpu_temperature", 1, "Temperature of the GPU."),
    ("flash_limited_frames_total", "flash_limited", 1, "Frames in which flashes were limited."),
    ("safe_look", "safe_look", 1, "1 in the safe look."),
    ("asleep", "asleep", 1, "1 outside the opening hours."),
)
"""Name without its prefix, the field, its factor and its help. What ends in _total is a counter."""


def _metrics(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of all metrics that have a value."""
    names = {name: found[name] for name in ("version", "preset", "network", "engine")}
    yield "# HELP liveflight_info The show.\n# TYPE liveflight_info gauge\n"
    yield f"liveflight_info{_labels(names)} 1\n"
    for name, key, factor, help in _METRICS:
        value = found[key]
        samples = value if isinstance(value, dict) else {"": value}
        if not samples or None in samples.values():
            continue
        kind = "counter" if name.endswith("_total") else "gauge"
        yield f"# HELP liveflight_{name} {help}\n# TYPE liveflight_{name} {kind}\n"
        for cause, number in sorted(samples.items()):
            labels = _labels({"cause": cause} if cause else {})
            yield f"liveflight_{name}{labels} {float(factor * number):.15g}\n"


def _labels(labels: Mapping[str, str]) -> str:
    def quoted(text: str) -> str:
        return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    inside = ",".join(f'{name}="{quoted(text)}"' for name, text in labels.items())
    return f"{{{inside}}}" if inside else ""


def _number(beat: Mapping[str, Any], name: str) -> float | None:
    value = beat.get(name)
    fine = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return value if fine else None


def _text(beat: Mapping[str, Any], name: str) -> str:
    value = beat.get(name)
    return value[:_MAX_TEXT] if isinstance(value, str) else ""
