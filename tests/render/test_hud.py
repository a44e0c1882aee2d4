from __future__ import annotations

from collections.abc import Iterator, Sequence

import moderngl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_textures import Textures

from liveflight.render import hud as hud_module
from liveflight.render.canvas_transfer import read_picture
from liveflight.render.hud import Hud, Place, rasterised
from liveflight.render.passes import source

pytestmark = pytest.mark.gl

SIZE = (322, 180)
LINES = ("block14_expand:22", "59.8 fps")
PLACES: tuple[Place, ...] = ("corner", "centre")


@pytest.fixture
def hud(ctx: moderngl.Context) -> Iterator[Hud]:
    made = Hud(ctx)
    yield made
    made.release()


def over_white(
    hud: Hud,
    screen: moderngl.Framebuffer,
    lines: Sequence[str],
    place: Place,
    bottom_up: bool = False,
) -> np.ndarray:
    screen.clear(1, 1, 1)
    hud.draw(lines, screen, SIZE, bottom_up=bottom_up, place=place)
    assert screen.viewport == (0, 0, *SIZE)
    return read_picture(screen, SIZE, bottom_up=bottom_up)[..., 0]


def box(picture: np.ndarray) -> tuple[slice, slice]:
    """Where a white picture was drawn on."""
    rows, columns = np.nonzero(picture < 255)
    return slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)


def test_stands_in_the_top_left_corner(hud: Hud, screen: moderngl.Framebuffer) -> None:
    rows, columns = box(over_white(hud, screen, LINES, "corner"))
    assert (rows.start, columns.start) == (3, 3)
    assert rows.stop < SIZE[1] // 2 and columns.stop < SIZE[0] * 0.6


def test_stands_in_the_middle(hud: Hud, screen: moderngl.Framebuffer) -> None:
    rows, columns = box(over_white(hud, screen, LINES, "centre"))
    assert abs(rows.start + rows.stop - SIZE[1]) <= 1
    assert abs(columns.start + columns.stop - SIZE[0]) <= 1


@pytest.mark.parametrize("place", PLACES)
def test_reads_the_same_whatever_the_framebuffer_s_order(
    hud: Hud, screen: moderngl.Framebuffer, place: Place
) -> None:
    down = over_white(hud, screen, LINES, place, bottom_up=False)
    np.testing.assert_array_equal(over_white(hud, screen, LINES, place, bottom_up=True), down)


def test_letters_are_upright(hud: Hud, screen: moderngl.Framebuffer) -> None:
    # The bar of an L is at its bottom, its stem at its left.
    lit = over_white(hud, screen, ["L"], "corner") > 150
    rows, columns = box(over_white(hud, screen, ["L"], "corner"))
    letter = lit[rows, columns][6:-6, 6:-6]
    ys, xs = np.nonzero(letter)
    assert letter[ys.max()].sum() > letter[ys.min()].sum()
    assert letter[:, xs.min()].sum() > letter[:, xs.max()].sum()


@pytest.mark.parametrize("picture", [0.0, 0.5, 1.0])
def test_is_legible_on_any_picture(hud: Hud, screen: moderngl.Framebuffer, picture: float) -> None:
    screen.clear(picture, picture, picture)
    hud.draw(["HUD"], screen, SIZE, bottom_up=False)
    seen = read_picture(screen, SIZE, bottom_up=False)[..., 0].astype(int)
    panel = seen[3:30, 3:40]
    backing = np.median(panel)
    assert backing == pytest.approx(255 * picture * 0.32, abs=2)
    assert panel.max() - backing > 150
    # Outside the panel the picture is as it was.
    assert np.all(abs(seen[100:] - 255 * picture) <= 0.5)


def test_is_larger_in_a_larger_window() -> None:
    small, large = (rasterised(LINES, size, "corner") for size in ((640, 360), (2560, 1440)))
    assert large.shape[0] > 2.5 * small.shape[0] and large.shape[1] > 2.5 * small.shape[1]


def test_a_tab_sets_columns_in_line() -> None:
    def right_of(panel: np.ndarray) -> np.ndarray:
        return np.nonzero(panel[..., 0].max(axis=0) > 100)[0]

    keys = rasterised(["I\tL", "long name\tL"], (640, 360), "centre")
    middle = keys.shape[0] // 2
    upper, lower = right_of(keys[:middle]), right_of(keys[middle:])
    assert upper[-1] == lower[-1]
    assert upper[upper > upper[0] + 10].min() > 60


def test_a_long_page_is_set_in_blocks_parted_at_empty_lines() -> None:
    sections = [[f"section {i}", *(f"{key}\twhat it does" for key in "ABCD"), ""] for i in range(6)]
    page = rasterised([line for section in sections for line in section], (640, 360), "centre")
    assert page.shape[0] <= 360 and page.shape[1] <= 640
    narrow = rasterised(sections[0], (640, 360), "centre")
    assert page.shape[1] > 1.8 * narrow.shape[1]
    # Each block begins with a heading: there is light in the first line again and again.
    first = np.nonzero(page[: page.shape[0] // 12, :, 0].max(axis=0) > 100)[0]
    assert first.size and np.diff(first).max() > 30


def test_is_drawn_anew_only_when_text_or_size_change(
    ctx: moderngl.Context,
    hud: Hud,
    screen: moderngl.Framebuffer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[tuple[object, ...]] = []

    def watched(*given: object) -> np.ndarray:
        made.append(given)
        return rasterised(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(hud_module, "rasterised", watched)
    for _ in range(3):
        over_white(hud, screen, LINES, "corner")
        over_white(hud, screen, ["help"], "centre")
    assert len(made) == 2
    over_white(hud, screen, ["other"], "corner")
    assert len(made) == 3
    hud.draw(["other"], screen, (200, 100), bottom_up=True)
    assert len(made) == 4


def test_shows_the_new_text_and_nothing_of_the_old(hud: Hud, screen: moderngl.Framebuffer) -> None:
    fresh = over_white(hud, screen, ["i"], "corner").copy()
    over_white(hud, screen, ["a much longer line", "and one more"], "corner")
    np.testing.assert_array_equal(over_white(hud, screen, ["i"], "corner"), fresh)


def test_uses_a_texture_again_and_frees_it(
    ctx: moderngl.Context, textures: Textures, screen: moderngl.Framebuffer
) -> None:
    hud, others = Hud(ctx), textures.alive
    for number in range(100):
        over_white(hud, screen, [f"{number * 7.7:.1f} fps", "x" * (number % 9)], "corner")
        over_white(hud, screen, [f"page {number % 3}"], "centre")
    assert textures.alive - others == 2
    assert len(textures) - others <= 6
    over_white(hud, screen, ["a line longer than any before"] * 5, "corner")
    assert textures.alive - others == 2
    hud.release()
    assert textures.alive == others


def test_nothing_to_say_draws_nothing(hud: Hud, screen: moderngl.Framebuffer) -> None:
    for lines in ([], [""], ["", "  "]):
        assert np.all(over_white(hud, screen, lines, "centre") == 255)


def test_leaves_blending_off(ctx: moderngl.Context, hud: Hud, screen: moderngl.Framebuffer) -> None:
    program = ctx.program(
        vertex_shader=source("fullscreen.vert"),
        fragment_shader="#version 330 core\nout vec4 o;\nvoid main() { o = vec4(0.2); }",
    )
    triangle = ctx.vertex_array(program, [])
    over_white(hud, screen, LINES, "corner")
    triangle.render(moderngl.TRIANGLES, vertices=3)
    assert np.all(read_picture(screen, SIZE, bottom_up=False) == 51)
    triangle.release()
    program.release()


ODD = "\x00\ud800\udfff\u202e\u200b\n\r\x1b日本🙂\ufffd\U0010ffff→é½"


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (40, 20), SIZE])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "lines",
    [[ODD], ["\t\t\t"], ["a\tb", "c", "\td\te"], ["W" * 10_000], [f"line {i}" for i in range(500)]],
    ids=["odd", "tabs", "ragged", "wide", "tall"],
)
def test_never_raises_and_never_leaves_the_window(
    size: tuple[int, int], place: Place, lines: list[str]
) -> None:
    panel = rasterised(lines, size, place)
    assert panel.dtype == np.uint8 and panel.shape[2] == 2
    assert 1 <= panel.shape[0] <= size[1] and 1 <= panel.shape[1] <= size[0]
    assert np.all(panel[..., 0] <= panel[..., 1])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=30), min_size=1, max_size=5))
def test_takes_any_text(lines: list[str]) -> None:
    for place in PLACES:
        assert rasterised(lines, (64, 36), place).size
