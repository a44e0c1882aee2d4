"""Which of several ways to compute the same is the fastest on this machine: measured once, then
remembered, so that every flight computes alike."""

from __future__ import annotations

import json
import logging
import os
import platform
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import platformdirs
import torch

log = logging.getLogger("liveflight.engines")

_RUNS = 3
"""Of each way, after one that warms up; the shortest counts, since others use the machine too."""

Ways = Mapping[str, Callable[[], object]]


class Measured:
    """Answers of this machine, kept in a file of JSON. A file that is damaged, or of another
    machine, torch or number of threads, is written anew; one that cannot be written is done
    without."""

    def __init__(self, path: Path | None = None) -> None:
        """`path`: by default in the user's cache."""
        self._path = path or Path(platformdirs.user_cache_dir("liveflight")) / "fastest.json"
        self._machine = machine()
        self._lock = threading.RLock()  # to try a way may mean to ask what is fastest within it
        self._answers: dict[str, str] | None = None

    def fastest(self, question: str, ways: Ways) -> str:
        """The name of the fastest way, run now unless the answer is known. Takes a few runs of
        each: not for the middle of a flight. A way that fails is left out, with a line in the log;
        raises what the last one raises where none works."""
        with self._lock:
            if self._answers is None:
                self._answers = self._read()
            if self._answers.get(question) not in ways:
                self._answers[question] = _measure(question, ways)
                self._write(self._answers)
            return self._answers[question]

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if found["machine"] == self._machine:
                return {str(question): str(answer) for question, answer in found["fastest"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return {}

    def _write(self, answers: Mapping[str, str]) -> None:
        text = json.dumps({"machine": self._machine, "fastest": answers}, indent=1, sort_keys=True)
        part = self._path.with_suffix(f".{os.getpid()}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(text, encoding="utf-8")
            part.replace(self._path)
        except OSError as error:
            log.debug("cannot keep what was measured: %s", error)


def fastest(question: str, ways: Ways) -> str:
    """As `Measured.fastest`, remembered in the user's cache."""
    return _here().fastest(question, ways)


@cache
def _here() -> Measured:
    return Measured()


def machine() -> dict[str, str | int]:
    """What the answers depend on."""
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
def _measure(question: str, ways: Ways) -> str:
    able = _warmed_up(ways)
    times: dict[str, list[float]] = {name: [] for name in able}
    for _ in range(_RUNS):
        for name, way in able.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    shortest = {name: min(each) for name, each in times.items()}
    log.debug("%s: %s", question, {name: f"{1e3 * t:.2f} ms" for name, t in shortest.items()})
    return min(shortest, key=shortest.__getitem__)


def _warmed_up(ways: Ways) -> Ways:
    """Those that work."""
    able = {}
    for name, way in ways.items():
        try:
            way()
            able[name] = way
        except Exception as error:
            if not able and name == list(ways)[-1]:
                raise
            log.warning("%s does not work here, so it is left alone: %s", name, error)
    return able
