"""What lies over the picture in a show: the atlas, the search, the thumbnail in the HUD."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import moderngl
import numpy as np
import pytest
import small_atlas
from fake_engine import FakeEngine
from on_stage import Show, Stage, hud

from liveflight.core.contracts import KeyPress, Pointer, Target
from liveflight.core.mailbox import Set, Trigger
from liveflight.loop.performer_view import PerformerView
from liveflight.render.atlas_page import ACCENT
from liveflight.storage import presets, starred_targets

pytestmark = pytest.mark.gl

SIZE = (480, 270)
LITE = "efficientnet_lite0"
STEM = Target(LITE, "stem", 3)
"""What the show begins with: at place 1 of its sheet."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    small_atlas.lay_out(tmp_path / "atlas", monkeypatch)
    monkeypatch.setattr(presets, "user_folder", lambda: tmp_path / "liveflight" / "presets")
    return tmp_path


def stage(ctx: moderngl.Context) -> Stage:
    made = Stage(ctx, SIZE, True)
    made.framebuffer = ctx.framebuffer([ctx.texture(SIZE, 4)])
    return made


@pytest.fixture
def show(ctx: moderngl.Context) -> Iterator[Show]:
    """Not live: what is drawn over the picture comes at once."""
    made = Show(stage(ctx), FakeEngine(alive=range(32)), live=False)
    made.set("show.freeze", True)
    made.frame()
    yield made
    made.app.close()
    ctx.detect_framebuffer(0).use()


def accents(picture: np.ndarray) -> np.ndarray:
    """Rows and columns of the accent's colour."""
    return np.argwhere((picture == ACCENT).all(-1))


def same(one: np.ndarray, other: np.ndarray) -> None:
    """But for the dither."""
    assert np.abs(one - other).max() <= 2


def pressed(show: Show, *names: str) -> np.ndarray:
    show.press(*names)
    return show.frame()


def test_it_opens_over_the_picture_and_closes_again(show: Show) -> None:
    before = show.frame()
    assert len(accents(pressed(show, "o"))) > 50 and show.stage.pointer
    for key in ("escape", "o", "o"):
        shown = pressed(show, key)
    same(shown, before)
    assert not show.stage.pointer and show.app.running


def test_keys_of_one_frame_are_played_in_their_order(show: Show) -> None:
    pressed(show, "o", "right", "right", "return")
    assert show.flight.target_selector.here == Target(LITE, "stem", 0)
    pressed(show, "right")
    assert show.flight.target_selector.here == Target(LITE, "stem", 1), (
        "it is closed: the next filter"
    )


def test_a_filter_goes_into_mix_pad_and_journey_and_gets_a_star(show: Show) -> None:
    pressed(show, "o", "right", "shift+return", "2", "j", "v")
    added = Target(LITE, "stem", 30)
    assert show.flight.target_selector.goal == {STEM: 0.5, added: 0.5}
    assert show.flight.controls.word("pad.b") == str(added)
    assert show.flight.controls.word("pad.a") == "" and not show.flight.controls.flag("pad.on")
    assert show.flight.autopilot.stops == (added,) and starred_targets.read() == (added,)
    assert not show.flight.reports.counts


def test_the_pad_that_is_on_follows_the_corner_that_is_changed(show: Show) -> None:
    for number, key in enumerate("abcd"):
        show.set(f"pad.{key}", f"{LITE}:stem:{number}")
    show.set("pad.on", True)
    show.frame()
    pressed(show, "o", "3")
    assert show.flight.controls.flag("pad.on")
    assert show.flight.controls.word("pad.c") == f"{LITE}:stem:0", "the strongest, as all are alike"
    assert {target.filter for target in show.flight.target_selector.goal} == {0, 1, 3}


def test_the_mouse_points_and_flies(show: Show) -> None:
    pressed(show, "o")
    grid = show.app.overlay.browser.page(SIZE).grid
    left, top = grid.corner(4) or (0, 0)
    show.stage.waiting += [Pointer("move", left + 3, top + 3)]
    shown = accents(show.frame())
    assert (np.abs(shown - (top, left)).max(1) < 4).any(), "the cursor has followed"
    show.stage.waiting += [Pointer("left", left + 3, top + 3)]
    show.frame()
    assert show.flight.target_selector.here == Target(LITE, "stem", 12)
    assert not show.app.overlay.browser.open


def test_the_list_of_controls_lets_a_target_be_chosen(show: Show) -> None:
    picker = show.app.keyboard.picker
    show.press("c")
    show.frame()
    while picker.picked.key != "pad.d":
        pressed(show, "down")
    pressed(show, "return", "right", "return")
    assert show.flight.controls.word("pad.d") == f"{LITE}:stem:30"
    assert picker.open and not show.app.overlay.browser.open, "back in the list"
    assert show.flight.target_selector.here == STEM


def test_escape_closes_the_topmost_alone(show: Show) -> None:
    show.set("show.help", True)
    pressed(show, "o", "c", "/")
    overlay, picker = show.app.overlay, show.app.keyboard.picker
    for still in [(False, True), (False, False)]:
        pressed(show, "escape")
        assert (overlay.search.open, picker.open) == still
    pressed(show, "escape")
    assert not show.flight.controls.flag("show.help") and show.app.running
    pressed(show, "escape", "escape")
    assert not show.app.running


def test_a_name_is_typed_over_the_picture(show: Show) -> None:
    pressed(show, "shift+3")
    show.frame()
    before = show.frame()
    middle = slice(125, 145), slice(180, 300)
    assert pressed(show, "f9", "o", "n", "e")[middle].mean() < before[middle].mean() * 0.6
    pressed(show, "return")
    assert [path.name for path in presets.user_folder().iterdir()] == ["one.toml"]
    assert not show.app.overlay.naming.open and not show.app.overlay.browser.open


def test_the_search_lies_over_the_picture_and_flies_to_a_class(show: Show) -> None:
    before = show.frame()
    show.set("mix.crossfade", 0.0)
    middle = slice(100, 170), slice(220, 260)
    assert pressed(show, "/", *"jellyf")[middle].mean() < before[middle].mean() * 0.6
    pressed(show, "return")
    assert show.flight.target_selector.here == Target(LITE, "class", 107)
    assert "filter\tclass:107 jellyfish\t100%" in hud(show.app)


def test_typing_plays_no_keys(show: Show) -> None:
    pressed(show, "/", *"brxn15mo", "space", "escape")
    assert (
        not show.flight.controls.flag("show.blackout") and show.flight.target_selector.here == STEM
    )
    assert show.flight.controls.word("warp.mirror") == "off"
    assert not show.app.overlay.browser.open


def test_letters_typed_in_the_list_of_controls_open_nothing(show: Show) -> None:
    pressed(show, "c", *"zo")
    assert show.app.keyboard.picker.picked.key == "camera.zoom"
    assert not show.app.overlay.browser.open
    pressed(show, "/", "o")
    assert show.app.overlay.search.lines()[0].startswith("/ o_"), "the search lies above"


def test_what_a_key_has_done_is_said_for_some_seconds(show: Show) -> None:
    show.app.mailbox.put(Trigger("show.sync"))
    show.frame()
    plain = pressed(show, "o")
    said = pressed(show, "j")
    assert np.abs(said - plain).max() > 100
    same(show.frame(), said)
    same(show.frame(60), plain)


def test_trouble_is_said_too(show: Show) -> None:
    plain = pressed(show, "o")
    show.app.mailbox.put(Trigger("cue.go"))
    assert np.abs(show.frame() - plain).max() > 100 and "cue list" in show.app.overlay._toast


def test_a_damaged_sheet_is_reported_once_and_numbers_are_shown(show: Show, folder: Path) -> None:
    whole = pressed(show, "o")
    pressed(show, "o")
    path = folder / "atlas" / LITE / "stem.webp"
    path.write_bytes(b"RIFF")
    assert np.abs(pressed(show, "o") - whole).max() > 100
    show.frame(3)
    (trouble,) = show.flight.reports.counts
    assert "make it again" in trouble
    pressed(show, "right", "return")
    assert show.flight.target_selector.here == Target(LITE, "stem", 30)


def test_the_hud_has_the_thumbnail_of_what_is_flown_beside_its_name(show: Show) -> None:
    show.set("show.hud", True)

    def corner() -> np.ndarray:
        return show.frame()[12:40, 12:40].reshape(-1, 3)

    np.testing.assert_allclose(corner().mean(0), small_atlas.colour(1), atol=6)
    show.app.flight.aim({Target(LITE, "stem", 12): 1.0})
    np.testing.assert_allclose(corner().mean(0), small_atlas.colour(4), atol=6)
    show.app.flight.aim({Target(LITE, "stem", 31): 1.0})
    assert corner().std(0).max() > 20, "none: the text is where it was"


def test_a_show_goes_on_while_pages_are_made_beside_it(ctx: moderngl.Context) -> None:
    live = Show(stage(ctx), FakeEngine(alive=range(32)))
    live.press("o")
    pictures = live.app.overlay.atlas.pictures
    for _ in range(200):
        live.frame()
        if pictures.size("card") != (0, 0):
            break
        time.sleep(0.02)
    assert len(accents(live.frame())) > 50
    live.stage.waiting.append(KeyPress("escape"))
    live.frame()
    assert pictures.size("tiles") == (0, 0), "closed, it keeps no textures"
    live.app.close()
    ctx.detect_framebuffer(0).use()


def test_nothing_lies_over_the_picture_while_the_performer_sees_it_elsewhere(show: Show) -> None:
    plain = show.frame()
    elsewhere = False
    show.app.overlay.elsewhere = lambda: elsewhere
    show.set("show.hud", True)
    assert np.abs(pressed(show, "c") - plain).max() > 100
    elsewhere = True
    show.frame()
    same(show.frame(), plain)
    elsewhere = False
    same(show.frame(), plain)
    assert not show.app.keyboard.picker.open and not show.flight.controls.flag("show.hud")
    show.frame(10)  # panels come and go half a second apart at least
    assert len(accents(pressed(show, "o"))) > 50 and show.stage.pointer, "as always"
    elsewhere = True
    show.frame()
    same(show.frame(), plain)
    assert not show.stage.pointer


@pytest.mark.parametrize(
    ("key", "panel"),
    [("h", "Keys"), ("question", "Keys"), ("shift+h", "Keys"), ("i", "Play"), ("c", "Controls"),
     ("o", "Filters"), ("/", "Looks"), ("ctrl+f", "Looks"), ("f9", "Looks")],
)  # fmt: skip
def test_what_would_open_unseen_says_where_the_page_has_it(
    key: str, panel: str, show: Show
) -> None:
    show.app.overlay.elsewhere = lambda: True
    pressed(show, key)
    assert re.search(f"on the web remote.* {panel}", show.flight.last_message)
    pressed(show, "x", "m", "return")
    assert show.flight.controls.word("warp.mirror") == "horizontal", "keys are played as always"
    assert not any(map(show.flight.controls.flag, ("show.hud", "show.help")))
    pressed(show, "escape", "escape")
    assert not show.app.running, "there was nothing to close"


def test_the_performer_s_own_window_opens_all_while_a_page_is_in_view(show: Show) -> None:
    show.app.overlay.elsewhere = lambda: True
    preview = show.app.presenter.preview
    show.app.overlay.performer = PerformerView(show.stage.ctx, PictureWindow(), preview)
    pressed(show, "c")
    assert show.app.keyboard.picker.open


def test_the_first_keys_are_named_until_one_is_pressed(show: Show) -> None:
    plain = show.frame()
    show.app.overlay.greeting.begin()
    greeted = show.frame()
    rows = np.nonzero((np.abs(greeted - plain) > 20).any((1, 2)))[0]
    assert rows.min() > SIZE[1] * 3 / 4, "a line at the bottom"
    same(pressed(show, "f12"), plain)


def test_what_the_next_press_does_is_said_without_the_hud_too(show: Show) -> None:
    pressed(show, "shift+3")
    show.frame()
    plain = show.frame()
    asked = pressed(show, "shift+3")
    assert "again replaces" in show.flight.last_message
    rows = np.nonzero((np.abs(asked - plain) > 20).any((1, 2)))[0]
    assert rows.min() > SIZE[1] * 3 / 4, "a line at the bottom"
    same(pressed(show, "f12"), plain)


def test_a_controller_s_message_puts_nothing_over_the_picture(show: Show) -> None:
    pressed(show, "shift+3")
    show.frame()
    plain = show.frame()
    show.app.mailbox.put(Set("show.store", "3", "page:10.0.0.2:5000"))
    same(show.frame(), plain)
    assert "again replaces" in show.flight.last_message


def test_panels_share_the_picture_or_replace_each_other(show: Show) -> None:
    """At this size there is no room for the HUD beside the list of controls."""
    show.set("show.hud", True)
    with_hud = show.frame()
    corner = slice(10, 60), slice(70, 120)
    opened = pressed(show, "c")
    assert np.abs(opened[corner] - with_hud[corner]).max() > 50
    same(pressed(show, "escape"), with_hud)


class PictureWindow:
    """A performer's window that keeps what it is given."""

    size = (320, 180)
    is_open = True

    def __init__(self) -> None:
        self.shown: list[np.ndarray] = []

    def show(self, pixels: np.ndarray) -> None:
        self.shown.append(pixels[..., :3].astype(int))


def test_the_performer_s_window_has_the_picture_and_all_that_lies_over_it(show: Show) -> None:
    plain = show.frame()
    window = PictureWindow()
    preview = show.app.presenter.preview
    show.app.overlay.performer = PerformerView(show.stage.ctx, window, preview)
    same(pressed(show, "h"), plain)
    same(show.frame(3), plain)
    helped = window.shown[-1]
    assert helped.shape == (180, 320, 3) and (helped > 200).any(-1).mean() > 0.02
    pressed(show, "h")
    show.frame(6)
    with_hud = window.shown[-1]
    assert np.abs(with_hud[:40] - helped[:40]).max() > 50
    small = plain.reshape(90, 3, 160, 3, 3).mean((1, 3))
    like = with_hud.reshape(90, 2, 160, 2, 3).mean((1, 3))
    assert np.abs(small - like)[60:].mean() < 4, "below the HUD the picture, whole and upright"
    window.is_open = False
    count = len(window.shown)
    show.frame(6)
    assert len(window.shown) <= count + 1
    window.is_open, window.size = True, (200, 100)
    show.frame(6)
    assert window.shown[-1].shape == (100, 200, 3)


def test_the_performer_s_window_is_drawn_ten_times_a_second(show: Show) -> None:
    window = PictureWindow()
    preview = show.app.presenter.preview
    show.app.overlay.performer = PerformerView(show.stage.ctx, window, preview)
    for _ in range(60):
        show.app.overlay.draw(show.stage, show.app.controllers, show.app.keyboard.picker, 1 / 60)
    assert 8 <= len(window.shown) <= 11
