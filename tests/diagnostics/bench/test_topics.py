"""Measure every topic for real, at small sizes, and make its tables."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liveflight.core.contracts import MAX_DIRECTION, Ascent, Canvas, Target, ViewStep
from liveflight.core.noise import pink
from liveflight.diagnostics.bench import (
    canvases,
    first_flight,
    frames,
    interleaved,
    latency,
    machine,
    other_programs,
    random_weights,
    steps,
    switches,
)
from liveflight.diagnostics.bench.tables import Table

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(scope="module")
def vgg16(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a file of random weights."""
    path = tmp_path_factory.mktemp("weights") / "vgg16.pth"
    random_weights.write({"network": "vgg16", "path": str(path)})
    return str(path)


def flight(**more: Any) -> dict[str, Any]:
    return {
        "network": "efficientnet_lite0",
        "layer": "stem",
        "filter": 3,
        "view": (64, 48),
        "canvas": None,
        "size": (96, 64),
        "output": "headless",
        "device": "cpu",
        "engine": "auto",
        "seed": 1,
        "settings": {"show.autopilot": False},
        "weights": None,
        "fps": 200.0,
        "seconds": 0.2,
        **more,
    }


def through_json(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the figures as the parent process gets them."""
    copied: dict[str, Any] = json.loads(json.dumps(raw))
    return copied


def filled(tables: list[Table]) -> list[Table]:
    for table in tables:
        assert all(len(row) == len(table.columns) for row in table.rows), table.title
    return tables


def test_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MATRIX_SIDE", {"cpu": 192})
    monkeypatch.setattr(machine, "COPY_BYTES", {"cpu": 1 << 20})
    raw = machine.facts({}) | machine.rates({"device": "cpu", "seconds": 0.05})
    raw = through_json(raw)
    assert raw["device"] == "cpu"
    assert raw["facts"]["CPU"] and raw["facts"]["torch"]
    assert machine.best_rate(raw) == max(raw["matmul"].values()) > 1e8
    assert raw["copy"] > 1e7
    (table,) = filled(machine.tables({**raw, "busy": 0.0}))
    assert not any("other programs" in note for note in table.notes)
    (table,) = filled(machine.tables({**raw, "busy": 0.73}))
    assert any("other programs use 73 %" in note for note in table.notes)
    assert any(row[0] == "matmul, float32" and "FLOP/s" in row[1] for row in table.rows)


def test_steps() -> None:
    cases = [{"network": "efficientnet_lite0", "layer": "block1", "view": (64, 48)}]
    given: dict[str, Any] = {"engine": "autograd", "device": "cpu", "weights": {}, "cases": cases}
    given |= {"seconds": 0.02, "budget": 60.0}
    answer = through_json(steps.measure(given))
    (case,) = answer["cases"]
    assert case["precision"] == "float32"
    assert len(case["bare"]) >= 5 and len(case["flown"]) >= 5
    # stem: 9 x 3 x 32 at half the size; block1: 9 x 32 depthwise and 32 x 16 there
    assert case["flops"] == 4 * (9 * 3 * 32 + 9 * 32 + 32 * 16) * 32 * 24
    several = through_json(steps.measure({**given, "cases": [{**cases[0], "views": 2}]}))
    assert several["cases"][0]["flops"] == 2 * case["flops"]
    late = through_json(steps.measure({**given, "budget": -1.0}))
    assert (late["cases"], late["skipped"]) == ([], 1)
    failed = {"engine": "steam", "failed": "no water"}
    raw = {"engines": [answer, several, failed, late], "random": ["vgg16"]}
    (table,) = filled(steps.tables(raw, 1e11))
    assert [row[0] for row in table.rows] == ["autograd", "autograd"]
    assert [row[2] for row in table.rows] == ["64x48", "2 of 64x48"]
    assert "steam: no water" in table.notes
    assert "autograd: no time for the last 1 of these" in table.notes
    assert any("random weights: vgg16" in note for note in table.notes)


def test_turns() -> None:
    cases = [{"network": "efficientnet_lite0", "layer": "block1", "view": (64, 48)}]
    given = {"engine": "torch", "device": "cpu", "weights": {}, "cases": cases, "seconds": 0.02}
    raw = through_json(interleaved.measure(given)) | {"random": ["vgg16"]}
    (case,) = raw["cases"]
    for kind in ("bare", "flown"):
        assert len(case[kind]["ours"]) == len(case[kind]["autograd"]) >= 12
    (table,) = filled(interleaved.tables(raw))
    assert table.rows[0][:2] == ("efficientnet_lite0 block1", "64x48")
    assert table.rows[0][-2:] == ("float32", "float32")
    assert any("random weights: vgg16" in note for note in table.notes)
    (table,) = filled(interleaved.tables({"failed": "no water"}))
    assert table.notes == ["no water"]


@pytest.mark.gl
def test_frames() -> None:
    raw = through_json(frames.measure(flight()))
    assert (raw["device"], raw["canvas"], raw["size"]) == ("cpu", [96, 64], [96, 64])
    assert raw["target"] == "efficientnet_lite0:stem:3"
    assert 0 < raw["start"]["first picture"] < raw["start"]["first dreamed picture"]
    assert raw["frames"] and raw["ascents"] and raw["paced"]["frames"]
    assert {"warp", "ascent", "present"} <= set(raw["parts"])
    assert raw["resident"] > 1e7
    shown = {"flights": [{"title": "mine", **raw}, {"title": "theirs", "failed": "no display"}]}
    rates, split, paced = filled(frames.tables(shown))
    assert [row[0] for row in rates.rows] == ["mine"]
    assert rates.notes[0] == "theirs: no display"
    assert split.columns[-1] == "sum" and paced.rows[0][1] == "200"


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([1 / 30] * 200, True),
        ([1 / 29.9] * 200, True),
        ([1 / 28] * 200, False),
        ([1 / 60] * 200 + [1 / 15], True),
        ([1 / 60] * 200 + [1 / 15] * 3, False),
        ([], False),
    ],
)
def test_a_rate_is_held_where_hardly_a_frame_is_late(
    intervals: list[float], expected: bool
) -> None:
    assert frames.held(30, intervals) is expected


@pytest.mark.gl
def test_switches() -> None:
    places = [["efficientnet_lite0", "stem"], ["efficientnet_lite0", "block1"]]
    given = flight(filters=8, layers=3, places=places, seconds=20.0)
    raw = through_json(switches.measure(given)) | {"title": "mine"}
    assert raw["filters"]["changes"] == 8 and raw["layers"]["changes"] == 3
    assert len(raw["layers"]["frames"]) > len(raw["filters"]["frames"])
    assert raw["troubles"] == {}
    (table,) = filled(switches.tables(raw))
    assert [row[0] for row in table.rows] == [
        "none",
        "8 filters, one a frame",
        "3 layers or networks",
    ]


def test_targets_are_of_the_places_and_never_twice_in_one() -> None:
    places = [["efficientnet_lite0", "stem"], ["vgg16", "conv1_1"]]
    targets = switches.random_targets(np.random.default_rng(1), places)
    drawn = [next(targets).rpartition(":") for _ in range(50)]
    assert all(one[0] != other[0] for one, other in pairwise(drawn))
    assert all(0 <= int(number) < 64 for _, _, number in drawn)


@pytest.mark.gl
def test_latency() -> None:
    raw = through_json(latency.measure(flight(packets=3, seconds=20.0, filters=(3, 5)))) | {
        "title": "mine"
    }
    for kind in ("filter", "master"):
        assert raw[kind]["lost"] == 0
        assert len(raw[kind]["seconds"]) == 3
        assert all(frame >= 1 for frame in raw[kind]["frames"])
        assert all(seconds > 0 for seconds in raw[kind]["seconds"])
    (table,) = filled(latency.tables(raw))
    assert [row[1] for row in table.rows] == ["3", "3"]
    assert not any("no time" in note for note in table.notes)


def fly_painted(seconds_per_step: float, views: int, seconds: float) -> list[float]:
    """Return the brightness after each step of a made-up loop, the last half on another filter."""
    first, second = (Target("efficientnet_lite0", "stem", number) for number in (3, 5))
    now = 0.0

    def directions(views: Canvas, steps: list[ViewStep], ascent: Ascent) -> Canvas:
        return np.full_like(views, 9.0)

    painted = latency._painted(directions, str(second), 0, lambda: now)
    picture = pink((64, 48), 1)
    shown = []
    count = round(seconds / seconds_per_step)
    for number in range(count):
        now += seconds_per_step
        steps = [ViewStep({first if number < count // 2 else second: 1.0})] * views
        stack = np.concatenate([picture] * views)
        found = painted(stack, steps, Ascent())
        assert found.shape == stack.shape and np.abs(found[..., :3]).max() <= MAX_DIRECTION
        # As in core.ascent: a tick stands for 125 ms at most.
        amount = 4.0 * min(seconds_per_step, 0.125) / views
        for part in np.split(found, views):
            picture = picture + (part * amount).astype(np.float16)
        shown.append(float(picture[20:28, 28:36, :3].astype(float).mean()))
    return shown


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("seconds_per_step", [1 / 144, 1 / 30, 0.11, 0.5])
def test_painted_views_come_to_rest_and_the_next_step_leaves_the_grey(
    seconds_per_step: float, views: int
) -> None:
    shown = fly_painted(seconds_per_step, views, seconds=max(2.0, 40 * seconds_per_step))
    before, after = shown[: len(shown) // 2], shown[len(shown) // 2 :]
    assert before[-1] == pytest.approx(latency._GREYS[0], abs=2e-3)
    assert abs(before[-1] - before[-2]) < latency._MIN_DIFFERENCE / 4  # at rest
    assert after[0] - before[-1] > 5 * latency._MIN_DIFFERENCE
    assert after[-1] == pytest.approx(latency._GREYS[1], abs=2e-3)
    assert max(after) < latency._GREYS[1] + latency._MIN_DIFFERENCE  # no swinging


def test_packets_that_are_never_seen_are_lost_not_fast() -> None:
    nothing: dict[str, Any] = {"seconds": [], "frames": [], "lost": 3, "unsent": 0}
    raw = {"fps": 30.0, "frames": [0.03], "filter": nothing, "master": nothing, "title": "mine"}
    (table,) = filled(latency.tables(raw))
    assert table.rows[0][1] == "0" and table.rows[0][-1] == "3"


@pytest.mark.gl
def test_packets_that_there_is_no_time_for_are_not_sent() -> None:
    given = flight(packets=3, filters=(3, 5)) | {"seconds": -1.0}
    raw = through_json(latency.measure(given)) | {"title": "mine"}
    assert raw["filter"] == {"seconds": [], "frames": [], "lost": 0, "unsent": 3}
    (table,) = filled(latency.tables(raw | {"frames": []}))
    assert any("no time for 6 more packets" in note for note in table.notes)


def test_peers(vgg16: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_programs, "load_lucent", lambda *given: None)
    given = {
        "engine": "autograd",
        "device": "cpu",
        "weights": vgg16,
        "side": 48,
        "rounds": 1,
        "steps": 2,
        "seconds": 0.3,
    }
    raw = through_json(other_programs.measure(given)) | {"random": ["vgg16"]}
    assert {name: len(taken) for name, taken in raw["steps"].items()} == {
        "plain": 3,
        "flown": 3,
        "truncated": 3,
        "recipe": 3,
    }
    assert raw["climb"]["recipe"]["reached"] == raw["climb"]["goal"] > raw["start"]
    assert raw["climb"]["truncated"]["steps"] <= 3  # it climbs as the recipe does
    (table,) = filled(other_programs.tables(raw))
    assert table.rows[0][3] == "1.00x"
    assert any(other_programs.INSTALL in note for note in table.notes)


def test_all_recipes_climb_the_same_activation(vgg16: str) -> None:
    from liveflight.diagnostics.bench.recipes import CommonRecipe, TruncatedRecipe, activation

    features = other_programs.torchvision_vgg16(Path(vgg16), "cpu").features
    start = other_programs.start_noise(40)
    recipe, truncated = (
        kind(features, other_programs.PLACE, 7, start) for kind in (CommonRecipe, TruncatedRecipe)
    )
    np.testing.assert_allclose(recipe.picture(), start, atol=1e-6)
    for climber in (recipe, truncated):
        climber.step()
        climber.step()
    np.testing.assert_allclose(recipe.picture(), truncated.picture(), atol=1e-4)
    reached = [activation(features, other_programs.PLACE, 7, picture) for picture in (
        start, recipe.picture())]  # fmt: skip
    assert reached[1] > reached[0]


def test_lucent_begins_with_the_picture_it_is_said_to(vgg16: str) -> None:
    pytest.importorskip("lucent")
    lucent = other_programs.load_lucent(
        other_programs.torchvision_vgg16(Path(vgg16), "cpu"), 7, 32, "cpu"
    )
    start = lucent.start(other_programs.SEED)
    taken, picture = lucent.run(1, other_programs.SEED, lambda: None)
    assert len(taken) == 1
    assert picture.shape == start.shape == (32, 32, 3)
    assert 0 < np.abs(picture - start).max() < 0.2


def test_the_first_flight_is_judged_by_another_implementation() -> None:
    given = {
        "output": "headless",
        "size": (64, 36),
        "device": "cpu",
        "engine": "torch",
        "fps": 30.0,
        "seconds": 0.2,
    }
    raw = through_json(first_flight.measure(given))
    assert raw["target"].startswith("vgg16:") and raw["frames"]
    assert len(raw["ranks"]) == len(raw["seconds"]) >= 1
    assert all(1 <= rank <= count == 512 for rank, count in raw["ranks"])
    (table,) = first_flight.tables(raw)
    assert table.rows[0][0] == raw["target"]
    raw["seconds"] = [0.0, 0.5, 1.0, 1.5]
    for ranks, recognised in {
        (1, 11, 10, 10): "1.0 s",  # noise has its favourite, too
        (300, 10, 2, 1): "0.5 s",
        (300, 11, 20, 1): "not",
    }.items():
        raw["ranks"] = [[rank, 512] for rank in ranks]
        assert first_flight.tables(raw)[0].rows[0][-1] == recognised


@pytest.mark.gl
def test_canvases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canvases, "SIZES", ((96, 64), (128, 96)))
    given = {key: flight()[key] for key in ("network", "layer", "filter", "view", "device")}
    raw = through_json(canvases.measure({**given, "engine": "torch", "weights": {}, "seconds": 0}))
    assert [each["canvas"] for each in raw["canvases"]] == [[96, 64], [128, 96]]
    (table,) = filled(canvases.tables(raw))
    assert [row[0] for row in table.rows] == ["96x64", "128x96"]
    for each in raw["canvases"]:
        assert all(min(seconds) > 0 for seconds in each["parts"].values())
        assert each["seen"] < 200
    (failed,) = canvases.tables({"failed": "canvases crashed"})
    assert failed.notes == ["canvases crashed"]
