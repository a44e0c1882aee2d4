"""What is laid over the frame, drawn by GL and looked at."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import moderngl
import numpy as np
import pytest
from made_textures import Textures

from liveflight.core.contracts import LiveflightError
from liveflight.core.thumbnail_grid import Page, ThumbnailGrid
from liveflight.render import atlas_page
from liveflight.render.atlas_overlay import AtlasOverlay
from liveflight.render.atlas_page import ACCENT, card, card_corner, frame, overhang, whole
from liveflight.render.canvas_transfer import read_picture
from liveflight.render.picture_overlay import Pictures

pytestmark = pytest.mark.gl

SIZE = (322, 190)
COLUMNS, TILE = 8, 16


def sheet(count: int = 40) -> np.ndarray:
    """Tiles of one colour each, in rows of COLUMNS."""
    tiles = np.zeros((-(-count // COLUMNS) * COLUMNS, 3), np.uint8)
    tiles[:count] = [(50 + place * 4, 230 - place * 4, 90) for place in range(count)]
    grid = tiles.reshape(-1, COLUMNS, 3).repeat(TILE, 0).repeat(TILE, 1)
    return np.ascontiguousarray(grid)


def page(count: int = 40, cursor: int = 10, **changed: object) -> Page:
    made = Page(
        ThumbnailGrid(SIZE, count, COLUMNS, above=24, below=20).showing(cursor),
        title="vgg16   conv3_1",
        note=("40 filters",),
        beside=True,
        keys=((("Enter", "fly"),),),
        filters=tuple(range(100, 100 + count)),
        starred=frozenset(),
        cursor=cursor,
        caption=("vgg16:", "conv3_1:110"),
        sheet="a file",
        picture=lambda: sheet(count),
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def middle(shown: np.ndarray, page: Page, place: int) -> np.ndarray:
    left, top = page.grid.corner(place) or (0, 0)
    half = page.grid.pitch // 2
    return shown[top + half, left + half, :3].astype(int)


@pytest.fixture
def view(ctx: moderngl.Context) -> Iterator[AtlasOverlay]:
    made = AtlasOverlay(ctx)
    yield made
    made.release()


# The page


def test_each_thumbnail_stands_at_its_place() -> None:
    scrolled = page(cursor=39)
    assert scrolled.grid.row > 0, "part of it is out of sight"
    for one in (page(cursor=0), scrolled):
        shown = whole(one)
        assert shown.shape == (SIZE[1], SIZE[0], 4)
        for place in range(40):
            if one.grid.corner(place):
                wanted = (50 + place * 4, 230 - place * 4, 90)
                np.testing.assert_allclose(middle(shown, one, place), wanted, atol=2)


def test_behind_the_last_thumbnail_there_is_none() -> None:
    short = page(count=37, cursor=36)
    shown = whole(short)
    left, top = short.grid.corner(36) or (0, 0)
    after = shown[top + 4 : top + 28, left + short.grid.pitch + 4 : left + 3 * short.grid.pitch]
    assert after[..., :3].max() < 40 and after[..., 3].min() > 200


def test_below_few_thumbnails_the_picture_is_seen() -> None:
    few = page(count=8, cursor=0)
    shown = whole(few)
    below = shown[few.grid.above + few.grid.pitch + 20, SIZE[0] // 2, 3]
    assert below < 128 < shown[few.grid.above + 5, few.grid.left + 5, 3]


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (3840, 2160)])
def test_all_of_the_text_is_seen_and_none_of_it_small(size: tuple[int, int]) -> None:
    above = ThumbnailGrid(size, 40, 32, above=130, below=120)
    shown = whole(page(grid=above, title="", note=("filters",)))[..., 0] > 90
    with_title = whole(page(grid=above, note=("filters",)))[..., 0] > 90
    rows = np.nonzero((with_title != shown)[:130].any(1))[0]
    assert np.ptp(rows) >= 11, "from the ascender of an f to the descender of a g"


def test_without_thumbnails_numbers_stand_in_their_place() -> None:
    numbered = page(picture=None, sheet="")
    shown = whole(numbered)
    left, top = numbered.grid.corner(3) or (0, 0)
    tile = shown[top + 2 : top + 28, left + 2 : left + 28, 0]
    assert tile.max() > 200 and np.median(tile) < 80


def test_a_sheet_that_cannot_be_read_leaves_numbers_and_says_so() -> None:
    def damaged() -> np.ndarray:
        raise LiveflightError("atlas sheet: damaged; make it again")

    shown = whole(page(picture=damaged))
    said = shown[: page().grid.above]
    assert ((said[..., :3] == ACCENT).all(-1)).any()
    np.testing.assert_array_equal(
        shown[page().grid.above :], whole(page(picture=None))[page().grid.above :]
    )
    assert card(page(picture=damaged)).shape == card(page(picture=None)).shape


def test_a_star_is_on_its_tile_alone() -> None:
    plain, starred = whole(page()), whole(page(starred=frozenset({12})))
    rows, columns = np.nonzero((plain != starred).any(-1))
    left, top = page().grid.corner(12) or (0, 0)
    assert top <= rows.min() and rows.max() < top + page().grid.pitch
    assert left <= columns.min() and columns.max() < left + page().grid.pitch
    assert ((starred[..., :3] == ACCENT).all(-1)).sum() > 20


def test_the_frame_goes_round_its_tile() -> None:
    around, over = frame(38), overhang(38)
    assert around.shape == (38 + 2 * over, 38 + 2 * over, 4)
    inside = slice(over + 1, -over - 1)
    assert not around[inside, inside, 3].any()
    assert tuple(around[over // 2 + 1, 20, :3]) == ACCENT
    assert tuple(around[0, 20]) == (0, 0, 0, 255), "dark on the outside, for bright pictures"


# The card


def test_the_card_shows_the_thumbnail_and_its_names() -> None:
    shown = card(page(cursor=20))
    side = 2 * atlas_page.CARD_SIDE_PX
    assert shown.shape[0] > side and shown.shape[1] >= side
    colours = shown[20:100, 40:100, :3].reshape(-1, 3)
    np.testing.assert_allclose(colours, np.tile((130, 150, 90), (len(colours), 1)), atol=2)
    longer = card(page(caption=("efficientnet_lite0:", "class:151", "black and gold spider")))
    assert longer.shape[0] > shown.shape[0] and longer.shape[1] > shown.shape[1]
    assert (card(page(starred=frozenset({10}))) != card(page())).any()


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (360, 640), (3840, 2160)])
@pytest.mark.parametrize("count", [10, 64, 512])
def test_the_card_covers_neither_cursor_nor_keys(size: tuple[int, int], count: int) -> None:
    side = 64 * max(round(min(size) / 240), 2)
    width, height = side + 16, side + 60
    for cursor in range(count):
        grid = ThumbnailGrid(size, count, 32, above=40, below=40).showing(cursor)
        left, top = card_corner(grid, cursor, (width, height))
        assert left >= 0 and left + width <= size[0] and top + height <= size[1] - grid.below
        x, y = grid.corner(cursor) or (0, 0)
        beside = x + grid.pitch <= left or left + width <= x
        assert beside or y + grid.pitch <= top


# Over the frame


@pytest.mark.parametrize("bottom_up", [False, True])
def test_a_page_lies_upright_over_the_frame(
    view: AtlasOverlay, screen: moderngl.Framebuffer, bottom_up: bool
) -> None:
    screen.clear(1, 1, 1)
    view.draw(page(), "", screen, SIZE, bottom_up)
    assert screen.viewport == (0, 0, *SIZE)
    seen = read_picture(screen, SIZE, bottom_up=bottom_up)
    for place in (0, 9, 11):
        wanted = (50 + place * 4, 230 - place * 4, 90)
        np.testing.assert_allclose(middle(seen, page(), place), wanted, atol=2)
    left, top = page().grid.corner(10) or (0, 0)
    assert tuple(seen[top, left + 9]) == ACCENT, "round the tile under the cursor"


def test_what_was_said_is_seen_as_long_as_it_is_given(
    view: AtlasOverlay, screen: moderngl.Framebuffer
) -> None:
    pictures = []
    for said in ("", "pad.a is set", ""):
        screen.clear(1, 1, 1)
        view.draw(page(), said, screen, SIZE, False)
        pictures.append(read_picture(screen, SIZE, bottom_up=False))
    assert (pictures[0] != pictures[1]).any()
    np.testing.assert_array_equal(pictures[0], pictures[2])


def test_the_thumbnail_takes_room_only_where_there_is_one(
    view: AtlasOverlay, screen: moderngl.Framebuffer
) -> None:
    screen.clear(0, 0, 1)
    assert view.thumbnail("none", lambda: None, SIZE) == 0
    view.draw_thumbnail(screen, SIZE, False)
    assert tuple(read_picture(screen, SIZE, bottom_up=False)[20, 20]) == (0, 0, 255)
    red = np.full((64, 64, 3), (200, 0, 0), np.uint8)
    room = view.thumbnail("one", lambda: red, SIZE)
    view.draw_thumbnail(screen, SIZE, False)
    seen = read_picture(screen, SIZE, bottom_up=False)
    assert tuple(seen[20, 20]) == (200, 0, 0) and tuple(seen[20, 3 + room]) == (0, 0, 255)


def test_moving_the_cursor_makes_no_page_anew(
    view: AtlasOverlay, screen: moderngl.Framebuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(atlas_page, "whole", lambda page: made.append(page.cursor) or whole(page))
    for cursor in (8, 9, 10):
        view.draw(page(cursor=cursor), "", screen, SIZE, False)
    assert made == [8]
    view.draw(page(cursor=10, starred=frozenset({3})), "", screen, SIZE, False)
    assert made == [8, 10]


def test_a_closed_page_gives_back_its_memory(
    ctx: moderngl.Context, screen: moderngl.Framebuffer, textures: Textures
) -> None:
    view = AtlasOverlay(ctx)
    for _ in range(3):
        view.draw(page(), "said", screen, SIZE, False)
        assert textures.alive >= 4
        view.close()
        assert textures.alive == 0
    view.release()


def test_a_picture_in_the_making_holds_up_no_frame(
    ctx: moderngl.Context, screen: moderngl.Framebuffer
) -> None:
    gate = threading.Event()
    pictures = Pictures(ctx, background=True)

    def make(level: int) -> np.ndarray:
        assert gate.wait(60)
        return np.full((9, 5, 4), (level, level, level, 255), np.uint8)

    for _ in range(3):
        assert pictures.get("one", 1, lambda: make(100)) is None
        pictures.draw("one", (0, 0), screen, SIZE, bottom_up=False)
    gate.set()
    while pictures.get("one", 1, lambda: make(100)) is None:
        time.sleep(0.01)
    gate.clear()
    assert pictures.get("one", 2, lambda: make(200)) == 1, "until then what was there before"
    screen.clear(0, 0, 0)
    pictures.draw("one", (3, 2), screen, SIZE, bottom_up=False)
    seen = read_picture(screen, SIZE, bottom_up=False)[..., 0]
    assert (seen[2:11, 3:8] == 100).all() and seen.sum() == 45 * 100
    gate.set()
    pictures.release()


def test_a_large_picture_is_uploaded_over_several_frames_and_seen_whole(
    ctx: moderngl.Context, screen: moderngl.Framebuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveflight.render.picture_overlay._UPLOAD_BYTES", 5 * 4 * 2)  # two rows
    pictures = Pictures(ctx, background=True)
    rows = np.arange(9, dtype=np.uint8)[:, None, None] * 20
    picture = np.broadcast_to(rows, (9, 5, 4)) | np.array([0, 0, 0, 255], np.uint8)
    assert pictures.get("one", 1, lambda: picture) is None
    assert pictures._making.wait(60)
    frames = 0
    while pictures.get("one", 1, lambda: picture) is None:
        frames += 1
        pictures.draw("one", (0, 0), screen, SIZE, bottom_up=False)
    assert 3 <= frames <= 5
    screen.clear(0, 0, 0)
    pictures.draw("one", (0, 0), screen, SIZE, bottom_up=False)
    seen = read_picture(screen, SIZE, bottom_up=False)[:9, :5, 0]
    np.testing.assert_array_equal(seen, np.broadcast_to(rows[..., 0], (9, 5)))
    pictures.release()
