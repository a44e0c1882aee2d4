"""Find, weigh and kill a process with all its descendants, whatever sessions they made."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

MARK = "LIVEFLIGHT_SHOW"
"""Environment variable by which a process whose parent has died is known as one of the show's."""

_PR_SET_CHILD_SUBREAPER = 36
_WAIT_S = 3.0
"""Seconds that the killed may take to end; a driver may keep one alive for longer."""
_LOOK_S = 0.5
"""Seconds after which to look for processes that were started meanwhile."""
_MIB = 2**20


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, on Linux."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class ProcessTree:
    """The processes that come from one child of this process.

    Nothing but descendants of this process is ever touched; of these, other children, such as the
    curtain, are left alone."""

    def __init__(self, pid: int, mark: str) -> None:
        """`mark`: what the child's environment has in MARK."""
        self._pid, self._mark = pid, mark
        self._seen: dict[int, psutil.Process] = {}

    def look(self) -> list[psutil.Process]:
        """Return the tree's processes, the child among them; remember them for later."""
        below: dict[int, list[psutil.Process]] = {}
        for process in _descendants():
            with suppress(psutil.Error):
                below.setdefault(process.ppid(), []).append(process)
        children = below.get(os.getpid(), [])
        found = [child for child in children if child.pid == self._pid or self._is_ours(child)]
        for process in found:  # the list grows meanwhile
            found += below.get(process.pid, [])
        self._seen |= {each.pid: each for each in found}
        return found

    def memory_mib(self) -> float:
        """Return the resident memory of the whole tree in MiB; reap orphans that have ended.

        Processes that are gone are forgotten: a show for months starts many."""
        total = 0
        for process in self.look():
            with suppress(psutil.Error, OSError):
                total += process.memory_info().rss
        self._reap(each for each in self._seen if each != self._pid)
        self._seen = {pid: each for pid, each in self._seen.items() if each.is_running()}
        return total / _MIB

    def kill(self) -> list[int]:
        """Kill the tree and wait for its end; return the ids of processes that are left."""
        end = time.monotonic() + _WAIT_S
        while time.monotonic() < end:
            alive = [each for each in self.look() if _is_alive(each)]
            if not alive:
                break
            for process in alive:
                with suppress(psutil.Error):
                    process.kill()
            self._wait_for(alive, _LOOK_S)
        self._reap(each for each in self._seen if each != self._pid)
        return [each.pid for each in self.look() if _is_alive(each)]

    def _wait_for(self, killed: list[psutil.Process], seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and any(map(_is_alive, killed)):
            self._reap(each.pid for each in killed if each.pid != self._pid)
            time.sleep(0.01)

    def _is_ours(self, child: psutil.Process) -> bool:
        """Return whether a child of this process is an orphan of the show."""
        known = self._seen.get(child.pid)
        if known is not None and known == child:  # the same start time too
            return True
        with suppress(psutil.Error, OSError):
            return child.environ().get(MARK) == self._mark
        return False

    def _reap(self, pids: Iterable[int]) -> None:
        """Take note of the end of orphans: they are children of this process now."""
        if os.name == "posix":
            for pid in list(pids):
                with suppress(ChildProcessError):
                    if os.waitpid(pid, os.WNOHANG)[0]:
                        del self._seen[pid]


def _descendants() -> list[psutil.Process]:
    with suppress(psutil.Error, OSError):
        return list(psutil.Process().children(recursive=True))
    return []


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error, OSError):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
