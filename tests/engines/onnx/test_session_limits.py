from types import SimpleNamespace

import psutil
import pytest
import torch

from liveflight.engines.onnx import session_limits, sessions


def test_many_processors_have_fewer_sessions_where_each_has_threads_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "shared_arena", lambda: True)
    for gib, threads, most in (
        (2, 2, 112),
        (24, 2, 219),
        (256, 2, 2340),
        (256, 33, 128),
        (256, 64, 112),
    ):
        memory = SimpleNamespace(total=gib << 30)
        monkeypatch.setattr(psutil, "virtual_memory", lambda memory=memory: memory)
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert session_limits.kept(shared=True) == most, f"{gib} GiB, {threads} threads"
        assert session_limits.kept(shared=False) == 32


def test_without_a_shared_arena_there_are_as_few_as_with_own_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "shared_arena", lambda: False)
    assert session_limits.kept(shared=True) == session_limits.kept(shared=False)
