"""Graphs on disk: whole or not at all, and never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_network import MEAN, STD, TINY_LAYERS, tiny_module

from liveflight.engines.backend import Objective
from liveflight.engines.onnx import graph, graph_cache, layouts, sessions
from liveflight.engines.onnx.backend import OnnxBackend
from liveflight.engines.onnx.graph_cache import GraphCache
from liveflight.networks import Network

GRAPH = bytes(range(256)) * 40


@pytest.fixture
def cache(tmp_path: Path) -> GraphCache:
    return GraphCache(tmp_path / "graphs")


def only_file(cache: GraphCache) -> Path:
    (path,) = cache.folder.iterdir()
    return path


def test_what_is_kept_is_found_by_its_own_key_alone(cache, caplog):
    assert cache.find("a") is None
    cache.keep("a", GRAPH)
    assert cache.find("a") == GRAPH
    assert cache.find("b") is None
    assert GraphCache(cache.folder).find("a") == GRAPH
    assert not caplog.records


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[:20],
        lambda content: content + b"x",
        lambda content: content[:-9] + b"?" + content[-8:],
        lambda content: b"\x80\x04something else entirely",
        lambda content: bytes(2 << 20),
    ],
    ids=["empty", "cut", "header cut", "longer", "one byte", "foreign", "huge"],
)
def test_a_damaged_file_is_refused_with_one_line_and_written_anew(cache, caplog, harm):
    cache.keep("a", GRAPH)
    path = only_file(cache)
    path.write_bytes(harm(path.read_bytes()))
    assert cache.find("a") is None
    (record,) = caplog.records
    assert str(cache.folder) in record.message and "written anew" in record.message
    cache.keep("a", GRAPH)
    assert cache.find("a") == GRAPH


@pytest.mark.skipif(os.name != "posix", reason="these are POSIX's modes")
def test_a_graph_that_others_could_change_is_written_anew(cache, caplog):
    cache.keep("a", GRAPH)
    only_file(cache).chmod(0o666)
    cache.folder.chmod(0o777)
    assert cache.find("a") is None
    assert len(caplog.records) == 1
    cache.keep("a", GRAPH)
    assert cache.find("a") == GRAPH
    assert (only_file(cache).stat().st_mode & 0o777, cache.folder.stat().st_mode & 0o777) == (
        0o600,
        0o700,
    )


@pytest.mark.skipif(os.name != "posix", reason="these are POSIX's modes")
def test_no_graph_is_taken_from_below_a_folder_of_others(tmp_path, caplog):
    cache = GraphCache(tmp_path / "shared" / "graphs")
    cache.keep("a", GRAPH)
    (tmp_path / "shared").chmod(0o777)
    assert cache.find("a") is None
    cache.keep("b", GRAPH)
    only_file(cache)
    assert len(caplog.records) == 1


def test_many_damaged_files_are_told_in_one_line(cache, caplog):
    for key in "abc":
        cache.keep(key, GRAPH)
        cache.path(key).write_bytes(b"")
    assert [cache.find(key) for key in "abcabc"] == [None] * 6
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "part", [f"graph {layouts.VERSION},".encode(), b" onnx ", b" onnxruntime "]
)
def test_a_file_of_other_versions_is_written_anew_silently(cache, caplog, part):
    cache.keep("a", GRAPH)
    path = only_file(cache)
    stale = path.read_bytes().replace(part, part[:-1] + b"0" + part[-1:], 1)
    path.write_bytes(stale)
    assert cache.find("a") is None
    cache.keep("a", GRAPH)
    assert cache.find("a") == GRAPH
    assert not caplog.records


def test_a_folder_that_cannot_be_is_done_without(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    cache = GraphCache(blocked / "graphs")
    cache.keep("a", GRAPH)
    assert cache.find("a") is None
    assert not caplog.records


def test_a_folder_in_the_place_of_a_file_is_done_without(cache):
    cache.path("a").mkdir(parents=True)
    cache.keep("a", GRAPH)
    assert cache.find("a") is None


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="anything may be written")
def test_a_folder_that_may_not_be_written_is_done_without(cache):
    cache.keep("a", GRAPH)
    cache.folder.chmod(0o500)
    try:
        cache.keep("b", GRAPH)
        assert cache.find("a") == GRAPH
        assert cache.find("b") is None
    finally:
        cache.folder.chmod(0o700)


def test_those_unused_for_longest_go_first(cache, monkeypatch):
    monkeypatch.setattr(graph_cache, "_MAX_FILES", 3)
    for age, key in enumerate("abc"):
        cache.keep(key, GRAPH)
        os.utime(cache.path(key), (1000 + age, 1000 + age))
    assert cache.find("a") == GRAPH
    cache.keep("d", GRAPH)
    assert [key for key in "abcd" if cache.find(key)] == ["a", "c", "d"]


def test_a_time_of_use_that_cannot_be_noted_is_done_without(cache, monkeypatch):
    def refused(path: Path) -> None:
        raise PermissionError(path)

    cache.keep("a", GRAPH)
    monkeypatch.setattr(os, "utime", refused)
    assert cache.find("a") == GRAPH


WRITER = """
import sys
from pathlib import Path
from liveflight.engines.onnx.graph_cache import GraphCache
cache = GraphCache(Path(sys.argv[1]))
for _ in range(60):
    cache.keep("same", sys.argv[2].encode() * 50_000)
"""


def test_two_programs_that_write_at_once_leave_one_whole_file(cache, caplog):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(cache.folder), letter])
        for letter in "xy"
    ]
    whole = {b"x" * 50_000, b"y" * 50_000}
    seen = set()
    while any(writer.poll() is None for writer in writers):
        seen.add(cache.find("same"))
    assert [writer.wait() for writer in writers] == [0, 0]
    assert seen - {None} <= whole
    assert cache.find("same") in whole
    assert not caplog.records
    only_file(cache)


KNOWN = Network("tiny", "", TINY_LAYERS, {}, MEAN, STD, lambda: None, lambda path, progress: None)


@pytest.fixture
def writing(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Collect the writers of graphs that are written, not read."""
    built: list[object] = []
    model = graph.GraphWriter.model

    def watched(writer: graph.GraphWriter) -> object:
        built.append(writer)
        return model(writer)

    monkeypatch.setattr(graph.GraphWriter, "model", watched)
    return built


def gradient(cache: GraphCache, seed: int = 1) -> torch.Tensor:
    backend = OnnxBackend(torch.device("cpu"), cache)
    if not sessions.block():
        pytest.skip("ONNX Runtime has no blocked layout here, whose graphs are those that are kept")
    backend.load(KNOWN, tiny_module(seed), torch.float32)
    picture = torch.rand(1, 3, 20, 28, generator=torch.Generator().manual_seed(1))
    excitations = {"deep": Objective(torch.ones(10))}
    backend.gradient("tiny", torch.rand(1, 3, 12, 12), {"deep": Objective(torch.ones(10))})
    return backend.gradient("tiny", picture, excitations)


def test_a_kept_graph_gives_the_same_gradient(cache, writing):
    first = gradient(cache)
    assert len(writing) == 3
    again = gradient(cache)
    assert torch.equal(first, again)
    assert len(writing) == 5  # those that lay out weights; the third is read


def test_other_weights_are_another_graph(cache):
    first, other = gradient(cache), gradient(cache, seed=2)
    assert not torch.allclose(first, other)
    assert torch.equal(gradient(cache), first)


def test_damaged_graphs_cost_one_line_and_nothing_else(cache, caplog):
    first = gradient(cache)
    for path in list(cache.folder.iterdir()):
        path.write_bytes(path.read_bytes()[:-100])
    assert torch.equal(gradient(cache), first)
    assert len(caplog.records) == 1
    assert torch.equal(gradient(cache), first)
    assert len(caplog.records) == 1
