from __future__ import annotations

from pathlib import Path

import pytest
import small_atlas
from small_atlas import SHEETS

from liveflight import networks
from liveflight.core.contracts import KeyPress, Pointer, Target
from liveflight.core.mailbox import Mailbox, Message, Set
from liveflight.networks.atlas import sheets
from liveflight.show.atlas_browser import HELP, AtlasBrowser
from liveflight.storage import presets, starred_targets

SIZE = (1280, 720)
SHALLOW = Target("vgg16", "conv3_1", 50)
"""At place 49: the second row."""


class Hands:
    """A browser, its mailbox, and what is flown."""

    def __init__(self, flown: Target | None) -> None:
        self.goal_target = flown
        self.mailbox = Mailbox()
        self.browser = AtlasBrowser(self.mailbox, lambda: self.goal_target)

    def press(self, *names: str) -> list[Message]:
        for name in names:
            assert self.browser.press(KeyPress(name)), name
        return self.mailbox.drain()

    def point(self, event: Pointer) -> list[Message]:
        self.browser.point(event)
        return self.mailbox.drain()

    def at(self, place: int) -> tuple[int, int]:
        """A pixel of the tile at a place."""
        grid = self.browser.page(SIZE).grid
        left, top = grid.corner(place) or (0, 0)
        return left + 5, top + 7

    @property
    def target(self) -> str:
        page = self.browser.page(SIZE)
        network, layer = page.title.split()
        return f"{network}:{layer}:{page.filters[page.cursor]}"


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_atlas.lay_out(tmp_path / "atlas", monkeypatch)
    monkeypatch.setattr(presets, "user_folder", lambda: tmp_path / "liveflight" / "presets")


@pytest.fixture
def hands() -> Hands:
    hands = Hands(SHALLOW)
    hands.press("o")
    return hands


# Opening and closing


def test_it_opens_at_what_is_flown(hands: Hands) -> None:
    page = hands.browser.page(SIZE)
    assert (page.title, page.cursor) == ("vgg16   conv3_1", 49)
    assert page.filters == tuple(SHEETS["vgg16"]["conv3_1"])
    assert page.note == ("70 filters   layer 5 of 13",)
    assert page.caption == ("vgg16:", "conv3_1:50")


@pytest.mark.parametrize(
    ("flown", "target"),
    [
        (Target("vgg16", "conv3_1", None), "vgg16:conv3_1:99"),  # the whole layer
        (Target("vgg16", "conv3_1", 5), "vgg16:conv3_1:99"),  # a filter that the atlas lacks
        (Target("vgg16", "relu3_1", 50), "vgg16:conv3_1:50"),
        (Target("vgg16", "pool3", 5), "vgg16:conv3_3:5"),
        (Target("vgg16", "conv5_1", 400), "vgg16:conv5_1:400"),  # a layer that it lacks
        (Target("googlenet", "inception4c", 511), "googlenet:inception4c:511"),
        (Target("efficientnet_lite0", "stem", 12), "efficientnet_lite0:stem:12"),
    ],
)
def test_whatever_is_flown(flown: Target, target: str) -> None:
    hands = Hands(flown)
    hands.press("o")
    assert hands.target == target


def test_before_anything_is_flown_it_opens_where_flights_begin() -> None:
    hands = Hands(None)
    hands.press("o")
    first = networks.network(networks.names()[0])
    begins = sheets.shown_for(first, first.beginning.name)
    assert hands.target.startswith(f"{first.name}:{begins.name}:")


@pytest.mark.parametrize("key", ["o", "escape", "return"])
def test_what_closes_it(key: str, hands: Hands) -> None:
    hands.press(key)
    assert not hands.browser.open
    for name in (key, "left", "v", "1", "shift+return"):
        if name != "o":
            assert not hands.browser.press(KeyPress(name)), "it takes no key any more"


def test_it_takes_its_own_keys_and_no_others(hands: Hands) -> None:
    for name in ("b", "space", "5", "9", "0", "f5", "f11", "/", "c", "tab", "i", "h"):
        assert not hands.browser.press(KeyPress(name))
    assert hands.browser.open and hands.mailbox.drain() == []


def test_a_held_key_moves_on_and_does_nothing_else_again(hands: Hands) -> None:
    for name in ("v", "return", "shift+return", "j", "2", "o", "escape"):
        assert hands.browser.press(KeyPress(name, repeat=True))
    assert hands.mailbox.drain() == [] and hands.browser.open
    before = hands.browser.page(SIZE).cursor
    assert hands.browser.press(KeyPress("right", repeat=True))
    assert hands.browser.page(SIZE).cursor == before + 1
    closed = Hands(SHALLOW)
    assert not closed.browser.press(KeyPress("o", repeat=True))


# Moving


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ("left", 48),
        ("right", 50),
        ("up", 17),
        ("up up", 17),  # there is no row above the first
        ("down", 69),  # the last row is short
        ("down up", 37),
        ("home", 0),
        ("home left", 0),
        ("home up", 0),
        ("end", 69),
        ("end right", 69),
        ("end down", 69),
        ("home end home right right", 2),
        ("pagedown", 69),
        ("pageup", 17),
        ("home " + "right " * 40, 31),  # a row's end is an edge of the map
    ],
)
def test_the_cursor_moves_as_on_a_map(keys: str, place: int, hands: Hands) -> None:
    assert hands.press(*keys.split()) == []
    assert hands.browser.page(SIZE).cursor == place


def test_a_page_is_what_is_seen_and_the_grid_follows() -> None:
    hands = Hands(Target("vgg16", "conv5_1", 0))
    hands.press("o")
    small = (320, 180)
    first = hands.browser.page(small).grid
    hands.press("pagedown")
    page = hands.browser.page(small)
    assert page.cursor == first.down * 32 and page.grid.corner(page.cursor)
    hands.press("end")
    page = hands.browser.page(small)
    assert page.grid.corner(511) and page.grid.column > 0
    assert hands.browser.page((1281, 722)).grid.size == (1281, 722), "it follows the window"


def test_layers_change_as_far_as_there_are_any(hands: Hands) -> None:
    hands.press("rightbracket")
    assert hands.target == "vgg16:conv3_2:49"
    hands.press("leftbracket")
    assert hands.target == "vgg16:conv3_1:50"
    hands.press(*["leftbracket"] * 20)
    assert hands.target.startswith("vgg16:conv1_1:")
    hands.press(*["rightbracket"] * 20)
    assert hands.target.startswith("vgg16:conv5_3:")


def test_the_next_network_is_one_with_an_atlas(hands: Hands) -> None:
    hands.press("n")
    begins = networks.network("efficientnet_lite0").beginning.name
    assert hands.browser.page(SIZE).title == f"efficientnet_lite0   {begins}"
    hands.press("n")
    assert hands.target == str(SHALLOW), "where it is flown"


def test_without_thumbnails_it_says_what_to_do_and_goes_by_number() -> None:
    hands = Hands(Target("googlenet", "inception4c", 17))
    hands.press("o")
    page = hands.browser.page(SIZE)
    assert page.note == ("no thumbnails: `liveflight atlas googlenet` makes them",)
    assert page.picture is None and page.sheet == ""
    assert hands.press("right", "return") == [Set("mix.target", "googlenet:inception4c:18")]


def test_a_class_is_called_by_its_name() -> None:
    hands = Hands(Target("efficientnet_lite0", "class", 107))
    hands.press("o")
    assert hands.browser.page(SIZE).caption[-1] == "jellyfish"


# What it does


@pytest.mark.parametrize(
    ("key", "control"),
    [
        ("return", "mix.target"),
        ("shift+return", "mix.target_add"),
        ("j", "mix.journey_add"),
        ("v", "mix.star"),
        *((str(number + 1), f"pad.{corner}") for number, corner in enumerate("abcd")),
    ],
)
def test_what_a_key_says(key: str, control: str, hands: Hands) -> None:
    assert hands.press("right", key) == [Set(control, "vgg16:conv3_1:49")]
    assert hands.browser.open == (key != "return")


def test_it_chooses_for_another_control_from_what_that_has() -> None:
    hands = Hands(SHALLOW)
    hands.browser.choose("pad.b", "vgg16:conv4_1:7")
    assert hands.target == "vgg16:conv4_1:7"
    assert hands.browser.page(SIZE).note[0].endswith("for pad.b")
    assert hands.press("shift+return") == [Set("mix.target_add", "vgg16:conv4_1:7")]
    assert hands.press("right", "return") == [Set("pad.b", "vgg16:conv4_1:8")]
    hands.press("o")
    assert hands.press("return") == [Set("mix.target", str(SHALLOW))], "the next time none"


@pytest.mark.parametrize("value", ["", "nonsense", "vgg16:conv9:1", "wide_resnet101_2:layer1:1"])
def test_where_it_has_none_of_use_it_begins_at_what_is_flown(value: str) -> None:
    hands = Hands(SHALLOW)
    hands.browser.choose("pad.a", value)
    assert hands.target == str(SHALLOW)


def test_stars_are_marked_and_gone_to_in_turn(hands: Hands) -> None:
    starred = [Target("vgg16", "conv4_1", 3), Target("efficientnet_lite0", "stem", 30)]
    for target in (*starred, Target("nonesuch", "conv", 1), SHALLOW):
        starred_targets.toggle(target)
    assert hands.browser.page(SIZE).starred == {49}
    places = []
    for _ in range(4):
        hands.press("s")
        places.append(hands.target)
    assert places == [*map(str, [*starred, SHALLOW, starred[0]])]
    assert hands.browser.page(SIZE).starred == {3}


def test_without_stars_there_is_nowhere_to_go(hands: Hands) -> None:
    hands.press("s")
    assert hands.target == str(SHALLOW)
    starred_targets.path().parent.mkdir()
    starred_targets.path().write_bytes(b"\xff")
    hands.press("s")
    assert hands.browser.page(SIZE).starred == frozenset()


# The mouse


def test_the_cursor_is_where_the_mouse_was_moved(hands: Hands) -> None:
    assert hands.point(Pointer("move", *hands.at(20))) == []
    assert hands.browser.page(SIZE).cursor == 20
    hands.point(Pointer("move", 3, 3))
    hands.point(Pointer("move", 1279, 719))
    assert hands.browser.page(SIZE).cursor == 20, "beside the tiles"


@pytest.mark.parametrize(
    ("action", "shift", "control"),
    [
        ("left", False, "mix.target"),
        ("left", True, "mix.target_add"),
        ("right", False, "mix.target_add"),
    ],
)
def test_what_a_click_says(action: str, shift: bool, control: str, hands: Hands) -> None:
    x, y = hands.at(2)
    assert hands.point(Pointer(action, x, y, shift)) == [Set(control, "vgg16:conv3_1:97")]  # type: ignore[arg-type]
    assert hands.browser.open == (control != "mix.target")


def test_a_click_beside_the_tiles_or_on_a_closed_atlas_says_nothing(hands: Hands) -> None:
    where = hands.at(2)
    assert hands.point(Pointer("left", 1, 1)) == []
    hands.press("escape")
    assert hands.point(Pointer("left", *where)) == []
    hands.point(Pointer("move", *where))
    hands.press("o")
    assert hands.target == str(SHALLOW)


def test_a_click_before_a_shorter_layer_is_drawn_meets_none_of_its_tiles(hands: Hands) -> None:
    where = hands.at(69)
    hands.press("rightbracket", "rightbracket", "rightbracket")
    assert len(hands.browser.page(SIZE).filters) == 40
    hands.press("leftbracket", "leftbracket", "leftbracket")
    hands.browser.page(SIZE)
    hands.press("rightbracket", "rightbracket", "rightbracket")
    assert hands.point(Pointer("left", *where)) == []


def test_the_wheel_scrolls_and_the_cursor_stays_under_the_mouse() -> None:
    hands = Hands(Target("vgg16", "conv5_1", 0))
    hands.press("o")
    small = (320, 180)
    grid = hands.browser.page(small).grid
    x, y = grid.left + 40, grid.above + 40
    hands.point(Pointer("wheel", x, y, wheel=(0, -1)))
    page = hands.browser.page(small)
    assert page.grid.row == 2 and page.cursor == page.grid.at(x, y)
    hands.point(Pointer("wheel", x, y, shift=True, wheel=(0, -3)))
    assert hands.browser.page(small).grid.column == 6
    hands.point(Pointer("wheel", x, y, wheel=(-1, 0)))
    assert hands.browser.page(small).grid.column == 4
    hands.point(Pointer("wheel", 0, 0, wheel=(0, 99)))
    page = hands.browser.page(small)
    assert page.grid.row == 0 and page.grid.corner(page.cursor), "the cursor is seen all the same"


def test_its_help_names_each_of_its_own_keys() -> None:
    hands = Hands(SHALLOW)
    named = {"Shift+Enter": "shift+return", "Enter": "return", "Esc": "escape"}
    for name, _ in HELP:
        hands.press("o")
        keys = {"1-4": ["1", "2", "3", "4"], "[ ]": ["leftbracket", "rightbracket"]}
        for key in keys.get(name, [named.get(name, name.lower())]):
            assert hands.browser.press(KeyPress(key)), key
        hands.browser.open = False
