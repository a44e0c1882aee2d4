"""Run one job at a time on a thread beside the frame loop."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

BUSY_NAME = "busy worker"
"""The name of a thread during a job.

A thread that is inside a runtime's native code while Python shuts down would abort the process."""

T = TypeVar("T")


class Worker(Generic[T]):
    """Do one job at a time, on a thread of its own or within `submit`.

    Without `background`, jobs run within `submit`, so that a render is the same every time. The
    thread is started at once: later the system may have none left, or no memory for it. Where it
    has none now, jobs run within `submit` too. `niceness` (0 to 19, used on Linux) lowers the
    priority of the thread, and of those that a runtime starts from it, below the frame loop's."""

    def __init__(self, background: bool, niceness: int = 0) -> None:
        self.busy = False
        """Whether there is a job whose result has not been fetched."""
        self._niceness = niceness
        self._jobs: SimpleQueue[Callable[[], T] | None] = SimpleQueue()
        self._done = threading.Event()
        self._outcome: list[T] = []
        self._error: BaseException | None = None
        self._thread = start_thread(self._work) if background else None

    def submit(self, job: Callable[[], T]) -> None:
        """Start a job; not allowed while `busy`."""
        self.busy = True
        if self._thread:
            self._jobs.put(job)
        else:
            self._do(job)

    def wait(self, seconds: float = 0.0) -> bool:
        """Return whether the job is done, waiting for this many seconds at most."""
        return self._done.is_set() or (seconds > 0 and self._done.wait(seconds))

    def result(self) -> T:
        """Return the result of the finished job, or raise what it raised."""
        self._done.clear()
        self.busy = False
        error, self._error = self._error, None
        if error:
            raise error
        return self._outcome.pop()

    def close(self, grace: float) -> None:
        """End the thread, waiting at most `grace` seconds for its current job."""
        if self._thread:
            self._jobs.put(None)
            self._thread.join(grace)

    def _work(self) -> None:
        if self._niceness and sys.platform == "linux":
            own = threading.get_native_id()
            inherited = os.getpriority(os.PRIO_PROCESS, own)
            os.setpriority(os.PRIO_PROCESS, own, min(inherited + self._niceness, 19))
        thread = threading.current_thread()
        idle = thread.name
        while job := self._jobs.get():
            thread.name = BUSY_NAME
            self._do(job)
            thread.name = idle

    def _do(self, job: Callable[[], T]) -> None:
        try:
            self._outcome.append(job())
        except Exception as error:  # `result` raises it in the frame loop
            self._error = error
        self._done.set()


def start_thread(job: Callable[[], object], name: str | None = None) -> threading.Thread | None:
    """Start a daemon thread. Return None, with a line in the log, where the system gives none."""
    thread = threading.Thread(target=job, name=name, daemon=True)
    try:
        thread.start()
    except (RuntimeError, MemoryError) as error:
        log.warning("%s: background work now delays the show", error)
        return None
    return thread
