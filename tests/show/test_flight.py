from __future__ import annotations

import itertools
import logging

import pytest
from each import each
from fake_engine import FakeEngine
from in_flight import DEEP, LITE, STEM, VGG, fire

from liveflight import networks
from liveflight.controllers.osc.echo_suppressor import dump
from liveflight.controllers.osc.reader import Reader, Sender
from liveflight.core.contracts import LiveflightError, Target, Value
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Beat, Mailbox, Message, Nudge, Query, Set, Trigger
from liveflight.core.modulation import ModulationRow
from liveflight.core.xy_pad import CORNERS
from liveflight.show.fault_reports import FaultReports
from liveflight.show.flight import Flight, NetworkLoader
from liveflight.storage import presets
from liveflight.storage.cue_lists import Cue, CueList
from liveflight.storage.presets import Preset

# Targets


def test_it_begins_at_its_first_target_at_once(flight: Flight, engine: FakeEngine) -> None:
    assert flight.mix() == {STEM: 1.0}
    assert flight.target_selector.here == STEM
    assert engine.prepared == [LITE]


def test_the_next_target_grows_over_the_crossfade(flight: Flight) -> None:
    flight.controls.set("mix.crossfade", 2.0)
    flight.apply([Set("mix.target", str(DEEP))])
    assert flight.mix() == {STEM: 1.0}
    assert flight.target_selector.here == DEEP
    flight.advance(1.0)
    assert flight.mix() == pytest.approx({STEM: 0.5, DEEP: 0.5})
    flight.advance(1.0)
    assert flight.mix() == {DEEP: 1.0}


def test_here_is_the_strongest_of_a_mix(flight: Flight) -> None:
    flight.aim({STEM: 1.0, VGG: 3.0, DEEP: 2.0})
    assert flight.target_selector.here == VGG


def test_a_target_by_any_of_its_names(flight: Flight) -> None:
    flight.apply([Set("mix.target", " VGG16:features.17:17 ")])
    assert flight.target_selector.here == VGG


@pytest.mark.parametrize(
    ("text", "reason"),
    [
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
    assert flight.target_selector.here == Target(LITE, "stem", 4)


def test_a_drummed_key_is_one_step_each(flight: Flight) -> None:
    assert fire(flight, *["filter_next"] * 20) == Target(LITE, "stem", 23)
    flight.advance(1.5)
    assert len(flight.mix()) <= 6


def test_random_is_another_living_filter_of_the_layer(flight: Flight, engine: FakeEngine) -> None:
    seen = {fire(flight, "random").filter for _ in range(40)}
    assert seen == set(engine.alive)
    assert (flight.target_selector.here.network, flight.target_selector.here.layer) == (
        LITE,
        "stem",
    )


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
        (Nudge("ascent.steps", 1), "ascent.steps 2 views"),
        (Nudge("show.hud", 1), "show.hud on"),
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
    assert len(triggers) == 8
    ends = {"nothing was flown before this", "nothing was flown after this"}
    assert set(flight.reports.counts) <= ends


def test_panic_is_a_safe_look_at_once_and_twice_black(flight: Flight) -> None:
    here = flight.target_selector.here
    disorder: dict[str, Value] = {
        "camera.rotation": 180.0,
        "warp.kaleidoscope": 12,
        "show.master": 0.1,
        "show.freeze": True,
        "show.blackout": True,
        "show.governor": False,
        "tempo.bpm": 90.0,
    }
    flight.apply([Set(key, value) for key, value in disorder.items()])
    flight.advance(60.0)
    flight.apply([Trigger("show.panic")])
    assert flight.controls.number("camera.rotation") == 0.0, "without a glide"
    assert flight.controls.number("show.master") == 1.0
    assert not flight.controls.flag("show.freeze") and not flight.controls.flag("show.blackout")
    assert flight.controls.flag("show.governor")
    assert flight.controls.whole("warp.kaleidoscope") == 0
    assert (flight.controls.number("tempo.bpm"), flight.target_selector.here) == (90.0, here)
    flight.advance(1.9)
    flight.apply([Trigger("show.panic")])
    assert flight.controls.flag("show.blackout")
    flight.advance(2.1)
    flight.apply([Trigger("show.panic")])
    assert not flight.controls.flag("show.blackout")


def test_nothing_that_waited_for_the_beat_comes_after_a_panic(flight: Flight) -> None:
    flight.apply([Set("tempo.quantise", "bar"), Set("mix.target", str(DEEP))])
    assert flight.values()["tempo.waiting"] != ""
    flight.apply([Trigger("show.panic")])
    assert flight.values()["tempo.waiting"] == ""
    flight.advance(10.0)
    assert flight.target_selector.here == STEM


def test_questions_are_answered_and_are_no_message(flight: Flight) -> None:
    answers: list[Value] = []
    flight.apply([Set("camera.zoom", 3.0)])
    keys = ["camera.zoom", "warp.mirror", "show.freeze", "mix.target", "show.preset"]
    flight.apply([Query(key, answers.append) for key in keys])
    assert answers == [3.0, "off", False, str(STEM), ""]
    assert flight.last_message == "camera.zoom 3 x/s"


# Presets


@pytest.fixture
def navigator(monkeypatch: pytest.MonkeyPatch) -> dict[str, Preset]:
    """The presets there are."""
    known: dict[str, Preset] = {}

    def find(text: str) -> Preset:
        if text in known:
            return known[text]
        raise LiveflightError(f"there is no preset {text!r}")

    monkeypatch.setattr(presets, "find", find)
    return known


def test_a_preset_sets_everything_it_says_and_the_rest_to_default(
    flight: Flight, navigator: dict[str, Preset]
) -> None:
    settings: dict[str, Value] = {"camera.zoom": 2.5, "warp.mirror": "both", "mix.crossfade": 4.0}
    navigator["look"] = Preset("look", {VGG: 1.0, DEEP: 1.0}, settings, journey=(STEM, DEEP))
    flight.apply([Set("colour.hue", 90.0), Set("show.hud", True), Set("show.preset", "look")])
    assert flight.preset_player.preset == "look"
    for row in ROWS:
        if row.saved:
            assert flight.controls.setting(row.key) == settings.get(row.key, row.default)
    assert flight.controls.flag("show.hud"), "what presets do not hold is left as it is"
    assert flight.autopilot.stops == (STEM, DEEP)
    flight.advance(2.0)
    assert flight.mix() == pytest.approx({STEM: 0.5, VGG: 0.25, DEEP: 0.25})
    answers: list[Value] = []
    flight.apply([Query("show.preset", answers.append)])
    assert answers == ["look"]


def test_a_preset_without_targets_begins_its_journey_or_stays(flight: Flight) -> None:
    flight.recall(Preset("journey", {}, journey=(DEEP, STEM)))
    assert flight.target_selector.here == DEEP
    flight.recall(Preset("look", {}, {"camera.zoom": 2.0}))
    assert flight.target_selector.here == DEEP
    assert flight.autopilot.stops == ()


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
    preset: Preset, flight: Flight, engine: FakeEngine, navigator: dict[str, Preset]
) -> None:
    engine.missing.add("vgg16")
    navigator["bad"] = preset
    flight.apply([Set("camera.zoom", 2.0), Set("show.preset", "bad")])
    assert sum(flight.reports.counts.values()) == 1
    assert flight.controls.setting("camera.zoom") == 2.0
    assert flight.mix() == {STEM: 1.0}
    assert flight.preset_player.preset == ""
    assert flight.autopilot.stops == ()
    assert flight.last_message == "camera.zoom 2 x/s"


def test_a_preset_that_is_not_there_is_reported(
    flight: Flight, navigator: dict[str, Preset]
) -> None:
    flight.apply([Set("show.preset", "nix")])
    assert flight.reports.counts == {"there is no preset 'nix'": 1}


# Mistyped in quick succession


@pytest.mark.parametrize(
    ("names", "recalled", "reported"),
    [
        (("goood", "good", "77"), "good", 2),
        (("good", "77", "goood", "7"), "good", 3),
        (("good", "better", "bset"), "better", 1),
        (("better", "bset", "good"), "good", 1),
        (("goood", "77"), "", 2),
    ],
)
def test_the_last_preset_that_there_is_wins(
    names: tuple[str, ...],
    recalled: str,
    reported: int,
    flight: Flight,
    navigator: dict[str, Preset],
) -> None:
    navigator |= {name: Preset(name, {DEEP: 1.0}) for name in ("good", "better")}
    mailbox = Mailbox()
    for name in names:
        mailbox.put(Set("show.preset", name))
    flight.apply(mailbox.drain())
    assert (flight.preset_player.preset, len(flight.reports.counts)) == (recalled, reported)


def test_the_last_target_that_there_is_wins_and_a_mistyped_one_leaves_the_pad_on(
    flight: Flight, weights: set[str]
) -> None:
    corners = zip(CORNERS, (STEM, DEEP, STEM, DEEP), strict=True)
    flight.apply([*(Set(key, str(one)) for key, one in corners), Set("pad.on", True)])
    mailbox = Mailbox()
    for text in ("nix", f"{LITE}:stme:3", "vgg16:conv4_1:9999"):
        mailbox.put(Set("mix.target", text), Set("pad.b", text))
    flight.apply(mailbox.drain())
    assert len(flight.reports.counts) == 3
    assert flight.controls.flag("pad.on") and flight.controls.setting("pad.b") == str(DEEP)
    mailbox.put(Set("mix.target", str(DEEP)), Set("mix.target", "nix"))
    flight.apply(mailbox.drain())
    assert flight.target_selector.here == DEEP and not flight.controls.flag("pad.on")


# What the network may not


AFAR = "osc:10.0.0.5:9000"


def test_nothing_is_downloaded_for_the_network_unless_that_is_allowed(
    flight: Flight, engine: FakeEngine, weights: set[str], navigator: dict[str, Preset]
) -> None:
    navigator["far"] = Preset("far", {VGG: 1.0}, {"camera.zoom": 3.0})
    navigator["farther"] = Preset("farther", {DEEP: 1.0}, journey=(DEEP, VGG))
    before = flight.values()
    asked = [Set("show.preset", "far", AFAR), Set("show.preset", "farther", AFAR),
        Set("mix.target", str(VGG), AFAR), Set("pad.a", str(VGG), "oscquery:::1:5"),
        Set("pad.b", str(VGG), "dmx:artnet 0")]  # fmt: skip
    for message in asked:
        flight.apply([message])
        flight.advance(0.0)
        assert "only with --allow-remote-downloads" in flight.reports.last
    assert (engine.prepared, flight.values()) == ([LITE], before)
    assert sum(flight.reports.counts.values()) == len(asked)
    weights.add("vgg16")
    flight.apply(asked)
    assert sum(flight.reports.counts.values()) == len(asked)
    assert "vgg16" in engine.prepared


@pytest.mark.parametrize("origin", ["key", "", "midi:box", AFAR])
def test_a_performer_may_have_weights_downloaded(
    origin: str, flight: Flight, engine: FakeEngine, weights: set[str]
) -> None:
    flight.remote_downloads = origin == AFAR
    flight.apply([Set("mix.target", str(VGG), origin)])
    assert "vgg16" in engine.prepared and not flight.reports.counts


def test_what_the_network_asked_for_taints_nothing_that_comes_later(
    flight: Flight, engine: FakeEngine, weights: set[str], navigator: dict[str, Preset]
) -> None:
    navigator["far"] = Preset("far", {VGG: 1.0})
    flight.cues.start(CueList("cues", (Cue("far", seconds=9.0),)))
    engine.prepared.clear()
    flight.apply([Set("camera.zoom", 2.0, AFAR), Trigger("cue.go", AFAR)])
    assert not flight.reports.counts, "the list is the performer's own"


def test_a_list_that_the_network_starts_downloads_nothing_either(
    flight: Flight, engine: FakeEngine, weights: set[str], navigator: dict[str, Preset]
) -> None:
    navigator["far"], navigator["near"] = Preset("far", {VGG: 1.0}), Preset("near", {DEEP: 1.0})
    cues = CueList("theirs", (Cue("near", seconds=1.0), Cue("far", seconds=1.0)))
    flight.cues.find = lambda name: cues
    weights.add(DEEP.network)
    engine.prepared.clear()
    flight.apply([Set("cue.list", "theirs", AFAR)])
    for _ in range(5):
        flight.advance(0.5)
    assert any("only with --allow-remote-downloads" in each for each in flight.reports.counts)
    assert "vgg16" not in engine.prepared
    flight.apply([Set("cue.list", "theirs"), Trigger("cue.go")])
    assert "vgg16" in engine.prepared


# Following another liveflight


@pytest.fixture
def leader(flight: Flight) -> Flight:
    """Where `flight` is."""
    leader = Flight(NetworkLoader(FakeEngine, background=False), seed=6)
    leader.aim({STEM: 1.0})
    return leader


@pytest.fixture
def at_hand(weights: set[str]) -> None:
    """The weights that whoever leads has."""
    weights |= {"vgg16", LITE}


def follow(leader: Flight, flight: Flight) -> None:
    """All that the leader tells reaches the same frame."""
    mailbox, reader = Mailbox(), Reader()
    for datagram in dump(leader.values()):
        mailbox.put(*reader.read(datagram, Sender("osc:192.0.2.7:9", None)))
    flight.apply(mailbox.drain())
    assert not flight.reports.counts


@pytest.mark.usefixtures("at_hand")
def test_who_follows_flies_all_targets_of_a_preset(
    leader: Flight, flight: Flight, navigator: dict[str, Preset]
) -> None:
    navigator["many"] = Preset("many", {STEM: 2.0, DEEP: 1.0, VGG: 1.0})
    leader.apply([Set("show.preset", "many")])
    follow(leader, flight)
    assert (
        flight.target_selector.goal
        == leader.target_selector.goal
        == {STEM: 0.5, DEEP: 0.25, VGG: 0.25}
    )
    leader.apply([Set("mix.target", str(STEM))])
    follow(leader, flight)
    assert flight.target_selector.goal == {STEM: 1.0}


def test_who_follows_takes_as_long_to_cross_over(
    leader: Flight, flight: Flight, navigator: dict[str, Preset]
) -> None:
    navigator["look"] = Preset("look", {DEEP: 1.0})
    leader.apply([Set("morph.time", 8.0), Set("show.preset", "look")])
    flight.apply([Set("morph.time", 8.0)])
    follow(leader, flight)
    for one in (leader, flight):
        one.advance(4.0)
    assert flight.mix() == leader.mix() == pytest.approx({STEM: 0.5, DEEP: 0.5})


@pytest.mark.usefixtures("at_hand")
def test_who_follows_has_the_pad_wherever_its_finger_goes(
    leader: Flight, flight: Flight, navigator: dict[str, Preset]
) -> None:
    navigator["look"] = Preset("look", {DEEP: 1.0})
    corners = zip(CORNERS, (STEM, DEEP, VGG, STEM), strict=True)
    leader.apply([Set("show.preset", "look"), *(Set(key, str(one)) for key, one in corners)])
    leader.apply([Set("pad.on", True)])
    for x, y in ((0.5, 0.5), (1.0, 0.0), (0.0, 1.0)):
        leader.apply([Set("pad.x", x), Set("pad.y", y)])
        leader.advance(2.0)
        follow(leader, flight)
        for _ in range(4):
            leader.advance(2.0)
            flight.advance(2.0)
        assert flight.controls.flag("pad.on")
        assert flight.target_selector.goal == pytest.approx(leader.target_selector.goal, abs=0.01)


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


def test_a_preset_brings_its_modulation_and_takes_it_away(flight: Flight) -> None:
    row = ModulationRow("camera.zoom", "lfo", 0.2, shape="square", smooth=0.0)
    flight.recall(Preset("a", {}, modulation=(row,)))
    assert flight.as_preset("mine").modulation == (row,)
    flight.advance(0.1)
    assert flight.controls.number("camera.zoom") > 1.5
    assert flight.values()["camera.zoom"] == 1.2
    flight.recall(Preset("b", {}))
    flight.advance(5.0)
    assert flight.controls.number("camera.zoom") == 1.2


# The beat


def test_a_step_waits_for_the_bar(flight: Flight) -> None:
    flight.apply([Set("tempo.quantise", "bar"), Trigger("mix.filter_next")])
    flight.advance(1.9)
    assert flight.target_selector.here == STEM
    assert flight.values()["tempo.waiting"] == "at the bar: filter next"
    flight.advance(0.2)
    assert flight.target_selector.here == Target(LITE, "stem", 4)
    assert flight.last_message == "mix.filter_next"


def test_what_cannot_be_done_is_reported_at_once_and_takes_nothings_place(flight: Flight) -> None:
    flight.apply([Set("tempo.quantise", "beat"), Set("mix.target", str(DEEP))])
    for bad in ("nix", f"{LITE}:stme:3", f"{LITE}:stem:99"):
        flight.apply([Set("mix.target", bad)])
    assert len(flight.reports.counts) == 3
    flight.advance(0.6)
    assert flight.target_selector.here == DEEP


def test_a_mistyped_preset_leaves_the_one_that_waits_for_its_beat(
    flight: Flight, navigator: dict[str, Preset]
) -> None:
    navigator["good"] = Preset("good", {DEEP: 1.0})
    navigator["broken"] = Preset("broken", {Target(LITE, "stme", 3): 1.0})
    flight.apply([Set("tempo.quantise", "bar"), Set("show.preset", "good")])
    flight.apply([Set("show.preset", "goood"), Set("show.preset", "broken")])
    assert len(flight.reports.counts) == 2
    flight.advance(2.1)
    assert (flight.preset_player.preset, flight.target_selector.here) == ("good", DEEP)


def test_taps_resync_and_outside_clocks_reach_the_tempo(flight: Flight) -> None:
    flight.apply([Trigger("tempo.tap")])
    flight.advance(0.4)
    flight.apply([Trigger("tempo.tap"), Trigger("tempo.resync")])
    assert flight.values()["tempo.bpm"] == pytest.approx(150.0)
    assert flight.tempo.position % 16 == 0
    flight.apply([Beat(6.5, 96.0, origin="link")])
    flight.advance(0.01)
    assert flight.values()["tempo.bpm"] == 96.0
    assert flight.values()["tempo.source"] == "link"
    assert flight.tempo.position % 16 == pytest.approx(6.5)


def test_what_is_sensed_is_no_message(flight: Flight) -> None:
    flight.apply([Set("camera.zoom", 3.0), Set("sound.level", 0.4)])
    assert flight.last_message == "camera.zoom 3 x/s"
    assert flight.values()["sound.level"] == 0.4


# The autopilot, and time


def autopilot(flight: Flight, dwell: float) -> None:
    flight.apply([Set("show.autopilot", True), Set("show.dwell", dwell), Set("mix.crossfade", 0.5)])


def flown(flight: Flight, seconds: int) -> list[Target]:
    """Where it was after each second."""
    seen = []
    for _ in range(seconds):
        for _ in range(4):
            flight.advance(0.25)
        seen.append(flight.target_selector.here)
    return seen


def test_the_autopilot_goes_along_the_journey_dwell_by_dwell(flight: Flight) -> None:
    flight.autopilot.follow([DEEP, VGG, STEM])
    autopilot(flight, 2.0)
    assert flown(flight, 8) == [STEM, DEEP, DEEP, VGG, VGG, STEM, STEM, DEEP]


def test_the_autopilot_waits_for_the_beat_as_a_performer_would(flight: Flight) -> None:
    flight.autopilot.follow([DEEP, VGG, STEM])
    flight.apply([Set("tempo.quantise", "bar"), Set("tempo.bpm", 60.0)])  # a bar is 4 s
    autopilot(flight, 3.0)
    assert flown(flight, 12) == [STEM] * 3 + [DEEP] * 4 + [VGG] * 4 + [STEM]


def test_without_a_journey_the_autopilot_wanders_among_the_living(
    flight: Flight, engine: FakeEngine
) -> None:
    autopilot(flight, 1.0)
    seen = flown(flight, 30)
    assert {one.filter for one in seen} == set(engine.alive)
    assert all(before != after for before, after in itertools.pairwise(seen))


def test_the_same_seed_wanders_the_same_way() -> None:
    def way(seed: int) -> list[Target]:
        flight = Flight(NetworkLoader(lambda: FakeEngine(alive=range(32)), background=False), seed)
        flight.aim({STEM: 1.0})
        autopilot(flight, 1.0)
        return flown(flight, 20)

    assert way(4) == way(4)
    assert way(4) != way(5)


def test_by_sight_it_goes_to_what_is_seen_in_its_layer_and_else_wanders(
    flight: Flight, engine: FakeEngine
) -> None:
    flight.autopilot.follow([DEEP])
    autopilot(flight, 1.0)
    flight.apply([Set("show.autopilot_mode", "sight"), Set("show.seen", f"{LITE}:stem:30")])
    assert flown(flight, 3) == [Target(LITE, "stem", 30)] * 3
    for nothing in (str(DEEP), str(VGG), ""):
        flight.apply([Set("show.seen", nothing)])
        (there,) = flown(flight, 1)
        assert there.layer == "stem" and there.filter in engine.alive


def test_wandering_passes_the_journey_by(flight: Flight, engine: FakeEngine) -> None:
    flight.autopilot.follow([DEEP, VGG])
    autopilot(flight, 1.0)
    flight.apply([Set("show.autopilot_mode", "wander")])
    assert {(one.layer, one.filter) for one in flown(flight, 12)} == {
        ("stem", number) for number in engine.alive
    }


def test_targets_are_described_by_name(flight: Flight) -> None:
    flight.apply([Set("mix.target", f"{LITE}:class:jellyfish")])
    assert flight.last_message == f"mix.target {LITE}:class:107 jellyfish"
    flight.apply([Set("mix.target", str(DEEP))])
    assert flight.last_message == f"mix.target {DEEP}"


def test_without_the_autopilot_nothing_changes(flight: Flight) -> None:
    flight.autopilot.follow([DEEP, VGG])
    assert set(flown(flight, 20)) == {STEM}


CHOICES: tuple[Message, ...] = (
    Set("mix.target", str(VGG), "osc:10.0.0.7:1"),
    Set("mix.target_add", str(VGG)),
    *map(Trigger, ("mix.filter_next", "mix.layer_deeper", "mix.network_next", "mix.random")),
    Trigger("mix.back"),
)


@each(CHOICES)
def test_a_filter_that_a_performer_chose_stays_until_the_autopilot_is_asked_for_again(
    choice: Message, flight: Flight
) -> None:
    flight.autopilot.follow([DEEP, STEM])
    autopilot(flight, 2.0)
    flown(flight, 3)
    flight.apply([choice])
    goal = flight.target_selector.goal
    for again in (Nudge("show.autopilot", 1), Set("show.autopilot", True)):
        flown(flight, 5)
        assert flight.target_selector.goal == goal and flight.values()["show.autopilot"] is True
        assert flight.values()["show.autopilot_paused"] == "autopilot paused: Tab resumes"
        flight.apply([again])
        assert flight.values()["show.autopilot"] is True, "it was on, and is no longer paused"
        flown(flight, 1)
        assert flight.values()["show.autopilot_paused"] == ""
        assert flight.target_selector.goal != goal, "it goes on at once"
        flight.apply([choice])
        goal = flight.target_selector.goal
    assert not flight.reports.counts


def test_a_preset_with_the_autopilot_on_resumes_it_and_a_failed_choice_does_not_pause_it(
    flight: Flight,
) -> None:
    autopilot(flight, 2.0)
    flight.apply([Trigger("mix.forth")])
    flight.advance(0.25)
    assert flight.reports.counts and flight.values()["show.autopilot_paused"] == ""
    flight.apply([Trigger("mix.random")])
    flight.advance(0.25)
    assert flight.values()["show.autopilot_paused"]
    settings: dict[str, Value] = {"show.autopilot": True, "show.dwell": 1.0}
    flight.recall(Preset("journey", {STEM: 1.0}, settings, (STEM, DEEP)))
    assert set(flown(flight, 4)) == {STEM, DEEP}
    assert flight.values()["show.autopilot_paused"] == ""


def test_off_is_not_paused(flight: Flight) -> None:
    flight.autopilot.follow([DEEP])
    for off in (Set("show.autopilot", False), Trigger("show.panic")):
        autopilot(flight, 2.0)
        flight.apply([Trigger("mix.filter_next"), off])
        flight.advance(0.25)
        assert flight.values()["show.autopilot"] is False
        assert flight.values()["show.autopilot_paused"] == ""
        flight.apply([Nudge("show.autopilot", 1)])
        assert flight.values()["show.autopilot"] is True


def test_the_sound_reaction_says_what_it_needs(flight: Flight) -> None:
    flight.apply([Nudge("sound.react", 1)])
    assert flight.last_message == "no sound is heard: start with --sound default"
    flight.apply([Set("sound.react", "off")])
    assert flight.last_message == "sound.react off"
    flight.apply([Set("sound.level", 0.3), Set("sound.low", 0.5)])
    flight.advance(0.1)
    before = flight.controls.number("camera.speed")
    flight.apply([Set("sound.react", "strong")])
    assert flight.last_message == "sound.react strong"
    flight.advance(0.1)
    assert flight.controls.number("camera.speed") > before == flight.values()["camera.speed"]
    flight.apply([Trigger("show.panic")])
    assert flight.values()["sound.react"] == "off"


def test_frozen_time_stands_still(flight: Flight) -> None:
    flight.autopilot.follow([DEEP])
    autopilot(flight, 1.0)
    flight.aim({VGG: 1.0})
    flight.advance(0.25)
    mix, now = flight.mix(), flight.target_selector.time
    assert len(mix) == 2
    flight.apply([Set("show.freeze", True)])
    assert set(flown(flight, 30)) == {VGG}
    assert (flight.mix(), flight.target_selector.time) == (mix, now)
    flight.apply([Set("show.freeze", False)])
    flight.advance(0.25)
    assert flight.mix() == {VGG: 1.0}


def test_an_autopilot_whose_networks_are_missing_tries_once_a_dwell(
    flight: Flight, engine: FakeEngine
) -> None:
    engine.missing.add("vgg16")
    flight.autopilot.follow([VGG])
    autopilot(flight, 2.0)
    assert set(flown(flight, 7)) == {STEM}
    assert flight.reports.counts == {"no weights for vgg16": 3}


# Reports


def test_a_trouble_is_logged_once_and_then_counted(caplog: pytest.LogCaptureFixture) -> None:
    reports = FaultReports()
    for _ in range(5):
        reports.add(LiveflightError("the cable is out\nhere is more"))
    reports.add("something else")
    assert [(record.name, record.levelno, record.getMessage()) for record in caplog.records] == [
        ("liveflight.show.flight", logging.WARNING, "the cable is out\nhere is more"),
        ("liveflight.show.flight", logging.WARNING, "something else"),
    ]
    assert reports.counts == {"the cable is out\nhere is more": 5, "something else": 1}
    assert reports.last == "something else"
    reports.add(LiveflightError("the cable is out\nhere is more"))
    assert reports.last == "the cable is out"


def test_a_trouble_without_words_goes_by_its_kind() -> None:
    reports = FaultReports()
    reports.add(MemoryError())
    assert reports.last == "MemoryError"


def test_ever_new_troubles_fill_neither_log_nor_memory(caplog: pytest.LogCaptureFixture) -> None:
    reports = FaultReports()
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


# The mix, the journey, the history


def test_a_target_is_added_as_strong_as_the_others_and_again_stronger(flight: Flight) -> None:
    flight.apply([Set("mix.target_add", str(DEEP))])
    assert flight.target_selector.goal == {STEM: 0.5, DEEP: 0.5}
    flight.apply([Set("mix.target_add", f"{LITE}:STEM:7")])
    assert flight.target_selector.goal == pytest.approx(
        {STEM: 1 / 3, DEEP: 1 / 3, Target(LITE, "stem", 7): 1 / 3}
    )
    flight.apply([Set("mix.target_add", str(DEEP))])
    assert flight.target_selector.goal[DEEP] == pytest.approx(0.5)
    assert not flight.reports.counts


def test_one_more_than_a_mix_holds_takes_the_place_of_another(flight: Flight) -> None:
    added = [Target(LITE, "stem", number) for number in range(10, 20)]
    flight.apply([Set("mix.target_add", str(target)) for target in added])
    assert len(flight.target_selector.goal) == 6 and added[-1] in flight.target_selector.goal


def test_adding_to_the_pad_s_mix_lets_go_of_the_pad(flight: Flight) -> None:
    names = [f"{LITE}:stem:{number}" for number in (1, 2, 3, 4)]
    corners = [Set(key, name) for key, name in zip(CORNERS, names, strict=True)]
    flight.apply([*corners, Set("pad.x", 0.0), Set("pad.y", 0.0)])
    flight.controls.jump()
    flight.apply([Set("pad.on", True)])
    flight.advance(5.0)
    flight.apply([Set("mix.target_add", str(DEEP))])
    assert flight.target_selector.goal == {DEEP: 0.5, Target(LITE, "stem", 1): 0.5}
    assert not flight.controls.flag("pad.on")


def test_the_journey_grows_and_goes_on_from_where_it_was(flight: Flight) -> None:
    flight.apply([Set("mix.journey_add", str(DEEP)), Set("mix.journey_add", str(VGG))])
    assert flight.last_message == f"{VGG} is stop 2 of the journey"
    assert flight.autopilot.onward(STEM, ()) == DEEP
    flight.apply([Set("mix.journey_add", f"{LITE}:class:jellyfish")])
    assert flight.autopilot.stops == (DEEP, VGG, Target(LITE, "class", 107))
    assert flight.autopilot.onward(DEEP, ()) == VGG
    assert flight.as_preset("kept").journey == flight.autopilot.stops


def test_a_journey_is_no_longer_than_a_preset_holds(flight: Flight) -> None:
    for number in range(120):
        flight.apply([Set("mix.journey_add", f"vgg16:conv5_1:{number}")])
    assert len(flight.autopilot.stops) == 99
    assert "99 stops" in flight.reports.last


@pytest.mark.parametrize("key", ["mix.target_add", "mix.journey_add", "mix.star"])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", ""),
        ("nonsense", "not of the form"),
        (f"{LITE}:stem:32", "which has 32: 0 to 31"),
        ("wide_resnet101_2:layer1:1", "was not flown yet"),
    ],
)
def test_what_is_no_target_changes_nothing(
    key: str, name: str, reason: str, flight: Flight
) -> None:
    flight.on_target("mix.star", lambda target: pytest.fail(f"{target} is starred"))
    flight.apply([Set(key, name)])
    assert flight.target_selector.goal == {STEM: 1.0} and flight.autopilot.stops == ()
    assert reason in flight.reports.last and bool(reason) == bool(flight.reports.counts)
    assert flight.values()[key] == ""


def test_back_and_forth_through_what_was_flown(flight: Flight) -> None:
    for target in (DEEP, VGG):
        flight.advance(1.0)
        flight.apply([Set("mix.target", str(target))])
    flight.advance(1.0)
    places = [fire(flight, key) for key in ("back", "back", "forth", "forth")]
    assert places == [DEEP, STEM, DEEP, VGG]
    flight.apply([Trigger("mix.forth")])
    assert flight.target_selector.here == VGG and "nothing was flown after" in flight.reports.last


def test_what_the_autopilot_flew_counts_and_drummed_keys_do_not(flight: Flight) -> None:
    flight.autopilot.follow([DEEP, VGG])
    flight.apply([Set("show.autopilot", True), Set("show.dwell", 1.0)])
    for _ in range(2):
        flight.advance(1.0)
    flight.apply([Set("show.autopilot", False)])
    assert flight.target_selector.here != STEM
    seen = {flight.target_selector.here, fire(flight, "back"), fire(flight, "back")}
    assert seen == {STEM, DEEP, VGG}
    flight.advance(1.0)
    here = flight.target_selector.here
    fire(flight, *["filter_next"] * 9)
    assert fire(flight, "back") == here


def test_a_cue_list_is_started_by_its_name(flight: Flight) -> None:
    flight.apply([Set("cue.list", "exhibition")])
    flight.advance(0.1)
    assert flight.controls.setting("cue.playing") == "exhibition"
    assert str(flight.controls.setting("cue.now")).startswith("1 of 7: reef")
    assert flight.controls.setting("cue.list") == "", "no surface starts it again by an echo"
    for name in ("exhibitio", "../cues/exhibition", "/etc/passwd"):
        flight.apply([Set("cue.list", name)])
        assert "there is no cue list" in flight.reports.last
    assert flight.controls.setting("cue.playing") == "exhibition"
