"""Test that the fastest way is measured once and remembered for this machine alone."""

import json
import os
import time

import pytest
import torch

from liveflight.engines import autotuning
from liveflight.engines.autotuning import TimingCache
from liveflight.system import folders


class Ways:
    """Offer two ways to do nothing, one of them slow, and count the runs of the other."""

    def __init__(self) -> None:
        self.runs = 0

    def quick(self) -> None:
        self.runs += 1

    def slow(self) -> None:
        end = time.perf_counter() + 0.002
        while time.perf_counter() < end:
            pass

    def all(self):
        return {"slow": self.slow, "quick": self.quick}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "fastest.json"


def test_the_fastest_is_found_and_not_measured_again(path):
    ways, here = Ways(), TimingCache(path)
    assert here.fastest("a question", ways.all()) == "quick"
    runs = ways.runs
    assert here.fastest("a question", ways.all()) == "quick"
    assert TimingCache(path).fastest("a question", ways.all()) == "quick"
    assert ways.runs == runs > 0


def test_what_is_remembered_decides(path):
    TimingCache(path).fastest("a question", Ways().all())
    kept = json.loads(path.read_text())
    kept["seconds"]["a question"] = {"quick": 2.0, "slow": 1.0}
    path.write_text(json.dumps(kept))
    assert TimingCache(path).fastest("a question", Ways().all()) == "slow"


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "7", '{"machine": 3}'),
        '{"machine": {}, "seconds": {"a question": {"slow": 1}}}',
    ],
)
def test_a_damaged_or_foreign_file_is_written_anew(path, text):
    path.parent.mkdir()
    path.write_text(text)
    ways = Ways()
    assert TimingCache(path).fastest("a question", ways.all()) == "quick"
    assert ways.runs
    assert json.loads(path.read_text())["seconds"]["a question"].keys() == {"slow", "quick"}


@pytest.mark.parametrize(
    "answers",
    [["slow"], None, "slow", {"a question": "slow"}, {"a question": {"slow": "so"}}],
)
def test_answers_that_are_none_are_measured_anew(path, answers):
    path.parent.mkdir()
    path.write_text(json.dumps({"machine": autotuning.machine(), "seconds": answers}))
    assert TimingCache(path).fastest("a question", Ways().all()) == "quick"


def test_another_machine_measures_for_itself(path, monkeypatch):
    TimingCache(path).fastest("a question", Ways().all())
    monkeypatch.setattr(torch, "get_num_threads", lambda: 97)
    ways = Ways()
    TimingCache(path).fastest("a question", ways.all())
    assert ways.runs


def test_an_answer_that_is_no_way_here_is_measured_anew(path):
    TimingCache(path).fastest("a question", Ways().all())
    ways = Ways()
    only = {"slow": ways.slow, "other": ways.quick}
    assert TimingCache(path).fastest("a question", only) == "other"


def test_where_nothing_can_be_written_it_is_measured_all_the_same(tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    here = TimingCache(tmp_path / "cache" / "fastest.json")
    assert here.fastest("a question", Ways().all()) == "quick"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["cache"]


def test_to_try_a_way_may_ask_what_is_fastest_within_it(path):
    ways, here = Ways(), TimingCache(path)
    assert here.fastest("outer", {"only": lambda: here.fastest("inner", ways.all())}) == "only"
    assert here.fastest("inner", {"quick": ways.quick, "slow": ways.slow}) == "quick"


def test_the_times_are_told_so_far_as_they_are_known(path):
    here = TimingCache(path)
    assert here.times("a question") == {}
    here.fastest("a question", Ways().all())
    times = TimingCache(path).times("a question")
    assert 0 < times["quick"] < 0.002 <= times["slow"]


@pytest.mark.skipif(os.name != "posix", reason="these are POSIX's modes")
def test_answers_that_others_could_write_are_measured_anew(path):
    TimingCache(path).fastest("a question", Ways().all())
    kept = json.loads(path.read_text())
    kept["seconds"]["a question"] = {"quick": 2.0, "slow": 1.0}
    path.write_text(json.dumps(kept))
    path.chmod(0o666)
    assert TimingCache(path).fastest("a question", Ways().all()) == "quick"
    assert path.stat().st_mode & 0o777 == 0o600


# Repeatable choices


def unwritable(folder):
    (folder / "cache").write_text("a file where a folder should be")
    return folder / "cache" / "fastest.json"


def repeatable(path):
    here = TimingCache(path)
    here.repeatable = True
    return here


def test_what_cannot_be_remembered_is_not_measured_but_always_the_first(tmp_path, caplog):
    ways, path = Ways(), unwritable(tmp_path)
    for _ in range(2):
        here = repeatable(path)
        assert here.fastest("a question", ways.all()) == "slow"
        assert here.fastest("another", {"quick": ways.quick, "slow": ways.slow}) == "quick"
        assert here.fastest("a question", ways.all()) == "slow"
    assert ways.runs == 2, "only the first ways are tried, and each once"
    (record,) = caplog.records
    assert str(path) in record.message and "renders take the same one" in record.message


def test_a_first_way_that_fails_is_left_out_here_too(tmp_path, caplog):
    def broken():
        raise RuntimeError("it is broken")

    ways = {"broken": broken, "slow": lambda: None, "quick": lambda: None}
    here = repeatable(unwritable(tmp_path))
    assert here.fastest("a question", ways) == "slow"
    assert "broken does not work here" in caplog.records[0].message
    with pytest.raises(RuntimeError, match="it is broken"):
        here.fastest("another", {"broken": broken})


def test_what_can_be_remembered_is_measured(path, caplog):
    assert repeatable(path).fastest("a question", Ways().all()) == "quick"
    assert not caplog.records


def test_what_is_remembered_decides_even_where_nothing_new_can_be(path, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    TimingCache(path).fastest("a question", Ways().all())
    monkeypatch.setattr(folders, "write", full)
    ways, here = Ways(), repeatable(path)
    assert not here.writable()
    assert here.fastest("a question", ways.all()) == "quick"
    assert not ways.runs
    assert here.fastest("another", ways.all()) == "slow"


def test_whether_anything_can_be_remembered(path):
    here = TimingCache(path)
    here.fastest("a question", Ways().all())
    assert here.writable()
    assert TimingCache(path).times("a question"), "asking leaves what is remembered"
    assert not TimingCache(path / "inside a file").writable()
