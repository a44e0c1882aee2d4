"""A target selector as a flight has it."""

from __future__ import annotations

import itertools
import threading

import pytest
from fake_engine import FakeEngine
from in_flight import DEEP, LITE, STEM, VGG, settle

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target
from liveflight.core.mailbox import Set, Trigger
from liveflight.networks import torchvision_models
from liveflight.show.flight import Flight
from liveflight.show.network_loader import NetworkLoader
from liveflight.storage.presets import Preset

# Networks that come later, beside the frame loop


def test_a_show_begins_while_its_network_is_still_loading(show: Flight, engine: FakeEngine) -> None:
    engine.gate.clear()
    show.aim({STEM: 1.0})
    show.advance(0.5)
    assert show.mix() == {}
    assert show.target_selector.here == STEM
    assert show.loader.engine is None
    show.apply([Trigger("mix.filter_next"), Set("show.autopilot", True), Trigger("mix.random")])
    assert show.target_selector.here == Target(LITE, "stem", 4)
    assert not show.reports.counts
    engine.gate.set()
    settle(show.loader)
    show.advance(0.5)
    assert show.mix() == {Target(LITE, "stem", 4): 1.0}
    assert engine.prepared == [LITE]


def test_the_old_target_is_flown_until_the_new_network_is_there(
    show: Flight, engine: FakeEngine
) -> None:
    show.aim({STEM: 1.0})
    settle(show.loader)
    show.advance(0.5)
    engine.gate.clear()
    show.apply([Set("mix.target", str(VGG))])
    show.advance(5.0)
    assert show.mix() == {STEM: 1.0}
    assert show.as_preset("now").targets == {VGG: 1.0}
    engine.gate.set()
    settle(show.loader)
    show.advance(0.0)
    assert show.mix() == {STEM: 1.0}
    show.advance(1.5)
    assert show.mix() == pytest.approx({STEM: 0.5, VGG: 0.5})


def test_several_networks_are_loaded_one_after_the_other(show: Flight, engine: FakeEngine) -> None:
    show.aim({STEM: 1.0, VGG: 1.0, Target("vgg19", "conv1_1", 0): 1.0})
    for _ in range(3):
        settle(show.loader)
        show.advance(0.1)
    assert len(show.mix()) == 3
    assert engine.prepared == [LITE, "vgg16", "vgg19"]


def test_a_first_network_that_cannot_be_loaded_ends_the_flight(
    show: Flight, engine: FakeEngine
) -> None:
    engine.missing.add(LITE)
    show.aim({STEM: 1.0})
    settle(show.loader)
    with pytest.raises(LiveflightError, match=f"no weights for {LITE}"):
        show.advance(0.1)


def test_a_key_pressed_at_that_moment_does_not_hide_it(show: Flight, engine: FakeEngine) -> None:
    engine.missing.add(LITE)
    show.aim({STEM: 1.0})
    settle(show.loader)
    show.apply([Trigger("mix.filter_next")])
    with pytest.raises(LiveflightError, match=f"no weights for {LITE}"):
        show.advance(0.1)
        settle(show.loader)
        show.advance(0.1)


def test_in_a_render_a_first_network_that_cannot_be_loaded_is_told_at_once(
    engine: FakeEngine,
) -> None:
    engine.missing.add(LITE)
    flight = Flight(NetworkLoader(lambda: engine, background=False), seed=5)
    with pytest.raises(LiveflightError, match=f"no weights for {LITE}"):
        flight.recall(Preset("a", {STEM: 1.0}))


def test_what_a_performer_asks_for_too_early_cannot_end_the_flight(
    show: Flight, engine: FakeEngine
) -> None:
    engine.gate.clear()
    engine.missing.add("vgg16")
    show.aim({STEM: 1.0})
    show.apply([Set("mix.target", str(VGG))])
    engine.gate.set()
    for _ in range(2):
        settle(show.loader)
        show.advance(0.1)
    assert show.reports.counts == {"no weights for vgg16": 1}
    show.advance(0.1)
    assert show.mix() == {STEM: 1.0}


def test_a_network_that_cannot_be_loaded_later_is_reported_and_the_flight_goes_on(
    show: Flight, engine: FakeEngine
) -> None:
    show.aim({STEM: 1.0})
    settle(show.loader)
    show.advance(0.1)
    engine.missing.add("vgg16")
    for times in (1, 2):
        show.apply([Set("mix.target", str(VGG))])
        settle(show.loader)
        for _ in range(5):
            show.advance(0.1)
        assert show.reports.counts == {"no weights for vgg16": times}
        assert show.mix() == {STEM: 1.0}
        assert show.target_selector.here == STEM
    engine.missing.clear()
    show.apply([Set("mix.target", str(VGG))])
    settle(show.loader)
    show.advance(0.1)
    assert show.target_selector.here == VGG
    show.advance(9.0)
    assert show.mix() == {VGG: 1.0}


@pytest.mark.parametrize("background", [False, True])
def test_a_fault_while_loading_is_one_line_that_names_the_network(background: bool) -> None:
    def broken() -> FakeEngine:
        raise RuntimeError("out of memory\nand more\nlines")

    loader = NetworkLoader(broken, background)
    if background:
        assert not loader.ensure_loaded([LITE])
        settle(loader)
    with pytest.raises(LiveflightError, match=f"^{LITE} cannot be loaded: .*out of mem") as told:
        loader.ensure_loaded([LITE])
    assert "\n" not in str(told.value)
    assert loader.engine is None


def test_an_engine_is_made_once(engine: FakeEngine) -> None:
    made: list[FakeEngine] = []

    def make() -> FakeEngine:
        made.append(engine)
        return engine

    loader = NetworkLoader(make, background=False)
    assert loader.ensure_loaded([])
    assert not made
    assert loader.ensure_loaded([LITE, "vgg16"]) and loader.ensure_loaded(["vgg19", LITE])
    assert len(made) == 1
    assert engine.prepared == [LITE, "vgg16", "vgg19"]


# Switches that are planned

SIZE = (32, 18)
STEM_LAYER, DEEP_LAYER, VGG_LAYER = (
    frozenset({(one.network, one.layer)}) for one in (STEM, DEEP, VGG)
)


@pytest.fixture
def aloft(show: Flight) -> Flight:
    """At `STEM`, planned, on a canvas of `SIZE`."""
    show.aim({STEM: 1.0})
    settle(show.loader)
    show.target_selector.size = SIZE
    fly_until_planned(show)
    assert show.mix() == {STEM: 1.0}
    return show


def fly_until_planned(flight: Flight) -> None:
    for _ in range(8):
        flight.advance(0.0)
        settle(flight.loader)
    flight.advance(0.0)


def test_another_filter_of_a_planned_layer_needs_no_plan(aloft: Flight, engine: FakeEngine) -> None:
    plans = list(engine.plans)
    aloft.apply([Trigger("mix.filter_next")])
    assert aloft.target_selector.crossfade.goal == {Target(LITE, "stem", 4): 1.0}
    assert engine.plans == plans


def test_another_layer_is_planned_while_the_flight_goes_on(
    aloft: Flight, engine: FakeEngine
) -> None:
    engine.planning.clear()
    aloft.apply([Set("mix.target", str(DEEP))])
    for _ in range(50):
        aloft.advance(0.1)
        assert aloft.mix() == {STEM: 1.0}
    assert aloft.target_selector.here == DEEP
    engine.planning.set()
    fly_until_planned(aloft)
    assert aloft.target_selector.crossfade.goal == {DEEP: 1.0}
    assert engine.plans[-2:] == [(STEM_LAYER | DEEP_LAYER, SIZE), (DEEP_LAYER, SIZE)]


def test_every_mix_of_a_flight_was_planned(aloft: Flight, engine: FakeEngine) -> None:
    """However the switches interrupt one another."""
    aloft.controls.set("mix.crossfade", 1.0)
    stops = itertools.cycle([DEEP, VGG, STEM, Target("vgg16", "conv2_1", 5), VGG, DEEP])
    for number in range(400):
        if number % (3 + number // 20) == 0:
            aloft.apply([Set("mix.target", str(next(stops)))])
        aloft.advance(1 / 32)
        if number % 3 == 0:
            settle(aloft.loader)
        mix = frozenset((target.network, target.layer) for target in aloft.mix())
        assert engine.planned(mix, SIZE)
    assert not aloft.reports.counts


def test_every_mix_of_many_targets_was_planned(aloft: Flight, engine: FakeEngine) -> None:
    """Presets of more targets than are flown, interrupted by one another."""
    aloft.controls.set("mix.crossfade", 1.0)
    known = [networks.network(name) for name in (LITE, "vgg16")]
    every = [Target(each.name, layer.name, 0) for each in known for layer in each.layers]
    for number in range(400):
        if number % (3 + number // 20) == 0:
            first = number * 5 % len(every)
            some = (every + every)[first : first + 1 + number % 8]
            aloft.aim({target: 1.0 + (3 * place) % 7 for place, target in enumerate(some)})
        aloft.advance(1 / 32)
        settle(aloft.loader)
        mix = frozenset((target.network, target.layer) for target in aloft.mix())
        assert engine.planned(mix, SIZE)
    assert not aloft.reports.counts


def test_a_layer_that_cannot_be_planned_is_reported_and_flown(
    aloft: Flight, engine: FakeEngine
) -> None:
    engine.impossible.add(DEEP.layer)
    aloft.apply([Set("mix.target", str(DEEP))])
    fly_until_planned(aloft)
    assert aloft.target_selector.crossfade.goal == {DEEP: 1.0}
    assert sum(aloft.reports.counts.values()) == 2


def test_a_canvas_of_another_size_is_planned_after_what_the_performer_wants(
    aloft: Flight, engine: FakeEngine
) -> None:
    smaller = (16, 9)
    aloft.apply([Set("mix.target", str(DEEP))])
    assert not aloft.target_selector.ensure_ready_at(smaller)
    fly_until_planned(aloft)
    while not aloft.target_selector.ensure_ready_at(smaller):
        settle(aloft.loader)
    sizes = [size for _, size in engine.plans]
    assert smaller in sizes and sizes == sorted(sizes, reverse=True)


def test_the_journey_of_a_preset_is_planned_ahead(
    aloft: Flight, engine: FakeEngine, weights: set[str]
) -> None:
    weights.add("vgg16")
    elsewhere = Target("vgg19", "conv1_1", 0)
    aloft.recall(Preset("trip", {STEM: 1.0}, journey=(STEM, DEEP, elsewhere, VGG)))
    fly_until_planned(aloft)
    planned = {mix for mix, _ in engine.plans}
    assert planned >= {STEM_LAYER | DEEP_LAYER, DEEP_LAYER | VGG_LAYER, VGG_LAYER | STEM_LAYER}
    assert planned >= {STEM_LAYER, DEEP_LAYER, VGG_LAYER}
    assert not any("vgg19" in dict(mix) for mix in planned), "a show downloads nothing"
    assert not aloft.reports.counts


def test_what_a_flight_may_fall_back_on_is_planned_before_what_is_foreseen(
    aloft: Flight, engine: FakeEngine
) -> None:
    aloft.target_selector.fallback_sizes = [(16, 9), (24, 14)]
    aloft.recall(Preset("trip", {STEM: 1.0}, journey=(STEM, DEEP)))
    fly_until_planned(aloft)
    assert engine.plans[1:4] == [
        (STEM_LAYER, (16, 9)),
        (STEM_LAYER, (24, 14)),
        (STEM_LAYER | DEEP_LAYER, SIZE),
    ]


def test_nothing_is_planned_ahead_while_there_is_too_little_time(
    aloft: Flight, engine: FakeEngine
) -> None:
    plans = list(engine.plans)
    aloft.target_selector.fallback_sizes, aloft.target_selector.under_load = [(16, 9)], True
    aloft.recall(Preset("trip", {STEM: 1.0}, journey=(STEM, DEEP)))
    fly_until_planned(aloft)
    assert engine.plans == plans
    aloft.target_selector.under_load = False
    fly_until_planned(aloft)
    assert len(engine.plans) > len(plans)


def test_a_job_under_way_as_time_gets_short_comes_to_its_end(
    aloft: Flight, engine: FakeEngine
) -> None:
    engine.planning.clear()
    aloft.recall(Preset("trip", {STEM: 1.0}, journey=(STEM, DEEP)))
    aloft.advance(0.0)
    aloft.target_selector.under_load = True
    assert aloft.loader.busy
    engine.planning.set()
    settle(aloft.loader)
    aloft.advance(0.0)
    assert not aloft.loader.busy


def test_a_job_that_nobody_waits_for_any_more_comes_to_its_end(
    aloft: Flight, engine: FakeEngine
) -> None:
    engine.gate.clear()
    aloft.apply([Set("mix.target", str(VGG)), Set("mix.target", str(STEM))])
    engine.gate.set()
    settle(aloft.loader)
    aloft.advance(0.0)
    assert not aloft.loader.busy


# Networks whose layers nobody has asked for yet


@pytest.fixture
def unknown(monkeypatch) -> str:
    """A network that has to be found out about."""
    torchvision_models.network.cache_clear()
    monkeypatch.setattr(torchvision_models, "_asked_for", set())
    return "resnet18"


def test_an_unlisted_network_is_found_out_about_beside_the_show(
    show: Flight, engine: FakeEngine, unknown: str, monkeypatch
) -> None:
    show.aim({STEM: 1.0})
    settle(show.loader)
    show.advance(0.1)
    threads = []
    found = torchvision_models._found
    monkeypatch.setattr(
        torchvision_models,
        "_found",
        lambda name: (threads.append(threading.current_thread()), found(name))[1],
    )
    show.apply([Set("mix.target", f"{unknown}:layer3.1:7")])
    assert show.target_selector.here == STEM and show.target_selector.waiting
    settle(show.loader)
    show.advance(0.1)
    assert show.target_selector.here == Target(unknown, "layer3.1", 7)
    settle(show.loader)
    show.advance(0.1)
    assert engine.prepared == [LITE, unknown]
    assert len(threads) == 1 and threads[0] is not threading.current_thread()


def test_what_it_lacks_is_reported_then_and_the_flight_goes_on(show: Flight, unknown: str) -> None:
    show.aim({STEM: 1.0})
    settle(show.loader)
    show.advance(0.1)
    show.apply([Set("mix.target", f"{unknown}:nowhere:7")])
    settle(show.loader)
    show.advance(0.1)
    assert show.mix() == {STEM: 1.0} and not show.target_selector.waiting
    assert f"{unknown} has no layer 'nowhere'" in show.reports.last


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (Set("show.preset", "nope", "osc:10.0.0.9:1"), "there is no preset 'nope'"),
        (Set("mix.target", f"{LITE}:nowhere:7"), "has no layer 'nowhere'"),
        (Set("mix.target", "resnet34:nowhere:7"), "resnet34 has no layer 'nowhere'"),
        (Set("pad.on", True), "pad"),
    ],
)
def test_what_is_asked_for_in_vain_while_the_first_is_found_out_about_ends_no_flight(
    wrong: Set, reason: str, show: Flight, unknown: str
) -> None:
    show.aim({Target(unknown, "layer3.1", 7): 1.0})
    show.apply([wrong])
    for _ in range(4):
        settle(show.loader)
        show.advance(0.1)
    (report,) = show.reports.counts
    assert reason in report
    assert show.mix() == {Target(unknown, "layer3.1", 7): 1.0}


def test_a_first_network_that_lacks_what_is_asked_for_ends_the_flight(
    show: Flight, unknown: str
) -> None:
    show.aim({Target(unknown, "nowhere", 7): 1.0})
    settle(show.loader)
    with pytest.raises(LiveflightError, match=f"{unknown} has no layer 'nowhere'"):
        show.advance(0.1)


def test_the_next_wish_is_not_overtaken_by_it(show: Flight, unknown: str) -> None:
    show.aim({STEM: 1.0})
    settle(show.loader)
    show.advance(0.1)
    show.apply([Set("mix.target", f"{unknown}:layer3.1:7"), Set("mix.target", f"{LITE}:stem:9")])
    settle(show.loader)
    show.advance(0.1)
    assert show.target_selector.goal == {Target(LITE, "stem", 9): 1.0}
