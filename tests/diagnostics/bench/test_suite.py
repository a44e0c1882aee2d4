from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from liveflight import networks
from liveflight.core.contracts import LiveflightError
from liveflight.diagnostics.bench import results_file, suite
from liveflight.diagnostics.bench.plan import Plan
from liveflight.show.options import Options
from liveflight.system.child_process import ChildError

RATES = {"device": "cpu", "threads": 2, "matmul": {"float32": 1e11}, "copy": 1e9}
DRAWN = {"vendor": "Mesa", "renderer": "llvmpipe", "version": "4.5"}


class Answers:
    """Stand in for child processes: note each question, give the prepared answer, else fail."""

    def __init__(self, **prepared: dict[str, Any]) -> None:
        self.prepared = prepared
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    def __call__(
        self,
        function: str,
        given: Mapping[str, Any],
        seconds: float,
        environment: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        name = (
            function.removeprefix("liveflight.diagnostics.")
            .removeprefix("bench.")
            .replace(":", "_")
        )
        self.asked.append((name, given))
        json.dumps(given)
        if name not in self.prepared:
            raise ChildError(f"{name} crashed")
        return self.prepared[name]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    fake = Answers(
        machine_facts={"facts": {"CPU": "abacus"}, "busy": 0.0},
        machine_rates=RATES,
        probes_graphics=DRAWN,
    )
    monkeypatch.setattr(suite, "ask", fake)
    monkeypatch.setattr(suite.random_weights, "missing", lambda names: [])
    return fake


def run(plan: Plan) -> tuple[list[suite.Topic], list[str]]:
    said: list[str] = []
    return list(suite.run(plan, said.append)), said


def test_a_topic_that_fails_costs_its_own_table_only(answers: Answers) -> None:
    topics, said = run(Plan(peers=True, switches=True, latency=True, engines=("torch",)))
    assert [topic.name for topic in topics] == [
        *("machine", "steps", "frames", "canvases", "first flight"),
        *("turns", "switches", "latency", "peers"),
    ]
    for topic in topics[1:]:
        notes = [note for table in topic.tables for note in table.notes]
        assert any("crashed" in note for note in notes), topic.name
    assert any(text.startswith("frames: efficientnet_lite0 block14_expand") for text in said)


def test_only_what_was_asked_for_is_measured(answers: Answers) -> None:
    topics, _ = run(Plan(engines=("autograd",)))
    assert [topic.name for topic in topics] == [
        "machine",
        "steps",
        "frames",
        "canvases",
        "first flight",
    ]
    asked = [given["engine"] for name, given in answers.asked if name == "steps_measure"]
    assert asked == ["autograd"]


def test_autograd_is_not_measured_beside_itself(answers: Answers) -> None:
    topics, _ = run(Plan(peers=True, engines=("autograd",)))
    assert [topic.name for topic in topics] == [
        "machine",
        "steps",
        "frames",
        "canvases",
        "first flight",
        "peers",
    ]


def test_every_engine_is_measured_where_none_was_named(answers: Answers) -> None:
    from liveflight import engines

    run(Plan())
    asked = [given["engine"] for name, given in answers.asked if name == "steps_measure"]
    assert asked == [name for name in engines.NAMES if name != "auto"]


def test_after_ten_minutes_the_rest_is_left_out(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(0, 10_000, 200))
    monkeypatch.setattr(suite.time, "perf_counter", lambda: float(next(now)))
    topics, _ = run(Plan(peers=True, latency=True, engines=("autograd",)))
    assert "crashed" in topics[1].raw["engines"][0]["failed"]
    assert "skipped" in topics[-1].raw["failed"]
    assert "peers_measure" not in [name for name, _ in answers.asked]


def test_the_device_that_answers_is_the_one_measured(answers: Answers) -> None:
    answers.prepared["machine_rates"] = {**RATES, "device": "cuda"}
    run(Plan(engines=("autograd",)))
    (given,) = [given for name, given in answers.asked if name == "steps_measure"]
    assert given["device"] == "cuda"
    assert (1920, 1080) in [case["view"] for case in given["cases"]]


def test_without_gl_the_machine_is_still_named(answers: Answers) -> None:
    del answers.prepared["probes_graphics"]
    topics, _ = run(Plan(engines=("autograd",)))
    assert topics[0].raw["facts"]["GL"] == "none: probes_graphics crashed"


def test_what_does_not_exist_ends_it_at_once(answers: Answers) -> None:
    with pytest.raises(LiveflightError, match="there is no network 'vgg61'"):
        run(Plan(flight=Options(network="vgg61")))


def test_stand_ins_are_said_where_they_are_used(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []

    def missing(names: list[str]) -> list[str]:
        used.extend(names)
        return []

    monkeypatch.setattr(suite.random_weights, "missing", missing)
    run(Plan(engines=("autograd",), flight=Options(network="efficientnet_lite0")))
    assert used == ["efficientnet_lite0"]
    run(Plan(engines=("autograd",), switches=True))
    assert "vgg16" in used and set(used) <= set(networks.names())


def test_the_record_holds_every_figure(answers: Answers, tmp_path: Path) -> None:
    topics, _ = run(Plan(engines=("autograd",)))
    path = tmp_path / "bench.json"
    results_file.write(path, topics)
    figures = json.loads(path.read_text())
    assert figures["machine"]["matmul"] == {"float32": 1e11}
    assert set(figures) == {
        *("version", "liveflight", "finished"),
        *("machine", "steps", "frames", "canvases", "first flight"),
    }
    assert list(tmp_path.iterdir()) == [path]


def test_a_record_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    results_file.check(tmp_path / "bench.json")
    with pytest.raises(LiveflightError, match="it is a folder"):
        results_file.check(tmp_path)
    with pytest.raises(LiveflightError, match="there is no folder"):
        results_file.check(tmp_path / "no" / "bench.json")
    with pytest.raises(LiveflightError, match=r"cannot write .*: No such file or directory"):
        results_file.write(tmp_path / "no" / "bench.json", [])
