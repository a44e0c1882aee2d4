from __future__ import annotations

from collections.abc import Iterator, Sequence

import moderngl
import numpy as np
import pytest
from made_textures import Textures

from liveflight.core.panel_places import Place
from liveflight.core.text_panel import Bars, of_lines, row
from liveflight.render import hud as hud_module
from liveflight.render.canvas_transfer import read_picture
from liveflight.render.hud import Hud
from liveflight.render.passes import source
from liveflight.render.typesetting import typeset

pytestmark = pytest.mark.gl

SIZE = (322, 180)
LINES = ("block14_expand:22", "59.8 fps")
PLACES: tuple[Place, ...] = ("corner", "main")


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
    hud.draw({place: of_lines(lines)}, screen, SIZE, bottom_up=bottom_up)
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
    rows, columns = box(over_white(hud, screen, LINES, "main"))
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
    hud.draw({"corner": of_lines(["HUD"])}, screen, SIZE, bottom_up=False)
    seen = read_picture(screen, SIZE, bottom_up=False)[..., 0].astype(int)
    panel = seen[3:30, 3:40]
    backing = np.median(panel)
    assert backing == pytest.approx(255 * picture * 0.32, abs=2)
    assert panel.max() - backing > 150
    # Outside the panel the picture is as it was.
    assert np.all(abs(seen[100:] - 255 * picture) <= 0.5)


def test_is_drawn_anew_only_when_text_or_size_change(
    ctx: moderngl.Context,
    hud: Hud,
    screen: moderngl.Framebuffer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[tuple[object, ...]] = []

    def watched(*given: object, **named: object) -> object:
        made.append(given)
        return typeset(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(hud_module, "typeset", watched)
    for _ in range(3):
        over_white(hud, screen, LINES, "corner")
        over_white(hud, screen, ["help"], "main")
    assert len(made) == 2
    over_white(hud, screen, ["other"], "corner")
    assert len(made) == 3
    hud.draw({"corner": of_lines(["other"])}, screen, (200, 100), bottom_up=True)
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
        over_white(hud, screen, [f"page {number % 3}"], "main")
    assert textures.alive - others == 2
    assert len(textures) - others <= 6
    over_white(hud, screen, ["a line longer than any before"] * 5, "corner")
    assert textures.alive - others == 2
    hud.release()
    assert textures.alive == others


@pytest.mark.parametrize("bottom_up", [False, True])
def test_a_bar_is_as_long_as_its_level(
    hud: Hud, screen: moderngl.Framebuffer, bottom_up: bool
) -> None:
    panel = (row("x", Bars(("one", "other"), 10.0)), row("y", Bars(("third",), 10.0)))

    def lengths(**lengths: float) -> list[int]:
        screen.clear(0, 0, 0)
        levels = {name: (0.0, length) for name, length in lengths.items()}
        hud.draw({"corner": panel}, screen, SIZE, bottom_up=bottom_up, levels=levels)
        seen = read_picture(screen, SIZE, bottom_up=bottom_up).astype(int)
        lit = (seen[..., 2] - seen[..., 0] > 40) & (seen[..., 2] > 200)
        rows = np.nonzero(lit.any(1))[0]
        return [int(lit[row].sum()) for row in (rows.min(), rows.max())] if rows.size else []

    assert lengths() == [], "no level: no bar"
    first, last = lengths(one=1.0, third=0.5)
    assert 50 < first < 60 and last == 60
    assert lengths(one=0.5, other=0.5, third=2.0) == [2 * round(first / 2), 120]


def test_panels_do_not_overlap_and_say_where_they_are(
    hud: Hud, screen: moderngl.Framebuffer
) -> None:
    panels = {"corner": of_lines(["a"]), "foot": of_lines(["b"])}
    assert hud.draw(panels, screen, SIZE, bottom_up=False).keys() == {"corner", "foot"}  # type: ignore[arg-type]
    panels["main"] = of_lines(["a line"] * 30)
    assert hud.draw(panels, screen, SIZE, bottom_up=False).keys() == {"main", "corner"}  # type: ignore[arg-type]
    panels["main"] = of_lines(["a line that leaves no room for anything " * 2] * 13)
    assert hud.draw(panels, screen, SIZE, bottom_up=False).keys() == {"main"}  # type: ignore[arg-type]


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
