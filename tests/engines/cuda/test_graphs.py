"""Check the order of a capture's calls, and what follows a failure, without a GPU.

The captured steps themselves are tested in test_engine.py, where there is a GPU.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from liveflight.engines.cuda.graphs import CudaGraphs, EagerRunner, GpuTicks

CPU = torch.device("cpu")


class FakeCuda:
    """Replace what captures need of `torch.cuda`, and keep a log."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.failure: Exception | None = None

    def said(self, *what: Any) -> None:
        self.log.append(what if len(what) > 1 else what[0])


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = FakeCuda()

    class Stream:
        made = 0

        def __init__(self, device: object) -> None:
            Stream.made += 1
            self.cuda_stream = self.number = Stream.made
            self.device = device

        def wait_stream(self, other: Stream) -> None:
            fake.said("wait", self.number, other.number)

        def synchronize(self) -> None:
            fake.said("synchronize", self.number)

    class CUDAGraph:
        def capture_begin(self, *, pool: object, capture_error_mode: str) -> None:
            fake.said("begin", pool, capture_error_mode)

        def capture_end(self) -> None:
            fake.said("end")
            if fake.failure:
                raise RuntimeError("the capture was invalidated before")

        def replay(self) -> None:
            fake.said("replay")

    @contextmanager
    def chosen(stream: Stream):
        fake.said("enter", stream.number)
        yield
        fake.said("leave", stream.number)

    default = Stream("cuda")
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", CUDAGraph)
    monkeypatch.setattr(torch.cuda, "stream", chosen)
    monkeypatch.setattr(torch.cuda, "default_stream", lambda device: default)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "pool")
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: fake.said("empty"))
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    return fake


DEFAULT, FLIGHT, PREPARATIONS = 1, 2, 3


def test_captures_what_was_warmed_up_and_replays_it(cuda: FakeCuda) -> None:
    graphs = CudaGraphs(torch.device("cuda"))
    with graphs.preparing():
        graphs.warm_up(lambda: cuda.said("warm-up"))
    assert cuda.log == [
        ("wait", PREPARATIONS, DEFAULT),
        ("enter", PREPARATIONS),
        "warm-up",
        ("leave", PREPARATIONS),
        ("synchronize", PREPARATIONS),
    ]
    cuda.log.clear()
    with graphs.preparing():
        run = graphs.captured(lambda: cuda.said("run"))
    assert cuda.log[2:-2] == [
        ("begin", "pool", "thread_local"),
        "run",
        "end",
    ]
    run()
    assert cuda.log[-1] == "replay"


def test_a_tick_never_shares_the_stream_that_is_captured(cuda: FakeCuda) -> None:
    graphs = CudaGraphs(torch.device("cuda"))
    with graphs.flying():
        assert cuda.log == [("enter", FLIGHT)]
    assert graphs.stream == FLIGHT


def test_what_cannot_be_captured_is_run_as_it_is_and_that_is_said_once(
    cuda: FakeCuda, caplog: pytest.LogCaptureFixture
) -> None:
    cuda.failure = RuntimeError("operation not permitted when stream is capturing")

    def run() -> None:
        cuda.said("run")
        if cuda.failure:
            raise cuda.failure

    graphs = CudaGraphs(torch.device("cuda"))
    with caplog.at_level(logging.WARNING):
        runs = [graphs.captured(run) for _ in range(2)]
    assert cuda.log.count("end") == 2, "the stream is left in the middle of a capture"
    (record,) = caplog.records
    assert "operation not permitted" in record.getMessage()
    cuda.log.clear()
    cuda.failure = None
    runs[1]()
    assert cuda.log == ["run"]


def test_a_lack_of_memory_is_not_taken_for_a_failed_capture(cuda: FakeCuda) -> None:
    def run() -> None:
        raise torch.cuda.OutOfMemoryError("out of memory")

    with pytest.raises(torch.cuda.OutOfMemoryError):
        CudaGraphs(torch.device("cuda")).captured(run)
    assert cuda.log[-1] == "end"


def test_a_capture_that_lacks_memory_is_tried_once_more_when_it_was_given_back(
    cuda: FakeCuda, caplog: pytest.LogCaptureFixture
) -> None:
    def run() -> None:
        if "empty" not in cuda.log:
            raise torch.cuda.OutOfMemoryError("out of memory")

    captured = CudaGraphs(torch.device("cuda")).captured(run)
    begin = ("begin", "pool", "thread_local")
    assert cuda.log == [begin, "end", "empty", begin, "end"]
    captured()
    assert cuda.log[-1] == "replay"
    assert not caplog.records


def test_eager_runner_runs_what_it_is_given_and_warms_up_nothing() -> None:
    log: list[str] = []
    eager = EagerRunner()
    with eager.preparing(), eager.flying():
        eager.warm_up(lambda: log.append("warm-up"))
        run = eager.captured(lambda: log.append("run"))
    assert not log
    run()
    assert log == ["run"]


GOOD, BAD = torch.zeros(()), torch.ones(())


def test_a_bad_tick_is_told_by_its_name_some_ticks_later() -> None:
    ticks = GpuTicks(CPU)
    for number in range(4):
        ticks.begin(f"tick {number}")
        ticks.end(BAD if number == 1 else GOOD)
    ticks.begin("tick 4")
    ticks.end(GOOD)
    with pytest.raises(FloatingPointError, match="the ascent of tick 1 is not finite"):
        ticks.begin("tick 5")


def test_bad_ticks_in_a_row_are_told_once() -> None:
    ticks = GpuTicks(CPU)
    for number in range(4):
        ticks.begin(f"tick {number}")
        ticks.end(BAD)
    with pytest.raises(FloatingPointError, match="tick 0"):
        ticks.begin("tick 4")
    for number in range(9):
        ticks.begin(f"tick {number}")
        ticks.end(GOOD)


def test_a_tick_can_be_checked_at_once() -> None:
    ticks = GpuTicks(CPU)
    ticks.begin("this one")
    ticks.end(BAD)
    with pytest.raises(FloatingPointError, match="this one"):
        ticks.check()
    ticks.begin("the next")
    ticks.end(GOOD)
    ticks.check()
