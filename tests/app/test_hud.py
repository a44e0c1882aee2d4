"""Texts of the HUD and the help page."""

from __future__ import annotations

import numpy as np
import pytest
from fake_engine import FakeEngine
from in_flight import settle
from jack_box import until
from on_stage import STEM, TICK, Begin, grey, hud

from liveflight.core.contracts import Size, Target
from liveflight.core.mailbox import Set, Trigger
from liveflight.core.panel_places import Place, places
from liveflight.render.typesetting import margin, typeset
from liveflight.show.flight import NetworkLoader
from liveflight.storage.cue_lists import Cue, CueList

pytestmark = pytest.mark.gl


def test_the_hud_has_a_line_for_the_beat_where_it_is_played_on(begin: Begin) -> None:
    show = begin()

    def beats() -> list[str]:
        return [line for line in hud(show.app) if line[:4] in ("beat", "wait")]

    show.frame(2)
    assert beats() == []
    show.app.mailbox.put(Set("tempo.quantise", "bar"), Set("show.preset", "plumage"))
    show.frame(2)
    assert beats() == [
        "beat\t120.0 bpm\tbar 1 of 4\town",
        "waiting\tat the bar: preset plumage",
    ]
    show.frame(round(2 / TICK))
    assert beats() == ["beat\t120.0 bpm\tbar 2 of 4\town"]
    assert show.flight.preset_player.preset == "plumage"


@pytest.mark.parametrize(("key", "name"), [("i", "show.hud"), ("h", "show.help")])
def test_hud_and_help_are_drawn_and_go_again(key: str, name: str, begin: Begin) -> None:
    show = begin(size=(240, 160))
    show.canvas = grey(0.5)
    plain = show.frame(2)
    show.press(key)
    show.frame()
    until(lambda: (show.frame() < 80).any())  # the text is typeset
    covered = show.frame()
    assert show.flight.controls.flag(name)
    assert (covered > 200).any() and (covered < 80).any()
    show.press(key)
    # Panels stay for half a second at least, or they could flash. The dither differs.
    np.testing.assert_allclose(show.frame(round(0.6 / TICK)), plain, atol=2)


def test_the_hud_says_where_we_are_and_what_was_last(begin: Begin) -> None:
    show = begin()
    show.set("ascent.steps", 2)
    show.set("camera.rotation", 30.0)
    show.frame(2)
    show.now += TICK
    show.frame(100)
    show.flight.reports.add("the cable is out")
    show.frame()
    assert hud(show.app) == [
        "preset\tnone",
        f"filter\t{STEM}\t100%",
        "speed\t16 frames/s\t32 steps/s\t1 late",
        "last\tcamera.rotation 30 deg/s",
        "the cable is out",
    ]


def test_a_trouble_stays_on_the_hud_for_ten_seconds_after_it_was_last_reported(
    begin: Begin,
) -> None:
    show = begin()

    def seen(frames: int) -> bool:
        show.frame(frames)
        return "the cable is out" in hud(show.app)

    assert not seen(1)
    show.flight.reports.add("the cable is out")
    ten = round(10 / TICK)
    assert seen(1) and seen(ten - 1) and not seen(1)
    show.flight.reports.add("the cable is out")
    assert seen(1) and seen(ten - 10)
    show.flight.reports.add("the cable is out")
    assert seen(ten - 10), "it lasts"
    assert not seen(20)


def test_the_hud_leaves_out_what_is_not_excited(begin: Begin) -> None:
    show = begin()
    corners = [Target("efficientnet_lite0", "stem", number) for number in range(4)]
    for name, corner in zip("abcd", corners, strict=True):
        show.set(f"pad.{name}", str(corner))
    for key, value in (("pad.x", 1.0), ("pad.y", 1.0), ("mix.crossfade", 0.0), ("pad.on", True)):
        show.set(key, value)
    show.frame(60)
    assert show.flight.mix().keys() == set(corners)
    assert [line for line in hud(show.app) if "%" in line] == [f"filter\t{corners[3]}\t100%"]


def test_escape_closes_help_and_only_then_ends_the_flight(begin: Begin) -> None:
    show = begin()
    show.press("f1")
    show.frame()
    assert show.flight.controls.flag("show.help")
    show.press("escape")
    show.frame()
    assert not show.flight.controls.flag("show.help") and show.app.running
    show.press("escape", "escape")
    show.frame()
    assert not show.app.running


def test_the_hud_says_what_is_being_prepared(begin: Begin) -> None:
    engine = FakeEngine()
    show = begin(engine=engine, loader=NetworkLoader(lambda: engine, background=True))
    for _ in ("loaded", "planned"):
        settle(show.flight.loader)
        show.frame()
    engine.gate.clear()
    show.flight.apply([Set("mix.target", "vgg16:conv4_1:17")])
    assert "waiting\tpreparing vgg16:conv4_1:17 ..." in hud(show.app)
    engine.gate.set()


def test_the_hud_says_what_is_unusual_in_words(begin: Begin) -> None:
    show = begin()

    def state() -> str:
        lines = dict(line.split("\t", 1) for line in hud(show.app) if line.count("\t") == 1)
        return lines.get("state", "")

    show.frame(2)
    assert state() == ""
    for key in ("show.autopilot", "show.freeze", "cue.hold"):
        show.set(key, True)
    show.frame(2)
    assert state() == "autopilot: journey   frozen   cue held"
    show.set("show.master", 0.4)
    show.set("show.freeze", False)
    show.frame(2)
    assert state() == "autopilot: journey   brightness 40%   cue held"
    show.set("show.blackout", True)
    show.frame(2)
    assert state() == "autopilot: journey   black   cue held"


def test_the_hud_has_the_cue_with_its_time_and_the_next(begin: Begin) -> None:
    show = begin()
    cues = (Cue("plumage", seconds=100), Cue("reef", beats=8), Cue("plumage", hold=True))
    show.flight.cues.start(CueList("list", cues))
    show.frame(2 + round(10 / TICK))

    def cue() -> list[str]:
        return [line for line in hud(show.app) if line.startswith(("cue", "preset"))]

    assert cue() == ["preset\tplumage", "cue\t1 of 3: plumage\t1:30\tthen reef"]
    show.app.mailbox.put(Trigger("cue.go"))
    show.frame(2)
    assert cue() == ["preset\treef", "cue\t2 of 3: reef\t8 beats\tthen plumage"]
    show.set("cue.loop", False)
    show.app.mailbox.put(Trigger("cue.go"))
    show.frame(2)
    assert cue() == ["preset\tplumage", "cue\t3 of 3: plumage\tholds\tthe last one"]
    values = show.flight.values()
    assert (values["cue.left"], values["cue.next"]) == (0.0, "")


def test_the_hud_shows_a_morph_while_it_lasts(begin: Begin) -> None:
    show = begin()
    show.set("morph.time", 4.0)
    show.frame(2)
    show.app.mailbox.put(Set("show.preset", "plumage"))
    show.frame(round(1 / TICK))
    assert "morph\t25%" in hud(show.app)
    assert show.app.overlay._hud_panel.levels()["morph.progress"][1] == pytest.approx(
        0.25, abs=0.03
    )
    show.frame(round(3 / TICK))
    assert not any(line.startswith("morph") for line in hud(show.app))
    assert show.flight.values()["morph.progress"] == 1.0


def test_the_hud_has_bars_for_the_sound_once_there_is_any(begin: Begin) -> None:
    show = begin()
    show.frame(2)
    assert not any(line.startswith("sound") for line in hud(show.app))
    show.app.mailbox.put(Set("sound.level", 0.5), Set("sound.low", 0.25))
    show.frame()
    assert "sound\tlow\tmid\thigh" in hud(show.app)
    levels = show.app.overlay._hud_panel.levels()
    assert [levels[f"sound.{name}"][1] for name in ("level", "low", "mid")] == [0.5, 0.25, 0.0]
    show.app.mailbox.put(Set("sound.level", 0.0))
    show.frame()
    assert "sound\tlow\tmid\thigh" in hud(show.app), "silence is worth knowing too"


def test_what_the_hud_says_is_told_to_controllers_too(begin: Begin) -> None:
    show = begin()
    show.set("camera.rotation", 30.0)
    show.frame(8)
    show.flight.reports.add("the cable is out")
    show.frame(8)
    values = show.flight.values()
    assert values["mix.now"] == f"{STEM} 100%"
    assert values["show.message"] == "camera.rotation 30 deg/s"
    assert values["show.trouble"] == "the cable is out" and values["show.preparing"] == ""
    show.frame(round(11 / TICK))
    assert show.flight.values()["show.trouble"] == ""


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (720, 1280)])
def test_hud_and_list_of_controls_have_room_for_each_other(
    size: tuple[int, int], begin: Begin
) -> None:
    """In usual windows, with the thumbnail, a cue list, sound, a beat and a fault."""
    show = begin()
    show.flight.cues.start(CueList("list", (Cue("ai-flight-vgg19", seconds=1000),)))
    show.app.mailbox.put(Set("sound.level", 0.5), Set("tempo.quantise", "bar"))
    show.flight.reports.add("a long fault " * 20)
    show.frame(2)
    picker = show.app.keyboard.picker
    picker.toggle()
    hud_size, picker_size = (
        typeset(panel, size, fitted=fitted).pixels.shape[1::-1]
        for panel, fitted in (
            (show.app.overlay.hud_rows(show.app.controllers), False),
            (picker.panel(show.flight.values()), True),
        )
    )
    thumbnail = show.app.overlay.atlas.thumbnail("", lambda: np.zeros((8, 8, 3), np.uint8), size)
    sizes: dict[Place, Size] = {
        "corner": (hud_size[0] + thumbnail, hud_size[1]),
        "main": picker_size,
    }
    assert places(sizes, size, margin(size)).keys() == {"corner", "main"}
