from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from liveflight.system.heartbeat import INTERVAL_S, MAX_LINE_BYTES, VARIABLE, Heartbeat


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_a_heartbeat_is_a_line_of_json(pipe: tuple[int, int]) -> None:
    Heartbeat(pipe[1]).beat({"frames": 3, "preset": "Möwe\n", "gpu_memory_mib": None})
    line = os.read(pipe[0], 9999)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert json.loads(line) == {"frames": 3, "preset": "Möwe\n", "gpu_memory_mib": None}


def test_one_is_due_every_quarter_of_a_second(pipe: tuple[int, int]) -> None:
    now = [0.0]
    heartbeat = Heartbeat(pipe[1], lambda: now[0])
    sent = []
    for turn in range(40):
        now[0] = turn / 16
        if heartbeat.due():
            heartbeat.beat({})
            sent.append(now[0])
    assert sent == [n * INTERVAL_S for n in range(10)]


def test_a_full_or_broken_pipe_drops_whole_lines_and_blocks_nobody(pipe: tuple[int, int]) -> None:
    heartbeat = Heartbeat(pipe[1])
    for frame in range(100_000):
        heartbeat.beat({"frames": frame, "text": "x" * 150})
    held = b""
    while part := _read(pipe[0]):
        held += part
    lines = held.splitlines()
    assert 50 < len(lines) < 10_000
    assert [json.loads(line)["frames"] for line in lines] == list(range(len(lines)))


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return b""


def test_what_is_too_long_is_left_out(pipe: tuple[int, int]) -> None:
    heartbeat = Heartbeat(pipe[1])
    heartbeat.beat({"late_by": {"x" * MAX_LINE_BYTES: 1}})
    assert _read(pipe[0]) == b""
    heartbeat.beat({"last_error": "x" * MAX_LINE_BYTES})
    assert len(json.loads(_read(pipe[0]))["last_error"]) == 200


def test_there_is_none_without_a_supervisor() -> None:
    assert Heartbeat.inherited({}) is None
    for given in ("", "x", "-1", "987654"):
        assert Heartbeat.inherited({VARIABLE: given}) is None
