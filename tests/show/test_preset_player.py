"""Looks and cues as a flight has them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fake_engine import FakeEngine
from in_flight import DEEP, LITE, STEM, VGG, settle

from liveflight.core.contracts import LiveflightError, Target, Value
from liveflight.core.mailbox import Set, Trigger
from liveflight.core.modulation import ModulationRow
from liveflight.core.panic import SAFE
from liveflight.networks import Layer, Network, torchvision_models
from liveflight.show.flight import Flight
from liveflight.show.preset_navigation import RecordedPresetNavigator
from liveflight.storage import favourite_presets, presets
from liveflight.storage.cue_lists import Cue, CueList
from liveflight.storage.presets import Preset

LOOK = Preset("look", {DEEP: 1.0}, {"camera.zoom": 4.8, "ascent.steps": 5})


@pytest.fixture
def navigator(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(text: str) -> Preset:
        if text == "look":
            return LOOK
        raise LiveflightError(f"there is no preset {text!r}")

    monkeypatch.setattr(presets, "find", find)


def test_a_recall_morphs_and_leaves_alone_what_is_touched(flight: Flight) -> None:
    flight.apply([Set("morph.beats", 4), Set("morph.curve", "linear")])
    flight.recall(LOOK)
    flight.advance(1.0)  # 4 beats of 120 bpm are 2 s; zoom is geometric: 1.2 to 4.8
    assert flight.controls.number("camera.zoom") == pytest.approx(2.4)
    assert flight.mix() == pytest.approx({STEM: 0.5, DEEP: 0.5})
    flight.apply([Set("camera.zoom", 3.0)])
    flight.advance(1.0)
    assert flight.controls.setting("camera.zoom") == 3.0
    assert flight.controls.whole("ascent.steps") == 5
    assert flight.mix() == {DEEP: 1.0}


def test_undo_goes_back_and_forth(flight: Flight) -> None:
    flight.apply([Trigger("show.undo")])
    assert "nothing to undo" in flight.reports.last
    flight.apply([Set("camera.zoom", 2.0)])
    flight.recall(LOOK)
    for zoom, here in ((2.0, STEM), (4.8, DEEP), (2.0, STEM)):
        flight.apply([Trigger("show.undo")])
        assert flight.controls.setting("camera.zoom") == zoom
        assert flight.target_selector.here == here


def test_the_pad_takes_over_follows_its_finger_and_lets_go(flight: Flight) -> None:
    corners = [STEM, DEEP, VGG, STEM]
    flight.apply([Set("pad.on", True)])
    assert "needs four targets" in flight.reports.last
    assert not flight.controls.flag("pad.on")
    flight.apply(
        [Set(f"pad.{name}", str(one)) for name, one in zip("abcd", corners, strict=True)]
        + [Set("mix.crossfade", 0.0), Set("pad.on", True)]
    )
    assert flight.mix() == pytest.approx({STEM: 0.5, DEEP: 0.25, VGG: 0.25})
    flight.apply([Set("pad.x", 1.0), Set("pad.y", 0.0)])
    for _ in range(40):
        flight.advance(0.1)
    # The pad's x glides towards 1.
    assert flight.mix() == pytest.approx({STEM: 0.0, DEEP: 1.0, VGG: 0.0}, abs=1e-3)
    flight.advance(10.0)
    assert flight.mix() == {STEM: 0.0, DEEP: 1.0, VGG: 0.0}, "the layers stay prepared"
    assert flight.as_preset("now").corners == tuple(corners)
    assert flight.as_preset("now").targets == {DEEP: 1.0}
    flight.apply([Set("mix.target", str(VGG))])
    assert not flight.controls.flag("pad.on")


SPREAD = [Target(LITE, "stem", number) for number in (2, 5, 11, 3)]
"""Four targets: bottom left, bottom right, top left, top right."""

PLACES = [(x / 8, y / 8) for x in range(9) for y in range(9)]


def spread(flight: Flight, **settings: Value) -> None:
    """Fly the pad's four targets, with these controls of the pad."""
    named = {name: str(one) for name, one in zip("abcd", SPREAD, strict=True)}
    given = {"mix.crossfade": 0.0, **{f"pad.{key}": each for key, each in named.items()}}
    given |= {f"pad.{key}": each for key, each in settings.items()}
    flight.apply([Set(key, value) for key, value in given.items()] + [Set("pad.on", True)])
    flight.controls.jump()
    flight.advance(0.1)


def test_without_spread_the_mix_is_the_same_everywhere(flight: Flight) -> None:
    spread(flight, x=0.2, y=0.7)
    assert flight.mix()[SPREAD[2]] == pytest.approx(0.8 * 0.7)
    assert all(flight.preset_player.mix_at(*place) == flight.mix() for place in PLACES)


def test_with_spread_each_corner_of_the_picture_has_its_target(flight: Flight) -> None:
    spread(flight, x=0.2, y=0.7, spread=1.0)
    corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
    for target, corner in zip(SPREAD, corners, strict=True):
        mix = flight.preset_player.mix_at(*corner)
        assert mix == {one: float(one == target) for one in SPREAD}
    middle = flight.preset_player.mix_at(0.5, 0.5)
    assert middle == pytest.approx(dict.fromkeys(SPREAD, 0.25))
    assert flight.mix()[SPREAD[2]] == pytest.approx(0.8 * 0.7), "what is told is the pad's own"


def test_spread_is_smooth_in_space_and_as_it_is_turned_up(flight: Flight) -> None:
    spread(flight, x=0.0, y=0.0, spread=1.0)
    along = [flight.preset_player.mix_at(n / 100, 0.0)[SPREAD[1]] for n in range(101)]
    steps = np.diff(along)
    assert (steps >= 0).all() and steps.max() < 0.016
    assert max(steps[0], steps[-1]) < 1e-3, "its slope ends in the corners"
    shares = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        spread(flight, spread=share)
        mixes = [flight.preset_player.mix_at(*place) for place in PLACES]
        assert all(sum(mix.values()) == pytest.approx(1) for mix in mixes)
        assert all(min(mix.values()) >= 0 for mix in mixes)
        shares.append(flight.preset_player.mix_at(1.0, 0.0)[SPREAD[1]])
    assert shares == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])


def test_a_place_beyond_the_border_has_the_mix_of_the_border(flight: Flight) -> None:
    spread(flight, spread=1.0)
    mix_at = flight.preset_player.mix_at
    assert mix_at(-0.1, 1.2) == mix_at(0.0, 1.0)


def test_nothing_is_spread_while_another_mix_is_crossfaded_to_or_from(flight: Flight) -> None:
    spread(flight, spread=1.0)
    flight.apply([Set("mix.crossfade", 1.0), Set("mix.target", str(DEEP))])
    for _ in range(20):
        flight.advance(0.1)
        assert flight.preset_player.mix_at(0.0, 0.0) == flight.mix()
    assert flight.mix() == {DEEP: 1.0}
    flight.apply([Set("pad.on", True)])
    crossed = 0
    while DEEP in flight.mix():
        assert flight.preset_player.mix_at(0.0, 0.0) == flight.mix()
        flight.advance(0.1)
        crossed += 1
    assert 5 < crossed < 20
    assert flight.preset_player.mix_at(0.0, 0.0)[SPREAD[0]] == 1.0


@pytest.mark.parametrize("begun", [False, True])
def test_a_pad_at_a_corner_takes_over_and_is_left_through_layers_that_are_planned(
    flight: Flight, engine: FakeEngine, begun: bool
) -> None:
    flight.target_selector.size = (64, 36)
    corners = (DEEP, VGG, STEM, DEEP)
    place: dict[str, Value] = {"pad.x": 0.0, "pad.y": 0.0, "mix.crossfade": 1.0}
    if begun:
        flight.recall(Preset("pad", {}, place, corners=corners))
    else:
        named = {f"pad.{name}": str(one) for name, one in zip("abcd", corners, strict=True)}
        flight.apply([Set(key, value) for key, value in (place | named).items()])
        flight.apply([Set("pad.on", True)])
    seen = []
    for frame in range(60):
        if frame == 40:
            flight.apply([Set("mix.target", str(STEM))])
        flight.advance(0.1)
        layers = {(target.network, target.layer) for target in flight.mix()}
        assert engine.planned(layers, (64, 36))
        seen.append(flight.mix())
    assert seen[39] == {DEEP: 1.0, VGG: 0.0, STEM: 0.0}
    assert seen[-1] == {STEM: 1.0}
    assert not flight.reports.counts


# Undo


def test_undo_takes_back_a_panic_and_an_unsaved_look_with_it(flight: Flight) -> None:
    swing = ModulationRow("camera.zoom", "lfo", 0.5)
    flight.recall(Preset("look", {DEEP: 1.0}, {"warp.swirl": 30.0}, (VGG, DEEP), (swing,)))
    flight.apply(
        [Set("camera.zoom", 3.0), Set("warp.kaleidoscope", 6), Set("show.autopilot", True)]
    )
    flown = flight.as_preset("flown")
    flight.apply([Trigger("show.panic")])
    assert flight.as_preset("flown") != flown
    flight.apply([Trigger("show.undo")])
    assert flight.as_preset("flown") == flown
    flight.apply([Trigger("show.undo")])
    assert flight.controls.setting("camera.zoom") == 1.2, "and forth again"
    assert not flight.reports.counts


def test_undo_of_a_double_panic_brings_the_look_and_the_light(flight: Flight) -> None:
    flight.apply([Set("camera.zoom", 3.0), Trigger("show.panic"), Trigger("show.panic")])
    assert flight.controls.flag("show.blackout")
    flight.apply([Trigger("show.undo")])
    assert flight.controls.setting("camera.zoom") == 3.0
    assert not flight.controls.flag("show.blackout")


def test_undo_leaves_a_blackout_of_the_performers_own(flight: Flight) -> None:
    flight.apply([Set("camera.zoom", 3.0), Trigger("show.panic"), Trigger("show.panic")])
    flight.apply([Set("show.blackout", False), Set("show.blackout", True), Trigger("show.undo")])
    assert flight.controls.flag("show.blackout")


def test_a_later_panic_that_changes_nothing_does_not_forget_the_look(flight: Flight) -> None:
    flight.apply([Set("camera.zoom", 3.0), Trigger("show.panic")])
    flight.advance(60.0)
    flight.apply([Trigger("show.panic"), Trigger("show.undo")])
    assert flight.controls.setting("camera.zoom") == 3.0


def test_undo_of_a_panic_that_only_made_it_black_brings_the_light(flight: Flight) -> None:
    flight.apply([Trigger("show.panic")])
    flight.recall(Preset("safe", {STEM: 1.0}))
    flight.advance(60.0)
    look = flight.as_preset("now")
    flight.apply([Trigger("show.panic"), Trigger("show.panic"), Trigger("show.undo")])
    assert not flight.controls.flag("show.blackout")
    assert flight.as_preset("now") == look and flight.preset_player.preset == "safe"


def test_nor_does_it_take_a_preset_to_bring_it(flight: Flight) -> None:
    settings = flight.controls.settings()
    assert all(settings.get(key, value) == value for key, value in SAFE.items())
    flight.apply([Trigger("show.panic"), Trigger("show.panic"), Trigger("show.undo")])
    assert not flight.controls.flag("show.blackout")
    assert not flight.reports.counts


def test_undo_takes_back_a_panic_on_the_pad(flight: Flight) -> None:
    corners = (STEM, DEEP, VGG, STEM)
    flight.recall(Preset("pad", {}, {"pad.x": 0.25}, corners=corners))
    flight.apply([Trigger("show.panic")])
    assert not flight.controls.flag("pad.on")
    flight.apply([Trigger("show.undo")])
    flight.advance(60.0)
    assert flight.controls.flag("pad.on") and flight.controls.setting("pad.x") == 0.25
    assert flight.as_preset("now").corners == corners


@pytest.mark.parametrize("away", [Trigger("show.panic"), Set("show.preset", "look")])
def test_undo_in_the_middle_of_a_morph_goes_where_the_morph_went(
    flight: Flight, navigator: None, away: Trigger | Set
) -> None:
    flight.apply([Set("morph.time", 4.0)])
    flight.recall(Preset("far", {DEEP: 1.0}, {"camera.zoom": 3.0, "warp.mirror": "both"}))
    flight.advance(1.0)
    flight.apply([Set("morph.time", 0.0), away, Trigger("show.undo")])
    assert flight.controls.setting("camera.zoom") == 3.0
    assert flight.controls.word("warp.mirror") == "both"


def test_cues_follow_one_another_skip_what_is_broken_and_hold(
    flight: Flight, navigator: None
) -> None:
    flight.cues.start(CueList("set", (Cue("look", beats=4), Cue("nix", 3), Cue("look", hold=True))))
    flight.advance(1.0)
    assert flight.controls.setting("cue.now") == "1 of 3: look, 2 beats"
    flight.advance(1.0)
    assert flight.controls.setting("cue.now") == "3 of 3: look, holds"
    assert flight.reports.counts == {"there is no preset 'nix'": 1}
    flight.advance(999.0)
    flight.apply([Trigger("cue.go")])
    flight.advance(0.0)
    assert flight.controls.setting("cue.now") == "1 of 3: look, 4 beats"


def test_a_panic_holds_the_cue_list_until_go(flight: Flight, navigator: None) -> None:
    flight.cues.start(CueList("set", (Cue("look", 10), Cue("look", 5), Cue("look", 5))))
    flight.apply([Trigger("show.panic")])
    flight.advance(60.0)
    assert flight.controls.setting("cue.now") == "1 of 3: look, holds"
    flight.apply([Trigger("show.panic"), Trigger("cue.go")])
    flight.advance(2.0)
    assert flight.controls.setting("cue.now") == "2 of 3: look, 3 s"
    flight.apply([Set("cue.hold", True), Trigger("show.panic"), Trigger("cue.go")])
    flight.advance(60.0)
    assert flight.controls.setting("cue.now") == "3 of 3: look, holds", "the performer's own hold"


def test_cues_that_all_are_broken_leave_the_look_and_are_tried_again(
    flight: Flight, navigator: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight.cues.start(CueList("set", (Cue("look", 2.0),)))
    with monkeypatch.context() as broken:
        broken.setattr(presets, "find", lambda text: presets.read(Path("/none/look.toml")))
        for _ in range(5):
            flight.advance(1.0)
        assert flight.reports.counts["no cue of the list can be flown"] == 2
        assert flight.target_selector.here == DEEP
    flight.apply([Set("camera.zoom", 2.0)])
    flight.advance(2.0)
    assert flight.controls.setting("camera.zoom") == 4.8


def test_cues_in_beats_stay_on_the_beat_whatever_the_tempo_and_the_rate(
    flight: Flight, navigator: None
) -> None:
    flight.cues.start(CueList("set", (Cue("look", beats=1), Cue("look", beats=2))))
    seen = []
    for frame in range(1000):
        flight.apply([Set("tempo.bpm", 90.0 if frame < 500 else 171.0)])
        flight.advance(0.07)
        seen.append(str(flight.controls.setting("cue.now"))[0])
    beats = (500 * 1.5 + 500 * 2.85) * 0.07
    changes = sum(before != after for before, after in pairwise(seen))
    assert changes == pytest.approx(beats / 3 * 2, abs=1)


def test_a_cue_list_that_does_not_loop_holds_its_last(flight: Flight, navigator: None) -> None:
    flight.apply([Set("cue.loop", False)])
    flight.cues.start(CueList("set", (Cue("look", 1), Cue("look", 1))))
    flight.advance(1.0)
    flight.advance(999.0)
    assert flight.controls.setting("cue.now") == "2 of 2: look, holds"
    flight.apply([Set("cue.hold", True), Trigger("cue.back")])
    flight.advance(50.0)
    assert flight.controls.setting("cue.now") == "1 of 2: look, holds"
    flight.apply([Set("cue.hold", False)])
    flight.advance(0.1)
    flight.advance(0.1)
    assert flight.controls.setting("cue.now") == "2 of 2: look, holds"


def test_walking_goes_past_a_look_that_cannot_be_flown(
    flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset_player = {"a": DEEP, "b": Target("vgg16", "nowhere", 1), "c": VGG}
    monkeypatch.setattr(presets, "names", lambda: tuple(preset_player))
    monkeypatch.setattr(presets, "find", lambda name: Preset(name, {preset_player[name]: 1.0}))
    monkeypatch.setattr(favourite_presets, "read", lambda: ())
    flight.apply([Trigger("show.preset_next")])
    assert (flight.preset_player.preset, flight.target_selector.here) == ("a", DEEP)
    flight.apply([Trigger("show.preset_next")])
    assert (flight.preset_player.preset, flight.target_selector.here) == ("c", VGG)
    assert "preset b" in flight.reports.last
    for _ in range(9):
        flight.apply([Trigger("show.preset_random")])
        assert flight.preset_player.preset in "ac"


def test_where_no_look_can_be_flown_the_walk_ends_and_the_look_stays(
    flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = {Target("vgg16", "nowhere", 1): 1.0}
    monkeypatch.setattr(presets, "names", lambda: ("a", "b"))
    monkeypatch.setattr(presets, "find", lambda name: Preset(name, nowhere))
    monkeypatch.setattr(favourite_presets, "read", lambda: ())
    flight.apply([Trigger("show.preset_next"), Trigger("show.preset_random")])
    assert flight.target_selector.here == STEM
    assert (
        flight.reports.counts["no preset here can be flown; `liveflight presets` lists them"] == 2
    )
    # What a log of another machine answers may have no end of its own.
    answers = [("+1", Preset(name, nowhere)) for name in "xyz"]
    flight.preset_player.navigator = RecordedPresetNavigator(answers)
    flight.apply([Trigger("show.preset_next")])
    assert flight.target_selector.here == STEM


# Networks whose layers nobody has asked for yet

FAR = Target("resnet18", "layer3.1", 7)


@dataclass
class FindingOut:
    """What finds out about a network, as slowly as `gate` has it."""

    threads: list[threading.Thread] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __call__(self, name: str) -> Network:
        self.threads.append(threading.current_thread())
        assert self.gate.wait(60)
        if name == "resnet34":
            raise LiveflightError("resnet34 cannot be traced")
        return torchvision_models._network(name, name, "", [(Layer("layer3.1", 256, 16), ())], True)


@pytest.fixture
def finding(monkeypatch: pytest.MonkeyPatch) -> Iterator[FindingOut]:
    finding = FindingOut()
    torchvision_models.network.cache_clear()
    monkeypatch.setattr(torchvision_models, "_asked_for", set())
    monkeypatch.setattr(torchvision_models, "_found", finding)
    yield finding
    torchvision_models.network.cache_clear()


@pytest.fixture
def aloft(show: Flight) -> Flight:
    """In flight at STEM, everything else prepared beside it."""
    show.aim({STEM: 1.0})
    settle(show.loader)
    show.advance(0.1)
    assert show.mix() == {STEM: 1.0}
    return show


def arrive(flight: Flight, finding: FindingOut) -> None:
    """What is found out, loaded and planned comes in."""
    finding.gate.set()
    for _ in range(4):
        if flight.loader.busy:
            settle(flight.loader)
        flight.advance(0.1)


def test_a_look_in_an_unlisted_network_is_crossed_over_to_when_that_is_known(
    aloft: Flight, finding: FindingOut
) -> None:
    aloft.recall(Preset("far", {FAR: 1.0}, {"camera.zoom": 4.8}))
    aloft.advance(0.1)
    assert aloft.awaited == "far"
    assert aloft.mix() == {STEM: 1.0} and aloft.preset_player.preset != "far"
    assert aloft.controls.setting("camera.zoom") != 4.8
    finding.gate.set()
    settle(aloft.loader)
    aloft.advance(0.1)
    assert aloft.preset_player.preset == "far" and aloft.awaited == str(FAR), "now it is loaded"
    arrive(aloft, finding)
    assert aloft.awaited == "" and FAR in aloft.mix()
    assert aloft.controls.setting("camera.zoom") == 4.8
    assert finding.threads and threading.current_thread() not in finding.threads


def test_a_look_that_cannot_be_found_out_about_is_reported_once(
    aloft: Flight, finding: FindingOut
) -> None:
    aloft.recall(Preset("none", {Target("resnet34", "layer3.1", 7): 1.0}))
    arrive(aloft, finding)
    assert aloft.reports.counts == {"preset none: resnet34 cannot be traced": 1}
    assert aloft.awaited == "" and aloft.mix() == {STEM: 1.0}


@pytest.mark.parametrize("wish", [Set("mix.target", str(DEEP)), Trigger("show.panic")])
def test_a_newer_wish_is_not_overtaken_by_a_look(
    aloft: Flight, finding: FindingOut, wish: Set | Trigger
) -> None:
    aloft.recall(Preset("far", {FAR: 1.0}))
    aloft.apply([wish])
    arrive(aloft, finding)
    assert aloft.awaited == ""
    assert aloft.preset_player.preset != "far" and FAR not in aloft.target_selector.goal


@pytest.mark.parametrize("text", ["nix", "vgg61:conv4_1:3", f"{STEM.network}:stme:3"])
def test_a_mistyped_wish_takes_nothing_away_that_is_awaited(
    aloft: Flight, finding: FindingOut, text: str
) -> None:
    aloft.recall(Preset("far", {FAR: 1.0}))
    aloft.apply([Set("mix.target", text)])
    with pytest.raises(LiveflightError):
        aloft.recall(Preset("broken", {Target(STEM.network, "stme", 3): 1.0}))
    arrive(aloft, finding)
    assert aloft.preset_player.preset == "far" and FAR in aloft.target_selector.goal
    assert sum(aloft.reports.counts.values()) == 1


@pytest.mark.parametrize("text", ["nix", "vgg61:conv4_1:3"])
def test_a_mistyped_target_takes_no_target_away_that_is_awaited(
    aloft: Flight, finding: FindingOut, text: str
) -> None:
    aloft.apply([Set("mix.target", str(FAR)), Set("mix.target", text)])
    arrive(aloft, finding)
    assert FAR in aloft.target_selector.goal and len(aloft.reports.counts) == 1


def test_what_the_network_asks_for_is_not_downloaded_once_it_is_known_what_it_is(
    aloft: Flight, finding: FindingOut, weights: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        aloft.preset_player.navigator, "find", lambda name: Preset(name, {FAR: 1.0})
    )
    for message in (
        Set("show.preset", "far", "osc:::1:5"),
        Set("mix.target", str(FAR), "osc:::1:5"),
    ):
        aloft.apply([message])
        arrive(aloft, finding)
        assert "only with --allow-remote-downloads" in aloft.reports.last
        assert aloft.awaited == "" and aloft.target_selector.goal == {STEM: 1.0}
    aloft.apply([Set("show.preset", "far", "key")])
    arrive(aloft, finding)
    assert FAR in aloft.target_selector.goal


def test_a_pad_with_an_unlisted_corner_takes_over_when_that_is_known(
    aloft: Flight, finding: FindingOut
) -> None:
    corners = [STEM, DEEP, FAR, STEM]
    aloft.apply(
        [Set(f"pad.{name}", str(one)) for name, one in zip("abcd", corners, strict=True)]
        + [Set("mix.crossfade", 0.0), Set("pad.on", True)]
    )
    aloft.advance(0.1)
    assert aloft.awaited == "the pad" and aloft.mix() == {STEM: 1.0}
    assert aloft.as_preset("now").corners == tuple(corners)
    arrive(aloft, finding)
    assert aloft.mix() == pytest.approx({STEM: 0.5, DEEP: 0.25, FAR: 0.25})
    assert threading.current_thread() not in finding.threads


def test_a_pad_that_is_let_go_of_takes_nothing_over(aloft: Flight, finding: FindingOut) -> None:
    aloft.apply([Set(f"pad.{name}", str(FAR)) for name in "abcd"] + [Set("pad.on", True)])
    aloft.apply([Set("pad.on", False)])
    arrive(aloft, finding)
    assert aloft.awaited == "" and aloft.mix() == {STEM: 1.0}


def test_a_pad_with_a_corner_that_does_not_exist_is_reported_and_lets_go(
    aloft: Flight, finding: FindingOut
) -> None:
    corners = [STEM, DEEP, Target("resnet18", "typo", 3), STEM]
    aloft.apply(
        [Set(f"pad.{name}", str(one)) for name, one in zip("abcd", corners, strict=True)]
        + [Set("pad.on", True)]
    )
    assert aloft.awaited == "the pad"
    arrive(aloft, finding)
    assert "resnet18 has no layer 'typo'" in aloft.reports.last
    assert not aloft.controls.flag("pad.on") and aloft.mix() == {STEM: 1.0}


def test_a_pad_that_lacks_corners_says_so_before_it_waits_for_the_others(
    aloft: Flight, finding: FindingOut
) -> None:
    aloft.apply([Set("pad.a", str(FAR)), Set("pad.d", str(STEM)), Set("pad.on", True)])
    assert "needs four targets" in aloft.reports.last
    assert aloft.awaited == "" and not aloft.controls.flag("pad.on")
    assert aloft.as_preset("now").corners == ()


def test_the_autopilot_leaves_a_look_that_is_awaited_alone(
    aloft: Flight, finding: FindingOut
) -> None:
    aloft.autopilot.follow([DEEP, VGG])
    aloft.apply([Set("show.autopilot", True), Set("show.dwell", 1.0)])
    aloft.recall(Preset("far", {FAR: 1.0}))
    for _ in range(20):
        aloft.advance(0.1)
    assert aloft.awaited == "far" and aloft.target_selector.here == STEM
    arrive(aloft, finding)
    assert aloft.preset_player.preset == "far"


def test_undo_takes_back_a_look_that_is_awaited(aloft: Flight, finding: FindingOut) -> None:
    aloft.recall(Preset("near", {Target(STEM.network, STEM.layer, 5): 1.0}))
    aloft.recall(Preset("far", {FAR: 1.0}))
    aloft.apply([Trigger("show.undo")])
    arrive(aloft, finding)
    assert aloft.awaited == "" and aloft.preset_player.preset == "near"
    aloft.apply([Trigger("show.undo")])
    assert aloft.target_selector.here == STEM and not aloft.reports.counts


def test_undo_takes_back_a_pad_that_is_awaited(aloft: Flight, finding: FindingOut) -> None:
    aloft.apply([Set(f"pad.{name}", str(FAR)) for name in "abcd"] + [Set("pad.on", True)])
    aloft.apply([Trigger("show.undo")])
    arrive(aloft, finding)
    assert not aloft.controls.flag("pad.on") and not aloft.reports.counts
    assert aloft.mix() == {STEM: 1.0}


def test_undo_of_a_look_that_is_awaited_leaves_the_pad_on(
    aloft: Flight, finding: FindingOut
) -> None:
    aloft.apply([Set(f"pad.{name}", str(STEM)) for name in "abcd"] + [Set("pad.on", True)])
    aloft.recall(Preset("far", {FAR: 1.0}))
    aloft.apply([Trigger("show.undo")])
    arrive(aloft, finding)
    assert aloft.controls.flag("pad.on") and aloft.awaited == ""


def test_undo_brings_back_a_pad_that_was_awaited(aloft: Flight, finding: FindingOut) -> None:
    aloft.apply([Set(f"pad.{name}", str(FAR)) for name in "abcd"] + [Set("pad.on", True)])
    aloft.recall(Preset("near", {STEM: 1.0}))
    aloft.apply([Trigger("show.undo")])
    arrive(aloft, finding)
    assert aloft.controls.flag("pad.on") and FAR in aloft.target_selector.goal


def test_a_walk_goes_on_from_where_an_awaited_look_was_taken_back(
    aloft: Flight, finding: FindingOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset_player = {"a": FAR, "b": STEM}
    monkeypatch.setattr(presets, "names", lambda: tuple(preset_player))
    monkeypatch.setattr(presets, "find", lambda name: Preset(name, {preset_player[name]: 1.0}))
    monkeypatch.setattr(favourite_presets, "read", lambda: ())
    steps = ["show.preset_next", "show.undo", "show.preset_next"]
    aloft.apply([Trigger(step) for step in steps])
    assert aloft.awaited == "a"


@pytest.mark.parametrize(
    "preset", [Preset("far", {FAR: 1.0}), Preset("far", {}, journey=(FAR, STEM))]
)
def test_a_wish_for_what_an_awaited_look_brings_leaves_it_awaited(
    aloft: Flight, finding: FindingOut, preset: Preset
) -> None:
    """One that leads tells its preset's target after its preset."""
    aloft.recall(preset)
    aloft.apply([Set("mix.target", str(FAR))])
    arrive(aloft, finding)
    assert aloft.preset_player.preset == "far" and FAR in aloft.mix()
