from __future__ import annotations

import numpy as np
import pytest

from liveflight.wall import soft_edge
from liveflight.wall.layout import Layout, Length


@pytest.mark.parametrize("length", [1, 2, 40, 201])
def test_the_light_of_two_edges_adds_up(length: int) -> None:
    levels = soft_edge.ramp(length)
    light = levels.astype(np.float64) ** soft_edge.GAMMA
    assert np.allclose(light + light[::-1], 1, atol=1e-6)
    assert (np.diff(levels) > 0).all()


def test_only_overlaps_are_soft() -> None:
    wall = Layout(3, 2, overlaps=(20, 10)).wall((260, 150))
    columns, rows = soft_edge.gains(wall.tiles[1])
    assert (columns.shape, rows.shape) == ((100,), (80,))
    assert (columns[20:80] == 1).all() and (rows[:70] == 1).all()
    assert (columns[:20] < 1).all() and (columns[80:] < 1).all() and (rows[70:] < 1).all()
    alone = Layout(2, 1, gaps=(Length(4), Length(0))).wall((104, 20))
    assert all((side == 1).all() for side in soft_edge.gains(alone.tiles[0]))


def test_a_canvas_of_overlapping_tiles_is_evenly_bright() -> None:
    wall = Layout(3, 2, overlaps=(20, 10)).wall((260, 150))
    light = np.zeros((150, 260))
    for tile in wall.tiles:
        columns, rows = soft_edge.gains(tile)
        left, top, width, height = tile.shown
        part = (rows[:, None].astype(np.float64) * columns) ** soft_edge.GAMMA
        light[top : top + height, left : left + width] += part
    assert np.allclose(light, 1, atol=1e-6)
