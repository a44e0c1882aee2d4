"""Find the fastest of several ways to compute the same on this machine.

Measured once, then remembered, so that every flight computes alike.
"""

from __future__ import annotations

import json
import logging
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import torch

from liveflight.system import folders

log = logging.getLogger("liveflight.engines")

_RUNS = 3
"""Timed runs of each way, after one to warm up. The shortest counts: other programs run too."""

_MAX_FILE_BYTES = 1 << 20
"""Largest cache file that is read; it has a few KB."""

Ways = Mapping[str, Callable[[], object]]

Times = dict[str, float]
"""Seconds, by the name of a way."""


class TimingCache:
    """Keep this machine's measurements in a JSON file.

    A file that is damaged, or of another machine, torch or number of threads, is written anew.
    Without a file that can be written, measurements last as long as the process."""

    def __init__(self, path: Path | None = None) -> None:
        """Use the file at `path`, by default in the user's cache."""
        self.repeatable = False
        """Whether to measure only what can be remembered, since another measurement might choose
        another way. Otherwise the first way that works is the answer, with a line in the log."""
        self._path = path or folders.caches() / "fastest.json"
        self._machine = machine()
        self._lock = threading.RLock()  # a way may itself ask what is fastest
        self._known: dict[str, Times] | None = None
        self._fixed: dict[str, str] = {}

    def fastest(self, question: str, ways: Ways) -> str:
        """Return the name of the fastest way; measure it now unless the answer is known.

        Measuring takes a few runs of each way: not for the middle of a flight. A way that fails is
        left out, with a line in the log. Where none works, raises what the last one raises."""
        with self._lock:
            if self._known is None:
                self._known = self._read()
            best = _shortest(self._known.get(question, {}))
            if best in ways:
                return best
            if self.repeatable and not self.writable():
                return self._first(question, ways)
            self._known[question] = _measure(question, ways)
            self._write(self._known)
            return _shortest(self._known[question])

    def times(self, question: str) -> Times:
        """Return the remembered times; empty where there are none."""
        with self._lock:
            return self._read().get(question, {})

    def writable(self) -> bool:
        """Return whether anything can be remembered."""
        try:
            folders.private(self._path.parent)
            probe = self._path.with_suffix(".probe")
            folders.write(probe, b"")
            probe.unlink(missing_ok=True)
        except OSError as error:
            log.debug("nothing measured can be kept: %s", error)
            return False
        return True

    def _first(self, question: str, ways: Ways) -> str:
        if self._fixed.get(question) not in ways:
            self._fixed[question] = next(_able(ways))
            _say_fixed(self._path)
        return self._fixed[question]

    def _read(self) -> dict[str, Times]:
        try:
            folders.private(self._path.parent)
            found = json.loads(folders.read(self._path, _MAX_FILE_BYTES))
            if found["machine"] == self._machine:
                return {
                    str(question): {str(name): float(seconds) for name, seconds in times.items()}
                    for question, times in found["seconds"].items()
                }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return {}

    def _write(self, known: Mapping[str, Times]) -> None:
        text = json.dumps({"machine": self._machine, "seconds": known}, indent=1, sort_keys=True)
        try:
            folders.private(self._path.parent)
            folders.write(self._path, text.encode())
        except OSError as error:
            log.debug("cannot keep what was measured: %s", error)


def fastest(question: str, ways: Ways) -> str:
    """Do as `TimingCache.fastest`, with the user's cache."""
    return timings().fastest(question, ways)


@cache
def timings() -> TimingCache:
    """Return the measurements in the user's cache."""
    return TimingCache()


@cache
def _say_fixed(path: Path) -> None:
    log.warning(
        "%s cannot be written (%s), so it is not measured which engine is the fastest: "
        "renders take the same one each time",
        path,
        folders.unwritable(path.parent) or "others can write there",
    )


def _shortest(times: Times) -> str:
    """Return the name of the shortest; empty where there is none."""
    return min(sorted(times), key=times.__getitem__, default="")


def machine() -> dict[str, str | int]:
    """Return what the measurements depend on."""
    return {
        "processor": _processor(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            named = [line for line in lines if line.startswith(("model", "cpu family"))]
        return " ".join(line.partition(":")[2].strip() for line in named[:3]) or platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


@torch.no_grad()
def _measure(question: str, ways: Ways) -> Times:
    times: dict[str, list[float]] = {name: [] for name in _able(ways)}
    for _ in range(_RUNS):
        for name in times:
            start = time.perf_counter()
            ways[name]()
            times[name].append(time.perf_counter() - start)
    shortest = {name: min(each) for name, each in times.items()}
    log.debug("%s: %s", question, {name: f"{1e3 * t:.2f} ms" for name, t in shortest.items()})
    return shortest


def _able(ways: Ways) -> Iterator[str]:
    """Yield the ways that work; each runs once as its name is asked for."""
    none = True
    for name, way in ways.items():
        try:
            way()
        except Exception as error:
            if none and name == list(ways)[-1]:
                raise
            log.warning("%s does not work here, so it is left alone: %s", name, error)
        else:
            none = False
            yield name
