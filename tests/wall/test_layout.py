from __future__ import annotations

import re
from itertools import product
from typing import Any

import numpy as np
import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.core.rect import Rect
from liveflight.wall import layout
from liveflight.wall.layout import Layout, Length
from liveflight.wall.tiles import Tile, Wall


def shown(wall: Wall) -> list[tuple[int, int, int, int]]:
    return [tuple(tile.shown) for tile in wall.tiles]


def test_two_displays_share_a_canvas() -> None:
    wall = Layout(2, 1).wall((3840, 1080))
    assert shown(wall) == [(0, 0, 1920, 1080), (1920, 0, 1920, 1080)]
    assert [tile.owned for tile in wall.tiles] == [tile.shown for tile in wall.tiles]
    assert wall.tiles[1] == Tile(1, 1, 0, Rect(1920, 0, 1920, 1080), Rect(1920, 0, 1920, 1080),
                                 turns=0, display=None, soft=(0, 0, 0, 0))  # fmt: skip


def test_ranks_count_row_by_row() -> None:
    wall = Layout(3, 2, displays=(5, 4, 3, 2, 1, 0)).wall((300, 200))
    assert [(tile.rank, tile.column, tile.row, tile.display) for tile in wall.tiles] == [
        (0, 0, 0, 5), (1, 1, 0, 4), (2, 2, 0, 3), (3, 0, 1, 2), (4, 1, 1, 1), (5, 2, 1, 0),
    ]  # fmt: skip
    assert wall.neighbours(0) == {"right": 1, "below": 3}
    assert wall.neighbours(4) == {"left": 3, "above": 1, "right": 5}


def test_a_bezel_hides_canvas_and_its_middle_is_the_border() -> None:
    wall = Layout(2, 2, gaps=(Length(12), Length(7))).wall((3852, 2167))
    assert shown(wall)[3] == (1932, 1087, 1920, 1080)
    assert wall.tiles[0].owned == Rect(0, 0, 1926, 1083)
    assert wall.tiles[3].owned == Rect(1926, 1083, 1926, 1084)


def test_projectors_overlap_with_soft_edges_on_inner_sides() -> None:
    wall = Layout(3, 1, overlaps=(200, 0)).wall((5360, 1080))
    assert shown(wall) == [(0, 0, 1920, 1080), (1720, 0, 1920, 1080), (3440, 0, 1920, 1080)]
    assert [tile.soft for tile in wall.tiles] == [(0, 0, 200, 0), (200, 0, 200, 0), (200, 0, 0, 0)]
    assert [tile.owned.left for tile in wall.tiles] == [0, 1820, 3540]


@pytest.mark.parametrize("measure", [{"pitch_mm": 0.25}, {"width_mm": 480.0}])
def test_millimetres_become_pixels(measure: dict[str, Any]) -> None:
    across = Layout(2, 1, gaps=(Length(8, "mm"), layout.NOTHING), **measure).wall((3872, 1080))
    assert shown(across) == [(0, 0, 1920, 1080), (1952, 0, 1920, 1080)]
    down = Layout(1, 2, gaps=(layout.NOTHING, Length(8, "mm")), **measure).wall((1920, 2192))
    assert shown(down) == [(0, 0, 1920, 1080), (0, 1112, 1920, 1080)]


def test_gaps_in_millimetres_differ_by_a_pixel_and_fill_the_canvas() -> None:
    wall = Layout(4, 1, gaps=(Length(1, "mm"), layout.NOTHING), pitch_mm=0.3).wall((1000, 100))
    assert [tile.shown.left for tile in wall.tiles] == [0, 251, 501, 752]
    assert {tile.shown.width for tile in wall.tiles} == {248}
    thin = Layout(4, 1, gaps=(Length(0.001, "mm"), layout.NOTHING), pitch_mm=0.3).wall((1003, 100))
    assert [tile.shown.left for tile in thin.tiles] == [0, 251, 502, 753]
    assert {tile.shown.width for tile in thin.tiles} == {250}


def test_rotations_turn_the_picture_on_its_display() -> None:
    wall = Layout(2, 1, rotations=(0, 90)).wall((2160, 1920))
    assert [tile.turns for tile in wall.tiles] == [0, 1]
    assert [tile.picture for tile in wall.tiles] == [(1080, 1920), (1920, 1080)]
    assert [tile.turns for tile in Layout(2, 1, rotations=(270,)).wall((40, 20)).tiles] == [3, 3]


@pytest.mark.parametrize(
    "given",
    [
        {}, {"gaps": (Length(3), Length(9))}, {"overlaps": (17, 0)}, {"overlaps": (2, 30)},
        {"gaps": (Length(2.5, "mm"), Length(4, "mm")), "pitch_mm": 0.33},
    ],
)  # fmt: skip
def test_owned_cells_are_a_partition(given: dict[str, Any]) -> None:
    for columns, rows in product((1, 2, 3, 5), (1, 2, 4)):
        spacing = [0, 0]
        if "pitch_mm" not in given:
            gaps = given.get("gaps", (layout.NOTHING, layout.NOTHING))
            spacing = [int(gaps[i].value) - given.get("overlaps", (0, 0))[i] for i in (0, 1)]
        canvas = columns * 100 + (columns - 1) * spacing[0], rows * 80 + (rows - 1) * spacing[1]
        wall = Layout(columns, rows, **given).wall(canvas)
        owners = np.zeros((canvas[1], canvas[0]), np.uint8)
        for tile in wall.tiles:
            own, seen = tile.owned, tile.shown
            owners[own.top : own.bottom, own.left : own.right] += 1
            assert seen.within(Rect(0, 0, *canvas)) == seen
        assert owners.min() == owners.max() == 1
        assert (wall.tiles[-1].shown.right, wall.tiles[-1].shown.bottom) == canvas


@pytest.mark.parametrize(
    ("given", "canvas", "error"),
    [
        ({}, (3841, 1080), "a canvas 3841 pixels wide is not divisible among 2 displays: "
         "make it 3840 or 3842 wide"),
        ({"gaps": (Length(11), Length(0))}, (3840, 1080), "a canvas 3840 pixels wide is not "
         "divisible among 2 displays with gaps of 11 pixels: make it 3839 or 3841 wide"),
        ({"overlaps": (201, 0)}, (3840, 1080), "a canvas 3840 pixels wide is not divisible among "
         "2 displays with overlaps of 201 pixels: make it 3839 or 3841 wide"),
        ({"rows": 3, "columns": 1}, (64, 1000), "a canvas 1000 pixels high is not divisible among "
         "3 displays: make it 999 or 1002 high"),
        ({"gaps": (Length(4000), Length(0))}, (3840, 1080), "1 gap of 4000 pixels in a canvas 3840 "
         "pixels wide leave no picture: choose a larger canvas or smaller gaps"),
        ({"gaps": (Length(2.5), Length(0))}, (3840, 1080),
         "a gap of 2.5 pixels: give whole pixels, or millimetres such as 8mm"),
        ({"gaps": (Length(8, "mm"), Length(0))}, (3840, 1080), "a gap in millimetres needs the size"
         " of a pixel: give the displays' pixel pitch in millimetres or the width of a display's "
         "picture in millimetres, above 0"),
        ({"gaps": (Length(8, "mm"), Length(0)), "pitch_mm": 0.2, "width_mm": 500.0}, (3840, 1080),
         "the displays' pixel pitch and their width: give one of them"),
        ({"gaps": (Length(2), Length(0)), "overlaps": (4, 0)}, (3840, 1080), "a gap of 2 pixels "
         "and an overlap of 4 pixels between the same displays: give one of them"),
        ({"overlaps": (1400, 0)}, (3840, 1080), "an overlap of 1400 pixels is more than half of a "
         "tile 2620 pixels wide: choose at most 1280, or a larger canvas"),
        ({"overlaps": (-2, 0)}, (3840, 1080),
         "a gap of 0 pixels, an overlap of -2 pixels: 0 or more"),
        ({"gaps": (Length(float("inf"), "mm"), Length(0)), "pitch_mm": 1.0}, (64, 64),
         "a gap of inf mm, an overlap of 0 pixels: 0 or more"),
        ({}, (20, 1080), "tiles 10 pixels wide: 16 to 16384 are allowed; choose another canvas or "
         "another number of displays"),
        ({"rotations": (45,)}, (64, 64), "a rotation of 45 degrees: it is 0, 90, 180 or 270"),
        ({"rotations": (0, 90, 0)}, (64, 64),
         "3 rotations for 2 ranks: give one for all, or 2"),
        ({"displays": (0,)}, (64, 64),
         "1 displays for 2 ranks: give 2, with a comma between them"),
        ({"displays": (0, 100)}, (64, 64), "display 100: its number is from 0 to 99"),
        ({"columns": 9, "rows": 8}, (64, 64),
         "a wall of 9x8 displays: it has 1 to 64, such as 2x1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(
    given: dict[str, Any], canvas: tuple[int, int], error: str
) -> None:
    with pytest.raises(LiveflightError, match=f"^{re.escape(error)}$"):
        Layout(**{"columns": 2, "rows": 1, **given}).wall(canvas)


@pytest.mark.parametrize("canvas", [(3840, 1080), (3841, 1081), (1001, 77), (640, 360)])
@pytest.mark.parametrize(("columns", "rows"), [(2, 1), (3, 2), (5, 1)])
def test_the_canvas_and_the_overlap_that_an_error_proposes_fit(
    canvas: tuple[int, int], columns: int, rows: int
) -> None:
    plan = Layout(columns, rows, overlaps=(30, 10))
    for _ in range(2):  # one side, then the other
        try:
            plan.wall(canvas)
        except LiveflightError as error:
            proposed = int(re.findall(r"make it (\d+) or", str(error))[0])
            wide = str(error).endswith("wide")
            canvas = (proposed, canvas[1]) if wide else (canvas[0], proposed)
    plan.wall(canvas)
    with pytest.raises(LiveflightError, match="at most") as raised:
        Layout(columns, rows, overlaps=(canvas[0], 0)).wall((canvas[0], rows * 40))
    most = int(re.findall(r"at most (\d+)", str(raised.value))[0])
    Layout(columns, rows, overlaps=(most, 0)).wall((canvas[0], rows * 40))


def test_texts_are_read() -> None:
    assert layout.grid("2x1") == (2, 1)
    assert layout.grid(" 4X2 ") == (4, 2)
    assert layout.length("12") == Length(12, "px")
    assert layout.length("8.5 mm") == Length(8.5, "mm")
    assert layout.length("3PX") == Length(3, "px")


@pytest.mark.parametrize("text", ["2", "2x", "x1", "-2x1", "2x1x1", "٢x1", "1000x1"])
def test_a_grid_has_two_numbers(text: str) -> None:
    with pytest.raises(LiveflightError, match="is not of the form COLUMNSxROWS, such as 2x1"):
        layout.grid(text)


@pytest.mark.parametrize("text", ["", "-3", "8cm", "nan", "1e3", "8mm mm"])
def test_a_length_has_a_known_unit(text: str) -> None:
    with pytest.raises(LiveflightError, match="is not a length such as"):
        layout.length(text)


def test_rectangles_meet_and_grow() -> None:
    left, right = Rect(0, 0, 10, 10), Rect(8, 2, 10, 3)
    assert left.within(right) == Rect(8, 2, 2, 3)
    assert left.within(Rect(20, 0, 5, 5)).empty
    assert Rect(2, 3, 4, 5).grown(3, (8, 100)) == Rect(0, 0, 8, 11)
