from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

import pytest

from liveflight.system.worker import BUSY_NAME, Worker


@pytest.fixture
def worker() -> Iterator[Worker[object]]:
    worker: Worker[object] = Worker(background=True, niceness=3)
    yield worker
    worker.close(60)


def test_without_a_background_the_job_is_done_when_submit_returns() -> None:
    worker: Worker[int] = Worker(background=False)
    worker.submit(threading.get_ident)
    assert worker.busy and worker.wait()
    assert worker.result() == threading.get_ident()
    assert not worker.busy and not worker.wait()
    worker.close(0)


def test_a_job_runs_beside_and_its_result_is_fetched(worker: Worker[object]) -> None:
    gate = threading.Event()

    def job() -> tuple[int, str]:
        assert gate.wait(60)
        return threading.get_ident(), threading.current_thread().name

    assert not worker.busy
    worker.submit(job)
    assert worker.busy and not worker.wait() and not worker.wait(0.001) and not worker.wait(-1)
    gate.set()
    assert worker.wait(60) and worker.busy
    first = worker.result()
    assert isinstance(first, tuple) and first[0] != threading.get_ident() and first[1] == BUSY_NAME
    assert not worker.busy
    worker.submit(threading.get_ident)
    assert worker.wait(60)
    assert worker.result() == first[0], "runtimes keep their threads by the thread that calls them"


@pytest.mark.parametrize("background", [False, True])
def test_what_a_job_raises_comes_out_with_its_result_once(background: bool) -> None:
    def fail() -> int:
        raise FloatingPointError("not finite")

    worker: Worker[int] = Worker(background)
    worker.submit(fail)
    assert worker.wait(60)
    with pytest.raises(FloatingPointError, match="not finite"):
        worker.result()
    worker.submit(lambda: 7)
    assert worker.wait(60)
    assert worker.result() == 7
    worker.close(60)


def test_closing_ends_the_thread(worker: Worker[object]) -> None:
    worker.submit(threading.current_thread)
    assert worker.wait(60)
    thread = worker.result()
    assert isinstance(thread, threading.Thread)
    for _ in range(2):
        worker.close(60)
        assert not thread.is_alive()


def test_closing_waits_no_longer_than_it_may() -> None:
    gate, begun = threading.Event(), threading.Event()

    def work() -> bool:
        begun.set()
        return gate.wait(60)

    worker: Worker[bool] = Worker(background=True)
    worker.submit(work)
    assert begun.wait(60)
    worker.close(0.001)
    assert BUSY_NAME in {thread.name for thread in threading.enumerate()}
    gate.set()
    assert worker.wait(60)
    worker.close(60)


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has no niceness of its own")
def test_it_stands_back_behind_the_frame_loop(worker: Worker[object]) -> None:
    worker.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert worker.wait(60)
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert worker.result() == min(own + 3, 19)
