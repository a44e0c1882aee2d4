"""A show that is captured, saved, read and restored is the same show."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from fake_engine import FakeEngine
from in_flight import DEEP, LITE, STEM, VGG

from liveflight.core.contracts import LiveflightError, Target
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Beat, Message, Nudge, Set, Trigger
from liveflight.core.modulation import ModulationRow
from liveflight.show.flight import Flight, NetworkLoader
from liveflight.show.options import Options
from liveflight.show.start_flight import start_flight
from liveflight.show.state_capture import capture
from liveflight.storage import cue_lists, presets, state_file
from liveflight.storage.cue_lists import Cue, CueList
from liveflight.storage.presets import Preset
from liveflight.storage.saved_state import KEPT, SavedState

NOW = 1.8e9
CUES = CueList("walk", (Cue("reef", 60.0, transition=2.0), Cue("argus", beats=32), Cue("ink", 9.0)))
TARGETS = (STEM, DEEP, VGG, Target(LITE, "block7_expand", 5), Target("vgg16", "conv5_1", 120))


def begun(
    state: SavedState | None = None, engine: FakeEngine | None = None, **more: object
) -> Flight:
    there = engine or FakeEngine(alive=range(40))
    flight = Flight(NetworkLoader(lambda: there, background=False), seed=3)
    start_flight(flight, Options(seed=3, resume=state, **more))  # type: ignore[arg-type]
    return flight


def again(flight: Flight, later: float = 0.0) -> Flight:
    """Return the flight that continues this one in another process, `later` seconds on."""
    data = state_file.dump(capture(flight, NOW))
    return begun(state_file.parse(data).continued(NOW + later))


def anything(chance: random.Random) -> Message:
    """Return a random message of a performer."""
    row = chance.choice([row for row in ROWS if row.writable and row.remote])
    target = str(chance.choice(TARGETS))
    match row.kind:
        case "trigger":
            return Trigger(row.key)
        case "text" if row.group == "pad" or "target" in row.key or "journey" in row.key:
            return Set(row.key, target)
        case "text" if row.key == "show.preset":
            return Set(row.key, chance.choice(("reef", "argus", "ink", "no such preset")))
        case "text":
            return Set("cue.list", chance.choice(("exhibition", "no such list")))
        case "bool" | "enum" if chance.random() < 0.5:
            return Nudge(row.key, 1.0)
        case _:
            return Set(row.key, row.from_position(chance.random()))


def compared(one: SavedState, other: SavedState) -> None:
    assert dict(other.settings) == dict(one.settings)
    assert one.look and other.look
    assert dict(other.look.targets) == pytest.approx(dict(one.look.targets))
    plain = {"targets": {}, "title": "", "about": "", "slot": None}
    assert replace(other.look, **plain) == replace(one.look, **plain)  # type: ignore[arg-type]
    assert bool(other.cues) == bool(one.cues)
    if one.cues and other.cues:
        assert other.cues.cues.cues == one.cues.cues.cues
        assert replace(other.cues, cues=CUES) == replace(one.cues, cues=CUES)
    assert replace(other.autopilot, stayed=0.0) == replace(one.autopilot, stayed=0.0)
    assert other.autopilot.stayed == pytest.approx(one.autopilot.stayed)
    assert list(map(set, other.mixes)) == list(map(set, one.mixes))
    assert (other.here, other.random, other.tapped) == (one.here, one.random, one.tapped)
    assert (other.beats, other.seconds) == (one.beats, one.seconds)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_was_played_goes_on_as_it_was(seed: int) -> None:
    chance = random.Random(seed)
    flight = begun()
    if chance.random() < 0.7:
        flight.cues.start(CUES)
    for _ in range(chance.randrange(60)):
        message = anything(chance)
        if message.key not in ("tempo.quantise", "show.save_as"):
            flight.apply([message])
        flight.advance(chance.choice((0.02, 0.3, 4.0)))
    compared(capture(flight, NOW), capture(again(flight), NOW))


def test_a_cue_goes_on_at_its_time() -> None:
    flight = begun()
    flight.cues.start(CUES)
    for _ in range(25):
        flight.advance(1.0)
    resumed = again(flight)
    resumed.advance(34.0)
    assert resumed.preset_player.preset == "reef"
    assert str(resumed.controls.setting("cue.now")).startswith("1 of 3: reef, 1 s")
    resumed.advance(1.0)
    assert resumed.preset_player.preset == "argus"


def test_a_cue_list_of_a_file_that_has_gone_is_played_on() -> None:
    flight = begun()
    flight.cues.start(CUES)
    flight.apply([Trigger("cue.go"), Trigger("cue.go")])
    resumed = again(flight)
    assert resumed.cues.place == flight.cues.place
    with pytest.raises(LiveflightError):
        cue_lists.find("walk")


def test_a_morph_counts_as_arrived() -> None:
    flight = begun()
    flight.controls.set("morph.time", 10.0)
    flight.recall(Preset("far", {DEEP: 1.0}, {"camera.zoom": 2.0, "warp.kaleidoscope": 6}))
    flight.advance(1.0)
    assert flight.controls.number("camera.zoom") < 1.9
    resumed = again(flight)
    assert resumed.controls.number("camera.zoom") == 2.0
    assert resumed.controls.whole("warp.kaleidoscope") == 6
    assert resumed.preset_player.preset == "far"
    assert resumed.target_selector.goal == {DEEP: 1.0}


def test_what_is_still_being_loaded_is_wanted() -> None:
    engine = FakeEngine()
    flight = Flight(NetworkLoader(lambda: engine, background=True), seed=3)
    start_flight(flight, Options(preset="reef"))
    engine.gate.clear()
    try:
        flight.apply([Set("mix.target", str(VGG))])
        assert again(flight).target_selector.goal == {VGG: 1.0}
    finally:
        engine.gate.set()
        flight.loader.close()


def test_a_preset_that_waits_for_its_network_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    flight = begun()
    flight.apply([Set("camera.zoom", 3.0), Set("ascent.rate", 3.0)])
    loader = flight.target_selector.loader
    monkeypatch.setattr(loader, "ensure_layers_known", lambda names: False)
    flight.recall(Preset("far", {VGG: 1.0}, {"camera.zoom": 2.0}))
    assert flight.preset_player.preset != "far"
    resumed = again(flight)
    assert resumed.preset_player.preset == "far"
    assert resumed.target_selector.goal == {VGG: 1.0}
    assert resumed.controls.number("camera.zoom") == 2.0
    assert resumed.controls.number("ascent.rate") == CONTROLS["ascent.rate"].default


def test_the_autopilot_goes_on_in_its_journey() -> None:
    flight = begun()
    settings = {"show.autopilot": True, "show.dwell": 10.0, "mix.crossfade": 0.0}
    flight.recall(Preset("trip", {}, settings, TARGETS))
    for _ in range(26):
        flight.advance(1.0)
    resumed = again(flight)
    for _ in range(60):
        flight.advance(1.0)
        resumed.advance(1.0)
        assert resumed.target_selector.here == flight.target_selector.here


def test_wandering_and_surprises_go_on_alike() -> None:
    flight = begun()
    flight.apply([Trigger("mix.random")])
    resumed = again(flight)
    for _ in range(5):
        for each in (flight, resumed):
            each.apply([Trigger("mix.random"), Trigger("show.preset_random")])
        assert resumed.target_selector.here == flight.target_selector.here
        assert resumed.preset_player.preset == flight.preset_player.preset


def test_back_leads_to_what_was_flown_before() -> None:
    flight = begun()
    for target in (STEM, DEEP, VGG):
        flight.apply([Set("mix.target", str(target))])
        flight.advance(5.0)
    flight.apply([Trigger("mix.back")])
    resumed = again(flight)
    assert resumed.target_selector.here == DEEP
    resumed.apply([Trigger("mix.forth")])
    assert resumed.target_selector.here == VGG
    resumed.apply([Trigger("mix.back"), Trigger("mix.back")])
    assert resumed.target_selector.here == STEM


@pytest.mark.parametrize(("gap", "beats"), [(3.0, 6.0), (0.0, 0.0), (-50.0, 0.0), (90000.0, 0.0)])
def test_the_beat_goes_on_unless_the_clock_was_set(gap: float, beats: float) -> None:
    flight = begun()
    flight.advance(1.0)
    assert again(flight, gap).tempo.position == flight.tempo.position + beats


def test_an_external_tempo_stays_until_it_is_received_again() -> None:
    flight = begun()
    flight.apply([Beat(7.0, 97.0, origin="link")])
    flight.advance(0.1)
    resumed = again(flight)
    assert resumed.controls.number("tempo.bpm") == 97.0
    assert resumed.tempo.place[1] is False


def test_modulation_is_where_it_was() -> None:
    rows = (ModulationRow("camera.zoom", "lfo", 0.5, hertz=0.013, smooth=0.0),)
    flight = begun()
    flight.recall(Preset("swing", {STEM: 1.0}, modulation=rows))
    for _ in range(50):
        flight.advance(0.1)
    resumed = again(flight)
    for each in (flight, resumed):
        each.advance(0.1)
    assert resumed.controls.offsets["camera.zoom"] == pytest.approx(
        flight.controls.offsets["camera.zoom"], abs=1e-6
    )


def test_the_saved_show_comes_before_the_options() -> None:
    flight = begun(preset="reef", settings={"ascent.rate": 2.0})
    flight.apply([Set("show.preset", "argus"), Set("ascent.rate", 3.0), Set("show.blackout", True)])
    flight.cues.start(CUES)
    state = state_file.parse(state_file.dump(capture(flight, NOW)))
    given = {"preset": "ink", "cues": "exhibition", "network": "vgg16"}
    resumed = begun(state, settings={"ascent.rate": 1.0}, **given)
    compared(capture(flight, NOW), capture(resumed, NOW))


def test_the_safe_look_takes_the_outputs_controls_alone() -> None:
    flight = begun()
    flight.cues.start(CUES)
    flight.apply([Set("show.master", 0.25), Set("show.freeze", True), Set("camera.zoom", 3.0)])
    state = capture(flight, NOW).output_alone
    resumed = begun(state, preset="ink", settings={"ascent.rate": 1.5})
    assert resumed.preset_player.preset == "ink"
    assert resumed.cues.place is None
    assert resumed.controls.number("show.master") == 0.25
    assert resumed.controls.flag("show.freeze")
    assert resumed.controls.number("ascent.rate") == 1.5
    assert resumed.controls.number("camera.zoom") == presets.find("ink").settings["camera.zoom"]


def test_networks_that_have_gone_are_left_out_with_one_line(
    weights: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    weights |= {LITE, "vgg16"}
    flight = begun()
    flight.recall(Preset("two", {STEM: 1.0, VGG: 3.0}))
    state = capture(flight, NOW)
    weights.remove("vgg16")
    caplog.clear()
    resumed = begun(state, preset="reef")
    assert resumed.target_selector.goal == {STEM: 1.0}
    assert [each.message for each in caplog.records] == [
        "saved state: left out: vgg16:conv4_1:17: the weights of vgg16 are not on this machine"
    ]


def test_without_any_target_left_the_show_begins_with_its_preset(weights: set[str]) -> None:
    weights |= {LITE, "vgg16"}
    flight = begun()
    flight.aim({VGG: 1.0})
    flight.apply([Set("camera.zoom", 3.0)])
    state = capture(flight, NOW)
    weights.remove("vgg16")
    resumed = begun(state, preset="reef")
    assert dict(resumed.target_selector.goal) == dict(presets.find("reef").targets) or resumed.mix()
    assert {target.network for target in resumed.target_selector.goal} == {LITE}
    assert resumed.controls.number("camera.zoom") == 3.0


def test_a_preset_whose_file_has_gone_does_not_keep_the_show_from_going_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    flight = begun()
    state = capture(flight, NOW)
    resumed = begun(state, preset="gone", cues="")
    compared(state, capture(resumed, NOW))
    with pytest.raises(LiveflightError, match="gone"):
        begun(preset="gone")


def test_every_control_that_a_performer_sets_is_kept_but_requests() -> None:
    left = {row.key for row in ROWS if row.settable} - KEPT
    assert {CONTROLS[key].kind for key in left} == {"text", "bool"}
    assert {key for key in left if CONTROLS[key].kind == "bool"} == {
        "show.help",
        "show.flash_limit",
    }
    assert not {"pad.a", "pad.b", "pad.c", "pad.d"} & left
