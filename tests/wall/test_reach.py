"""What a tile reads of the canvas, and where it comes from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liveflight.core.camera import IDENTITY, matrix
from liveflight.core.contracts import Warp
from liveflight.core.rect import Rect
from liveflight.wall.layout import Layout
from liveflight.wall.reach import held, pieces, read_by

CANVAS = (320, 180)
WALL = Layout(2, 2).wall(CANVAS)
LEFT, RIGHT = Rect(0, 0, 160, 180), Rect(160, 0, 160, 180)


def reads(part: Rect, warp: Warp) -> tuple[int, int, int, int]:
    found = read_by(part, warp, CANVAS)
    return found.left, found.top, found.right, found.bottom


def test_a_picture_at_rest_is_read_where_it_is() -> None:
    assert reads(RIGHT, IDENTITY) == (156, 0, 320, 180)


def test_a_pan_reads_beside() -> None:
    warp = replace(IDENTITY, matrix=matrix(1.0, 0.0, -0.25, 0.0))  # 45 pixels to the left
    assert reads(Rect(160, 60, 40, 40), warp) == (111, 56, 159, 104)


def test_a_zoom_reads_less() -> None:
    warp = replace(IDENTITY, matrix=matrix(2.0, 0.0, 0.0, 0.0))
    assert reads(Rect(0, 0, 320, 180), warp) == (76, 41, 244, 139)


def test_a_mirror_reads_the_other_tile() -> None:
    left, _, right, _ = reads(RIGHT, replace(IDENTITY, mirror_x=True))
    assert left == 0
    assert 160 <= right <= 180  # of the right one no more than a filter reads


def test_beyond_the_border_the_canvas_is_mirrored() -> None:
    warp = replace(IDENTITY, matrix=matrix(1.0, 0.0, -0.25, 0.0))
    left, _, right, _ = reads(Rect(0, 60, 20, 40), warp)
    assert left <= 25
    assert 45 <= right <= 60


@pytest.mark.parametrize("folds", [{}, {"kaleidoscope": 6}, {"mirror_x": True, "mirror_y": True}])
@pytest.mark.parametrize("part", [Rect(0, 0, 90, 50), Rect(140, 70, 61, 47), RIGHT])
def test_no_place_that_is_read_is_left_out(part: Rect, folds: dict[str, object]) -> None:
    from liveflight.core.camera import fold_lines
    from liveflight.wall.reach import folded, mirrored

    warp = replace(IDENTITY, matrix=matrix(1.05, 0.2, 0.03, -0.02), **folds)
    x, y = np.meshgrid(
        np.arange(part.left, part.right) + 0.5, np.arange(part.top, part.bottom) + 0.5
    )
    homes = folded(np.stack([x - 160, 90 - y], -1), fold_lines(warp), CANVAS)
    places = homes @ warp.matrix[:2, :2].T + warp.matrix[:2, 2] * CANVAS[1]
    across = mirrored(160 + places[..., 0], 320)
    down = mirrored(90 - places[..., 1], 180)
    left, top, right, bottom = reads(part, warp)
    assert across.min() >= left
    assert across.max() <= right
    assert down.min() >= top
    assert down.max() <= bottom


def test_each_rank_holds_its_tile_and_a_margin() -> None:
    margin = 30  # 0.12 of 180, rounded up, and 8
    assert held(WALL, IDENTITY)[0] == Rect(0, 0, 160 + margin, 90 + margin)


def test_what_is_missing_comes_from_its_owner_and_nothing_comes_twice() -> None:
    holding = held(WALL, IDENTITY)
    needed = [Rect(0, 0, *CANVAS)] * 4
    for to in WALL.ranks:
        canvas = np.zeros(CANVAS[::-1], int)
        own = holding[to]
        canvas[own.top : own.bottom, own.left : own.right] += 1
        for (giver, taker), parts in pieces(needed, holding, WALL).items():
            for part in parts if taker == to else ():
                assert part.within(WALL.tiles[giver].owned) == part
                canvas[part.top : part.bottom, part.left : part.right] += 1
        assert (canvas == 1).all()


def test_who_holds_all_that_is_needed_gets_nothing() -> None:
    holding = held(WALL, IDENTITY)
    assert pieces(holding, holding, WALL) == {}
