"""A show's process and its whole tree, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from liveflight.supervision import process_tree
from liveflight.supervision.child import ChildProcess
from liveflight.system import child_process

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has other signals")
STAND_IN = str(Path(__file__).parents[1] / "support" / "stand_in.py")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux adopts orphans")

Start = Callable[..., ChildProcess]


@pytest.fixture(scope="module", autouse=True)
def _reaper() -> Iterator[None]:
    process_tree.adopt_orphans()
    yield
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(process_tree._PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def start(lines: list[str]) -> Iterator[Start]:
    started: list[ChildProcess] = []

    def start(*words: str) -> ChildProcess:
        started.append(ChildProcess([sys.executable, STAND_IN, *words], lines.append))
        return started[-1]

    yield start
    for each in started:
        each.kill_tree()


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def helpers(file: Path) -> list[psutil.Process]:
    until(file.exists)
    return [psutil.Process(int(pid)) for pid in file.read_text().split()]


def test_heartbeats_and_log_come_through(start: Start, lines: list[str]) -> None:
    child = start("frames", "20", "then", "0")
    found = []
    until(lambda: child.poll() is not None)
    child.kill_tree()
    found += child.beats()
    assert [beat["frames"] for beat in found] == list(range(1, 21))
    assert lines == ["the show begins"]
    assert child.poll() == 0


@pytest.mark.parametrize(("then", "code"), [("die", -signal.SIGSEGV), ("86", 86)])
def test_its_end_is_told(start: Start, then: str, code: int) -> None:
    child = start("then", then)
    until(lambda: child.poll() is not None)
    assert child.poll() == code


@needs_linux
@pytest.mark.parametrize("way", ["kill", "stop", "run"])
def test_its_whole_tree_is_killed_and_nothing_else(
    start: Start, tmp_path: Path, lines: list[str], way: str
) -> None:
    before = psutil.Process().children()
    waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as other:
        check_kill(start, tmp_path, lines, way)
        assert other.poll() is None
    assert psutil.Process().children() == before  # nor zombies


def check_kill(start: Start, tmp_path: Path, lines: list[str], way: str) -> None:
    child = start("helpers", str(tmp_path / "pids"))
    tree = helpers(tmp_path / "pids")
    assert len(tree) == 2 and child.memory_mib() > 10
    until(lambda: lines)
    if way == "kill":  # its helpers are orphans before anybody looks
        os.kill(child.pid, signal.SIGKILL)
        until(lambda: child.poll() is not None)
    elif way == "stop":
        for process in (psutil.Process(child.pid), *tree):
            process.suspend()
    began = time.monotonic()
    assert child.kill_tree() == []
    assert time.monotonic() - began < 3.0
    assert child.poll() == -signal.SIGKILL
    assert not any(process.is_running() for process in tree)


@needs_linux
def test_a_killed_helper_leaves_no_zombie(start: Start, tmp_path: Path) -> None:
    child = start("helpers", str(tmp_path / "pids"))
    _, orphan = helpers(tmp_path / "pids")
    child.memory_mib()
    orphan.kill()

    def gone() -> bool:
        child.memory_mib()
        return not psutil.pid_exists(orphan.pid)

    until(gone)
    assert child.poll() is None


def test_helpers_that_have_ended_are_forgotten() -> None:
    script = "sleep 30 & read word; kill $!; wait; exec sleep 30"
    shell = subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE)
    tree = process_tree.ProcessTree(shell.pid, "a show")
    until(lambda: len(tree.look()) == 2)
    assert shell.stdin
    shell.stdin.close()
    until(lambda: tree.memory_mib() > 0 and len(tree._seen) == 1)
    assert tree.kill() == []
    shell.wait()


def test_a_hanging_show_writes_its_stacks_and_is_killed(start: Start, lines: list[str]) -> None:
    child = start("then", "hang")
    until(lambda: child.beats())
    time.sleep(0.1)
    child.dump_stacks()
    until(lambda: "stacks" in lines)
    child.terminate()
    assert child.kill_tree() == []


@pytest.mark.parametrize("way", ["terminate", "close_input"])
def test_it_ends_when_it_is_asked(start: Start, way: str) -> None:
    child = start()
    until(lambda: child.beats())
    getattr(child, way)()
    until(lambda: child.poll() is not None)
    assert child.poll() == -signal.SIGTERM


SUPERVISOR = """
import sys, time
from liveflight.supervision.child import ChildProcess
child = ChildProcess([sys.executable, *sys.argv[1:]], lambda line: None)
while not child.beats(): time.sleep(0.01)
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("then", ["stay", "hang"])
def test_it_ends_with_a_supervisor_that_is_killed(then: str) -> None:
    command = [sys.executable, "-c", SUPERVISOR, STAND_IN, "then", then]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        child = psutil.Process(int(supervisor.stdout.readline()))
        supervisor.kill()
        supervisor.wait()
        until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    if sys.platform == "linux":
        os.waitpid(child.pid, 0)  # this process has adopted it


def test_helpers_do_not_inherit_the_pipe_nor_its_variable() -> None:
    code = (
        "import os, subprocess, sys; from liveflight.system.heartbeat import Heartbeat;"
        "assert Heartbeat.inherited();"
        "subprocess.run([sys.executable, '-c', 'import os; print(os.environ.get(\"LIVEFLIGHT_"
        'HEARTBEAT"), sorted(os.listdir("/proc/self/fd"))[:4])\'], close_fds=False)'
    )
    reading, writing = os.pipe()
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**child_process.environment(), "LIVEFLIGHT_HEARTBEAT": str(writing)},
        pass_fds=[writing],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    os.close(reading)
    os.close(writing)
    assert run.stdout.startswith("None ")
    assert str(writing) not in run.stdout or writing <= 3
