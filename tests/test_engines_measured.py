"""The choice of what is fastest: measured once, remembered for this machine alone."""

import json
import time

import pytest
import torch

from liveflight.engines import measured
from liveflight.engines.measured import Measured


class Ways:
    """Two ways to do nothing, one of them slowly; and how often they were tried."""

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
    ways, here = Ways(), Measured(path)
    assert here.fastest("a question", ways.all()) == "quick"
    runs = ways.runs
    assert here.fastest("a question", ways.all()) == "quick"
    assert Measured(path).fastest("a question", ways.all()) == "quick"
    assert ways.runs == runs > 0


def test_what_is_remembered_decides(path):
    Measured(path).fastest("a question", Ways().all())
    kept = json.loads(path.read_text())
    kept["fastest"]["a question"] = "slow"
    path.write_text(json.dumps(kept))
    assert Measured(path).fastest("a question", Ways().all()) == "slow"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"machine": 3}', '{"machine": {}, "fastest": {"a question": "slow"}}'],
)
def test_a_damaged_or_foreign_file_is_written_anew(path, text):
    path.parent.mkdir()
    path.write_text(text)
    ways = Ways()
    assert Measured(path).fastest("a question", ways.all()) == "quick"
    assert ways.runs
    assert json.loads(path.read_text())["fastest"] == {"a question": "quick"}


@pytest.mark.parametrize("answers", [["slow"], None, "slow"])
def test_answers_that_are_none_are_measured_anew(path, answers):
    path.parent.mkdir()
    path.write_text(json.dumps({"machine": measured.machine(), "fastest": answers}))
    assert Measured(path).fastest("a question", Ways().all()) == "quick"


def test_another_machine_measures_for_itself(path, monkeypatch):
    Measured(path).fastest("a question", Ways().all())
    monkeypatch.setattr(torch, "get_num_threads", lambda: 97)
    ways = Ways()
    Measured(path).fastest("a question", ways.all())
    assert ways.runs


def test_an_answer_that_is_no_way_here_is_measured_anew(path):
    Measured(path).fastest("a question", Ways().all())
    ways = Ways()
    only = {"slow": ways.slow, "other": ways.quick}
    assert Measured(path).fastest("a question", only) == "other"


def test_where_nothing_can_be_written_it_is_measured_all_the_same(tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    here = Measured(tmp_path / "cache" / "fastest.json")
    assert here.fastest("a question", Ways().all()) == "quick"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["cache"]


def test_to_try_a_way_may_ask_what_is_fastest_within_it(path):
    ways, here = Ways(), Measured(path)
    assert here.fastest("outer", {"only": lambda: here.fastest("inner", ways.all())}) == "only"
    assert here.fastest("inner", {"quick": ways.quick, "slow": ways.slow}) == "quick"
