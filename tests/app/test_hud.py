"""Texts of the HUD and the help page."""

from __future__ import annotations

import numpy as np
import pytest
from fake_engine import FakeEngine
from in_flight import settle
from jack_box import until
from on_stage import STEM, TICK, Begin, grey

from liveflight.core.contracts import Target
from liveflight.core.mailbox import Set
from liveflight.show.flight import NetworkLoader

pytestmark = pytest.mark.gl


def test_the_hud_has_a_line_for_the_beat_where_it_is_played_on(begin: Begin) -> None:
    show = begin()

    def beats() -> list[str]:
        return [line for line in show.app.overlay.lines(show.app.controllers) if "bpm" in line]

    show.frame(2)
    assert beats() == []
    show.app.mailbox.put(Set("tempo.quantise", "bar"), Set("show.preset", "plumage"))
    show.frame(2)
    assert beats() == ["120.0 bpm  bar 1 of 4, beat 1 of 4  own\tat the bar: preset plumage"]
    show.frame(round(2 / TICK))
    assert beats() == ["120.0 bpm  bar 2 of 4, beat 1 of 4  own"]
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
    np.testing.assert_allclose(show.frame(), plain, atol=2)  # the dither differs


def test_the_hud_says_where_we_are_and_what_was_last(begin: Begin) -> None:
    show = begin()
    show.set("ascent.steps", 2)
    show.set("camera.rotation", 30.0)
    show.frame(2)
    show.now += TICK
    show.frame(100)
    show.flight.reports.add("the cable is out")
    show.frame()
    assert show.app.overlay.lines(show.app.controllers) == [
        f"{STEM}\t100%",
        "16 frames/s\t32 steps/s\t1 late",
        "2 of 2 views, at 1, canvas 1",
        "camera.rotation 30 deg/s",
        "the cable is out",
    ]


def test_a_trouble_stays_on_the_hud_for_ten_seconds_after_it_was_last_reported(
    begin: Begin,
) -> None:
    show = begin()

    def seen(frames: int) -> bool:
        show.frame(frames)
        return "the cable is out" in show.app.overlay.lines(show.app.controllers)

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
    assert show.app.overlay.lines(show.app.controllers)[0] == f"{corners[3]}\t100%"
    assert not any("\t0%" in line for line in show.app.overlay.lines(show.app.controllers))


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
    assert "preparing vgg16:conv4_1:17 ..." in show.app.overlay.lines(show.app.controllers)
    engine.gate.set()
