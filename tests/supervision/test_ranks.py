"""The ranks of a wall on one machine: first with made-up ranks and time, then with processes."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from liveflight.supervision.child import ChildProcess
from liveflight.supervision.ranks import RankLines, Ranks, Refused
from liveflight.system.signals import INTERRUPTED

STAND_IN = str(Path(__file__).parents[1] / "support" / "rank_program.py")


class MadeUp:
    """A rank that ends at a time of the made-up clock, or when it is asked to."""

    def __init__(self, time: Time, at: float | None, code: int) -> None:
        self._time, self._at, self._code = time, at, code
        self.ended_by: list[str] = []

    def poll(self) -> int | None:
        if "terminate" in self.ended_by:
            return INTERRUPTED
        return self._code if self._at is not None and self._time.now >= self._at else None

    def terminate(self) -> None:
        self.ended_by.append("terminate")

    def kill_tree(self) -> None:
        self.ended_by.append("kill")


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.stop_at = 60.0

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def stopped(self) -> bool:
        return self.now >= self.stop_at


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def lines(said: list[str]) -> RankLines:
    return RankLines(said.append)


def play(
    clock: Time, lines: RankLines, *ends: tuple[float | None, int]
) -> tuple[int | Refused, list[list[MadeUp]]]:
    """Run ranks that end so; a rank that is started again does not end."""
    started: list[list[MadeUp]] = [[] for _ in ends]

    def start(rank: int) -> MadeUp:
        at, code = ends[rank] if not started[rank] else (None, 0)
        started[rank].append(MadeUp(clock, at, code))
        return started[rank][-1]

    end = Ranks(len(ends), start, lines, lambda: clock.now, clock.wait, clock.stopped).run()
    return end, started


@pytest.mark.parametrize("code", [0, INTERRUPTED])
def test_all_end_with_rank_0(clock: Time, lines: RankLines, code: int) -> None:
    end, started = play(clock, lines, (5.0, code), (None, 0), (None, 0))
    assert end == code
    assert clock.now < 6
    assert [each[0].ended_by for each in started[1:]] == [["terminate", "kill"]] * 2


def test_a_signal_ends_all(clock: Time, lines: RankLines) -> None:
    clock.stop_at = 3.0
    end, started = play(clock, lines, (None, 0), (None, 0))
    assert end == INTERRUPTED
    assert all("terminate" in each[0].ended_by for each in started)


def test_a_refusal_ends_all_with_one_line(clock: Time, lines: RankLines, said: list[str]) -> None:
    lines.take(0, "liveflight: rank 1: liveflight 2.0, where rank 0 has 1.0")
    lines.take(1, "liveflight: rank 1: liveflight 2.0, where rank 0 has 1.0")
    end, started = play(clock, lines, (2.0, 2), (2.0, 2))
    assert end == Refused("rank 1: liveflight 2.0, where rank 0 has 1.0")
    assert said == []
    assert all("kill" in each[0].ended_by for each in started)


def test_a_refusal_names_its_rank(clock: Time, lines: RankLines) -> None:
    lines.take(1, "loading")
    lines.take(1, "liveflight: there is no device 'cuda'")
    assert play(clock, lines, (None, 0), (2.0, 2))[0] == Refused(
        "rank 1: there is no device 'cuda'"
    )
    assert play(Time(), lines, (2.0, 2))[0] == Refused(
        "rank 0: it ended with code 2, and said nothing"
    )


@pytest.mark.parametrize(
    ("code", "how"), [(-9, "was killed by signal 9"), (1, "ended with code 1")]
)
def test_a_supervisor_that_crashed_is_started_again(
    clock: Time, lines: RankLines, said: list[str], code: int, how: str
) -> None:
    end, started = play(clock, lines, (None, 0), (5.0, code))
    assert end == INTERRUPTED  # after the made-up minute
    assert [len(each) for each in started] == [1, 2]
    assert said == [f"rank 1: its supervisor {how}: starting it again\n"]


def test_a_follower_that_was_quit_stays_ended(clock: Time, lines: RankLines) -> None:
    end, started = play(clock, lines, (20.0, 0), (5.0, 0))
    assert end == 0
    assert len(started[1]) == 1


def test_a_rank_that_cannot_be_started_ends_those_before(clock: Time, lines: RankLines) -> None:
    first = MadeUp(clock, None, 0)

    def start(rank: int) -> MadeUp:
        if rank:
            raise OSError("no more processes")
        return first

    with pytest.raises(OSError, match="no more processes"):
        Ranks(2, start, lines, lambda: clock.now, clock.wait, clock.stopped).run()
    assert first.ended_by == ["terminate", "kill"]


def test_a_complaint_is_held_until_the_next_line(lines: RankLines, said: list[str]) -> None:
    lines.take(0, "liveflight: the camera is gone")
    assert said == []
    lines.take(0, "  \x1b[2J")
    assert said == ["rank 0: liveflight: the camera is gone\n", "rank 0:   \\x1b[2J\n"]


# --- with processes --------------------------------------------------------------------------


def run(
    lines: RankLines, stopped: Callable[[], bool], *commands: list[str]
) -> tuple[int | Refused, list[int]]:
    """Run ranks as processes; return the end, and the ids of processes that are left."""
    woken, ids = threading.Event(), []

    def start(rank: int) -> ChildProcess:
        command = [sys.executable, STAND_IN, *commands[rank]]
        child = ChildProcess(command, lambda text: lines.take(rank, text), woken.set)
        ids.append(child.pid)
        return child

    end = Ranks(len(commands), start, lines, time.monotonic, woken.wait, stopped).run()
    return end, [each for each in ids if psutil.pid_exists(each)]


@pytest.mark.skipif(sys.platform == "win32", reason="has other signals")
def test_nothing_is_left_running(lines: RankLines) -> None:
    refusing = ["0.3", "2", "liveflight: there is no display 3"]
    end, left = run(lines, lambda: False, ["99", "0"], refusing, ["99", "0"])
    assert (end, left) == (Refused("rank 1: there is no display 3"), [])
    assert run(lines, lambda: False, ["0.3", "0"], ["99", "0"]) == (0, [])
    assert run(lines, lambda: True, ["99", "0"], ["99", "0"]) == (INTERRUPTED, [])
