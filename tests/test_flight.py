from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_engine import FakeEngine

from liveflight import networks
from liveflight.core import presets
from liveflight.core.contracts import LiveflightError, Target, Value
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Ask, Nudge, Set, Trigger
from liveflight.core.presets import Preset
from liveflight.flight import Flight, Loader, Reports
from liveflight.networks import Network

LITE = "efficientnet_lite0"
STEM = Target(LITE, "stem", 3)
DEEP = Target(LITE, "block14_expand", 22)
VGG = Target("vgg16", "conv4_1", 17)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def flight(engine: FakeEngine) -> Flight:
    """At `STEM`, every network loaded at once when it is wanted."""
    flight = Flight(Loader(lambda: engine, background=False), seed=5)
    flight.aim({STEM: 1.0})
    return flight


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the networks whose weights are at hand."""
    here: set[str] = set()
    find: Callable[[Network], Path | None] = lambda network: (  # noqa: E731
        Path(network.name) if network.name in here else None
    )
    monkeypatch.setattr(Network, "find_weights", find)
    return here


def fire(flight: Flight, *keys: str) -> Target:
    """Where the flight goes after these triggers of the mix."""
    flight.apply([Trigger(f"mix.{key}") for key in keys])
    assert not flight.reports.counts
    return flight.course.here


def settle(loader: Loader) -> None:
    """Waits until what is loaded beside the frame loop has come or failed."""
    assert loader._work.wait(60)


# Targets


def test_it_begins_at_its_first_target_at_once(flight: Flight, engine: FakeEngine) -> None:
    assert flight.mix() == {STEM: 1.0}
    assert flight.course.here == STEM
    assert engine.prepared == [LITE]


def test_the_next_target_grows_over_the_crossfade(flight: Flight) -> None:
    flight.controls.set("mix.crossfade", 2.0)
    flight.apply([Set("mix.target", str(DEEP))])
    assert flight.mix() == {STEM: 1.0}
    assert flight.course.here == DEEP
    flight.advance(1.0)
    assert flight.mix() == pytest.approx({STEM: 0.5, DEEP: 0.5})
    flight.advance(1.0)
    assert flight.mix() == {DEEP: 1.0}


def test_here_is_the_strongest_of_a_mix(flight: Flight) -> None:
    flight.aim({STEM: 1.0, VGG: 3.0, DEEP: 2.0})
    assert flight.course.here == VGG


def test_a_target_by_any_of_its_names(flight: Flight) -> None:
    flight.apply([Set("mix.target", " VGG16:features.17:17 ")])
    assert flight.course.here == VGG


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not of the form network:layer:filter"),
        ("nonsense", "'nonsense' is not of the form network:layer:filter"),
        ("vgg61:conv4_1:3", "no network 'vgg61'"),
        (f"{LITE}:stme:3", "no layer 'stme'; did you mean 'stem'?"),
        (f"{LITE}:stem:32", f"filter 32 is not in {LITE}:stem, which has 32: 0 to 31"),
    ],
)
def test_a_wrong_target_is_reported_and_the_flight_goes_on(
    text: str, reason: str, flight: Flight
) -> None:
    flight.apply([Set("mix.target", text), Trigger("mix.filter_next")])
    assert reason in flight.reports.last
    assert flight.course.here == Target(LITE, "stem", 4)


def test_filters_step_and_go_round(flight: Flight) -> None:
    assert fire(flight, "filter_next") == Target(LITE, "stem", 4)
    assert fire(flight, "filter_previous", "filter_previous") == Target(LITE, "stem", 2)
    assert fire(flight, *["filter_previous"] * 3) == Target(LITE, "stem", 31)
    assert fire(flight, "filter_next") == Target(LITE, "stem", 0)


def test_from_the_whole_layer_filters_begin_at_either_end(flight: Flight) -> None:
    for key, number in (("filter_next", 0), ("filter_previous", 31)):
        flight.aim({Target(LITE, "stem", None): 1.0})
        assert fire(flight, key) == Target(LITE, "stem", number)


def test_layers_step_and_end(flight: Flight) -> None:
    names = [layer.name for layer in networks.network(LITE).layers]
    assert fire(flight, "layer_deeper") == Target(LITE, names[1], 3)
    assert fire(flight, "layer_shallower", "layer_shallower") == STEM
    assert fire(flight, *["layer_deeper"] * (len(names) + 2)) == Target(LITE, names[-1], 3)


def test_a_shallower_layer_has_fewer_filters(flight: Flight) -> None:
    flight.aim({Target("vgg16", "conv2_1", 127): 1.0})
    assert fire(flight, *["layer_shallower"] * 2) == Target("vgg16", "relu1_2", 63)


def test_the_whole_layer_stays_whole_on_the_way_down(flight: Flight) -> None:
    flight.aim({Target("vgg16", "conv1_1", None): 1.0})
    assert fire(flight, "layer_deeper") == Target("vgg16", "relu1_1", None)


def test_a_drummed_key_is_one_step_each(flight: Flight) -> None:
    assert fire(flight, *["filter_next"] * 20) == Target(LITE, "stem", 23)
    flight.advance(1.5)
    assert len(flight.mix()) <= 6


def test_random_is_another_living_filter_of_the_layer(flight: Flight, engine: FakeEngine) -> None:
    seen = {fire(flight, "random").filter for _ in range(40)}
    assert seen == set(engine.alive)
    assert (flight.course.here.network, flight.course.here.layer) == (LITE, "stem")


def test_the_next_network_is_one_whose_weights_are_here(
    flight: Flight, engine: FakeEngine, weights: set[str]
) -> None:
    weights |= {LITE, "vgg19"}
    there = fire(flight, "network_next")
    assert there.network == "vgg19"
    assert networks.resolve(there) == there
    assert engine.prepared == [LITE, "vgg19"]
    assert fire(flight, "network_next").network == LITE


def test_a_network_loaded_from_a_given_file_is_one_to_come_back_to(
    engine: FakeEngine, weights: set[str]
) -> None:
    flight = Flight(Loader(lambda: engine, background=False), seed=0)
    flight.aim({VGG: 1.0})
    weights.add(LITE)
    assert [fire(flight, "network_next").network for _ in range(2)] == [LITE, "vgg16"]


def test_where_no_other_network_is_here_it_says_so(flight: Flight, weights: set[str]) -> None:
    weights.add(LITE)
    flight.apply([Trigger("mix.network_next")])
    assert "no network but efficientnet_lite0 has its weights here" in flight.reports.last
    assert flight.course.here == STEM


# Controls and questions


def test_what_is_set_and_nudged_is_the_controls(flight: Flight) -> None:
    flight.apply([Set("camera.zoom", 2.0), Nudge("ascent.steps", 2), Nudge("show.hud", 1)])
    assert flight.controls.setting("camera.zoom") == 2.0
    assert flight.controls.whole("ascent.steps") == 3
    assert flight.controls.flag("show.hud")
    assert flight.controls.number("camera.zoom") == 1.2
    for _ in range(100):
        flight.advance(0.05)
    assert flight.controls.number("camera.zoom") == 2.0


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Set("camera.zoom", 1.5), "camera.zoom 1.5 x/s"),
        (Set("warp.mirror", "both"), "warp.mirror both"),
        (Nudge("ascent.steps", 1), "ascent.steps 2 steps"),
        (Nudge("show.hud", 1), "show.hud True"),
        (Set("mix.target", str(DEEP)), f"mix.target {DEEP}"),
        (Trigger("mix.filter_next"), "mix.filter_next"),
    ],
    ids=str,
)
def test_the_last_message_is_told(
    message: Set | Nudge | Trigger, text: str, flight: Flight
) -> None:
    flight.apply([message])
    assert flight.last_message == text


def test_what_a_trigger_notes_is_told_instead_of_its_name(flight: Flight) -> None:
    flight.on("show.screenshot", lambda: flight.note("saved a.png"))
    flight.apply([Trigger("show.screenshot")])
    assert flight.last_message == "saved a.png"


def test_triggers_that_are_anothers_business_reach_it(flight: Flight) -> None:
    fired: list[str] = []
    others = [row.key for row in ROWS if row.kind == "trigger" and row.group == "show"]
    for key in others:
        flight.on(key, lambda key=key: fired.append(key))  # type: ignore[misc]
    flight.apply([Trigger(key) for key in others])
    assert fired == others


def test_every_trigger_of_the_mix_is_the_flights_own(flight: Flight, weights: set[str]) -> None:
    weights |= set(networks.names())
    triggers = [Trigger(row.key) for row in ROWS if row.kind == "trigger" and row.group == "mix"]
    flight.apply(triggers)
    assert len(triggers) == 6
    assert not flight.reports.counts


def test_questions_are_answered_and_are_no_message(flight: Flight) -> None:
    answers: list[Value] = []
    flight.apply([Set("camera.zoom", 3.0)])
    keys = ["camera.zoom", "warp.mirror", "show.freeze", "mix.target", "show.preset"]
    flight.apply([Ask(key, answers.append) for key in keys])
    assert answers == [3.0, "off", False, str(STEM), ""]
    assert flight.last_message == "camera.zoom 3 x/s"


# Presets


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> dict[str, Preset]:
    """The presets there are."""
    known: dict[str, Preset] = {}

    def find(text: str) -> Preset:
        if text in known:
            return known[text]
        raise LiveflightError(f"there is no preset {text!r}")

    monkeypatch.setattr(presets, "find", find)
    return known


def test_a_preset_sets_everything_it_says_and_the_rest_to_default(
    flight: Flight, shelf: dict[str, Preset]
) -> None:
    settings: dict[str, Value] = {"camera.zoom": 2.5, "warp.mirror": "both", "mix.crossfade": 4.0}
    shelf["look"] = Preset("look", {VGG: 1.0, DEEP: 1.0}, settings, journey=(STEM, DEEP))
    flight.apply([Set("colour.hue", 90.0), Set("show.hud", True), Set("show.preset", "look")])
    assert flight.preset == "look"
    for row in ROWS:
        if row.saved:
            assert flight.controls.setting(row.key) == settings.get(row.key, row.default)
    assert flight.controls.flag("show.hud"), "what presets do not hold is left as it is"
    assert flight.journey.stops == (STEM, DEEP)
    flight.advance(2.0)
    assert flight.mix() == pytest.approx({STEM: 0.5, VGG: 0.25, DEEP: 0.25})
    answers: list[Value] = []
    flight.apply([Ask("show.preset", answers.append)])
    assert answers == ["look"]


def test_a_preset_without_targets_begins_its_journey_or_stays(flight: Flight) -> None:
    flight.recall(Preset("journey", {}, journey=(DEEP, STEM)))
    assert flight.course.here == DEEP
    flight.recall(Preset("look", {}, {"camera.zoom": 2.0}))
    assert flight.course.here == DEEP
    assert flight.journey.stops == ()


@pytest.mark.parametrize(
    "preset",
    [
        Preset("bad", {STEM: 1.0, Target(LITE, "stem", 99): 1.0}, {"camera.zoom": 3.0}),
        Preset("bad", {Target("nix", "stem", 9): 1.0}, {"camera.zoom": 3.0}),
        Preset("bad", {DEEP: 1.0}, {"camera.zoom": 3.0}, journey=(Target(LITE, "nix", 1),)),
        Preset("bad", {DEEP: 1.0, VGG: 1.0}, {"camera.zoom": 3.0}, journey=(DEEP,)),
    ],
    ids=["filter", "network", "stop", "weights"],
)
def test_a_preset_that_cannot_fly_changes_nothing(
    preset: Preset, flight: Flight, engine: FakeEngine, shelf: dict[str, Preset]
) -> None:
    engine.missing.add("vgg16")
    shelf["bad"] = preset
    flight.apply([Set("camera.zoom", 2.0), Set("show.preset", "bad")])
    assert sum(flight.reports.counts.values()) == 1
    assert flight.controls.setting("camera.zoom") == 2.0
    assert flight.mix() == {STEM: 1.0}
    assert flight.preset == ""
    assert flight.journey.stops == ()
    assert flight.last_message == "camera.zoom 2 x/s"


def test_a_preset_that_is_not_there_is_reported(flight: Flight, shelf: dict[str, Preset]) -> None:
    flight.apply([Set("show.preset", "nix")])
    assert flight.reports.counts == {"there is no preset 'nix'": 1}


def test_what_is_flown_can_be_saved_and_recalled(flight: Flight) -> None:
    flight.recall(Preset("a", {STEM: 3.0, VGG: 1.0}, {"camera.zoom": 2.5}, journey=(VGG, STEM)))
    saved = flight.as_preset("mine")
    assert saved.name == "mine"
    assert saved.targets == {STEM: 0.75, VGG: 0.25}
    assert saved.journey == (VGG, STEM)
    assert saved.settings["camera.zoom"] == 2.5
    assert saved.settings.keys() == {key for key, control in CONTROLS.items() if control.saved}
    assert presets.parse("mine", {"version": 1}).settings == {}
    flight.aim({DEEP: 1.0})
    flight.recall(saved)
    assert flight.as_preset("mine") == saved


# The autopilot, and time


def autopilot(flight: Flight, dwell: float) -> None:
    flight.apply([Set("show.autopilot", True), Set("show.dwell", dwell), Set("mix.crossfade", 0.5)])


def flown(flight: Flight, seconds: int) -> list[Target]:
    """Where it was after each second."""
    seen = []
    for _ in range(seconds):
        for _ in range(4):
            flight.advance(0.25)
        seen.append(flight.course.here)
    return seen


def test_the_autopilot_goes_along_the_journey_dwell_by_dwell(flight: Flight) -> None:
    flight.journey.follow([DEEP, VGG, STEM])
    autopilot(flight, 2.0)
    assert flown(flight, 8) == [STEM, DEEP, DEEP, VGG, VGG, STEM, STEM, DEEP]


def test_without_a_journey_the_autopilot_wanders_among_the_living(
    flight: Flight, engine: FakeEngine
) -> None:
    autopilot(flight, 1.0)
    seen = flown(flight, 30)
    assert {one.filter for one in seen} == set(engine.alive)
    assert all(before != after for before, after in itertools.pairwise(seen))


def test_the_same_seed_wanders_the_same_way() -> None:
    def way(seed: int) -> list[Target]:
        flight = Flight(Loader(lambda: FakeEngine(alive=range(32)), background=False), seed)
        flight.aim({STEM: 1.0})
        autopilot(flight, 1.0)
        return flown(flight, 20)

    assert way(4) == way(4)
    assert way(4) != way(5)


def test_without_the_autopilot_nothing_changes(flight: Flight) -> None:
    flight.journey.follow([DEEP, VGG])
    assert set(flown(flight, 20)) == {STEM}


def test_a_performers_choice_gets_a_whole_dwell(flight: Flight) -> None:
    flight.journey.follow([DEEP, STEM])
    autopilot(flight, 4.0)
    flown(flight, 3)
    flight.apply([Set("mix.target", str(VGG))])
    assert flown(flight, 5) == [VGG, VGG, VGG, DEEP, DEEP]


def test_frozen_time_stands_still(flight: Flight) -> None:
    flight.journey.follow([DEEP])
    autopilot(flight, 1.0)
    flight.aim({VGG: 1.0})
    flight.advance(0.25)
    mix, now = flight.mix(), flight.course.time
    assert len(mix) == 2
    flight.apply([Set("show.freeze", True)])
    assert set(flown(flight, 30)) == {VGG}
    assert (flight.mix(), flight.course.time) == (mix, now)
    flight.apply([Set("show.freeze", False)])
    flight.advance(0.25)
    assert flight.mix() == {VGG: 1.0}


def test_an_autopilot_whose_networks_are_missing_tries_once_a_dwell(
    flight: Flight, engine: FakeEngine
) -> None:
    engine.missing.add("vgg16")
    flight.journey.follow([VGG])
    autopilot(flight, 2.0)
    assert set(flown(flight, 7)) == {STEM}
    assert flight.reports.counts == {"no weights for vgg16": 3}


# Networks that come later, beside the frame loop


@pytest.fixture
def show(engine: FakeEngine) -> Flight:
    """Nothing loaded yet; loads in the background."""
    return Flight(Loader(lambda: engine, background=True), seed=5)


def test_a_show_begins_while_its_network_is_still_loading(show: Flight, engine: FakeEngine) -> None:
    engine.gate.clear()
    show.aim({STEM: 1.0})
    show.advance(0.5)
    assert show.mix() == {}
    assert show.course.here == STEM
    assert show.loader.engine is None
    show.apply([Trigger("mix.filter_next"), Set("show.autopilot", True), Trigger("mix.random")])
    assert show.course.here == Target(LITE, "stem", 4)
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
    flight = Flight(Loader(lambda: engine, background=False), seed=5)
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
        assert show.course.here == STEM
    engine.missing.clear()
    show.apply([Set("mix.target", str(VGG))])
    settle(show.loader)
    show.advance(0.1)
    assert show.course.here == VGG
    show.advance(9.0)
    assert show.mix() == {VGG: 1.0}


@pytest.mark.parametrize("background", [False, True])
def test_a_fault_while_loading_is_one_line_that_names_the_network(background: bool) -> None:
    def broken() -> FakeEngine:
        raise RuntimeError("out of memory\nand more\nlines")

    loader = Loader(broken, background)
    if background:
        assert not loader.ready([LITE])
        settle(loader)
    with pytest.raises(LiveflightError, match=f"^{LITE} cannot be loaded: .*out of mem") as told:
        loader.ready([LITE])
    assert "\n" not in str(told.value)
    assert loader.engine is None


def test_an_engine_is_made_once(engine: FakeEngine) -> None:
    made: list[FakeEngine] = []

    def make() -> FakeEngine:
        made.append(engine)
        return engine

    loader = Loader(make, background=False)
    assert loader.ready([])
    assert not made
    assert loader.ready([LITE, "vgg16"]) and loader.ready(["vgg19", LITE])
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
    show.course.size = SIZE
    fly_until_planned(show)
    assert show.mix() == {STEM: 1.0}
    return show


def fly_until_planned(flight: Flight) -> None:
    for _ in range(8):
        flight.advance(0.0)
        assert not flight.loader._work.busy or flight.loader._work.wait(60)
    flight.advance(0.0)


def test_another_filter_of_a_planned_layer_needs_no_plan(aloft: Flight, engine: FakeEngine) -> None:
    plans = list(engine.plans)
    aloft.apply([Trigger("mix.filter_next")])
    assert aloft.course.schedule.goal == {Target(LITE, "stem", 4): 1.0}
    assert engine.plans == plans


def test_another_layer_is_planned_while_the_flight_goes_on(
    aloft: Flight, engine: FakeEngine
) -> None:
    engine.planning.clear()
    aloft.apply([Set("mix.target", str(DEEP))])
    for _ in range(50):
        aloft.advance(0.1)
        assert aloft.mix() == {STEM: 1.0}
    assert aloft.course.here == DEEP
    engine.planning.set()
    fly_until_planned(aloft)
    assert aloft.course.schedule.goal == {DEEP: 1.0}
    assert engine.plans[-2:] == [(STEM_LAYER | DEEP_LAYER, SIZE), (DEEP_LAYER, SIZE)]


def test_every_mix_of_a_flight_was_planned(aloft: Flight, engine: FakeEngine) -> None:
    """However the switches interrupt one another."""
    aloft.controls.set("mix.crossfade", 1.0)
    stops = itertools.cycle([DEEP, VGG, STEM, Target("vgg16", "conv2_1", 5), VGG, DEEP])
    for number in range(400):
        if number % (3 + number // 20) == 0:
            aloft.apply([Set("mix.target", str(next(stops)))])
        aloft.advance(1 / 32)
        if number % 3 == 0 and aloft.loader._work.busy:
            assert aloft.loader._work.wait(60)
        mix = frozenset((target.network, target.layer) for target in aloft.mix())
        assert engine.planned(mix, SIZE)
    assert not aloft.reports.counts


def test_a_layer_that_cannot_be_planned_is_reported_and_flown(
    aloft: Flight, engine: FakeEngine
) -> None:
    engine.impossible.add(DEEP.layer)
    aloft.apply([Set("mix.target", str(DEEP))])
    fly_until_planned(aloft)
    assert aloft.course.schedule.goal == {DEEP: 1.0}
    assert sum(aloft.reports.counts.values()) == 2


def test_a_canvas_of_another_size_is_planned_after_what_the_performer_wants(
    aloft: Flight, engine: FakeEngine
) -> None:
    smaller = (16, 9)
    aloft.apply([Set("mix.target", str(DEEP))])
    assert not aloft.course.ready_at(smaller)
    fly_until_planned(aloft)
    while not aloft.course.ready_at(smaller):
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


# Reports


def test_a_trouble_is_logged_once_and_then_counted(caplog: pytest.LogCaptureFixture) -> None:
    reports = Reports()
    for _ in range(5):
        reports.add(LiveflightError("the cable is out\nhere is more"))
    reports.add("something else")
    assert [(record.name, record.levelno, record.getMessage()) for record in caplog.records] == [
        ("liveflight.flight", logging.WARNING, "the cable is out\nhere is more"),
        ("liveflight.flight", logging.WARNING, "something else"),
    ]
    assert reports.counts == {"the cable is out\nhere is more": 5, "something else": 1}
    assert reports.last == "something else"
    reports.add(LiveflightError("the cable is out\nhere is more"))
    assert reports.last == "the cable is out"


def test_a_trouble_without_words_goes_by_its_kind() -> None:
    reports = Reports()
    reports.add(MemoryError())
    assert reports.last == "MemoryError"


def test_ever_new_troubles_fill_neither_log_nor_memory(caplog: pytest.LogCaptureFixture) -> None:
    reports = Reports()
    for number in range(1000):
        reports.add(f"trouble {number}")
    assert len(reports.counts) == len(caplog.records) == 201
    assert reports.counts["further troubles"] == 800
    assert reports.last == "trouble 999"


def test_nonsense_from_the_network_is_logged_once(
    flight: Flight, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(50):
        flight.apply([Set("mix.target", "\x1b[2Jnonsense" * 9)])
        flight.advance(0.02)
    assert len(caplog.records) == 1
    assert "\x1b" not in caplog.text
    assert list(flight.reports.counts.values()) == [50]
    assert flight.mix() == {STEM: 1.0}
