"""The test card of a wall, looked at as numbers: what continues, what is turned, what is soft."""

from __future__ import annotations

import numpy as np
import pytest

from liveflight.render import test_card
from liveflight.wall.layout import Layout, Length
from liveflight.wall.tiles import Wall


def upright(wall: Wall, rank: int) -> np.ndarray:
    """Return a card as it lies on the canvas."""
    return np.rot90(test_card.card(wall, rank), wall.tiles[rank].turns)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_a_card_has_its_displays_size_and_is_turned(turned: int) -> None:
    wall = Layout(2, 1, rotations=(turned,)).wall((640, 180))
    plain = Layout(2, 1).wall((640, 180))
    card = test_card.card(wall, 0)
    assert card.shape == ((320, 180, 3) if turned % 180 else (180, 320, 3))
    outermost = [card[0], card[-1], card[:, 0], card[:, -1]]
    assert all((side == 245).all() for side in outermost)
    if turned in (0, 180):  # a turned tile says so
        assert (upright(wall, 0)[:40] == test_card.card(plain, 0)[:40]).all()


def test_the_grid_goes_on_behind_a_bezel() -> None:
    wall = Layout(2, 1, gaps=(Length(14), Length(0))).wall((654, 180))
    step = 180 // 12
    columns = set()
    for tile in wall.tiles:
        card = test_card.card(wall, tile.rank)
        lines = np.flatnonzero((card[1] == test_card._GRID).all(1)) + tile.shown.left
        columns |= {int(each) for each in lines if 10 < each < 644}  # not the diagonals
    assert columns == set(range(12, 320, step)) | set(range(342, 644, step))


def test_overlapping_cards_lie_on_each_other() -> None:
    wall = Layout(2, 1, overlaps=(60, 0)).wall((580, 180))
    one, other = (test_card.card(wall, rank).astype(float) / 255 for rank in (0, 1))
    light = one[:, -60:] ** 2.2 + other[:, :60] ** 2.2
    grid = np.asarray(test_card._GRID) / 255
    column = 290 % 15
    place = next(x for x in range(5, 55) if (260 + x) % 15 == column and x != 30)
    rows = [12, 13, 14]  # between lines of the grid and the frame
    assert np.allclose(light[rows, place] ** (1 / 2.2), grid, atol=0.02)


def yellow(part: np.ndarray) -> bool:
    red, green, blue = (part[..., each].astype(int) for each in range(3))
    return bool(((red > 180) & (green > 140) & (blue < 80)).any())


def test_a_card_names_its_rank_and_its_neighbours() -> None:
    wall = Layout(2, 2).wall((640, 360))
    sides = {
        "left": np.s_[80:100, 12:80],
        "right": np.s_[80:100, 240:308],
        "above": np.s_[8:26, 130:190],
        "below": np.s_[130:146, 130:190],
    }
    grounds = set()
    for rank in wall.ranks:
        card = test_card.card(wall, rank)
        named = {side for side, part in sides.items() if yellow(card[part])}
        assert named == set(wall.neighbours(rank))
        assert yellow(card[40:70, 100:220])  # its own rank
        grounds.add(tuple(np.median(card.reshape(-1, 3), 0)))
    assert len(grounds) == 4


def test_a_card_is_stretched_to_its_display() -> None:
    wall = Layout(2, 1).wall((640, 180))
    assert test_card.card(wall, 1, ["display 1"], (400, 200)).shape == (200, 400, 3)


@pytest.mark.parametrize("canvas", [(32, 16), (16 * 64, 16)])
def test_the_smallest_walls_have_cards(canvas: tuple[int, int]) -> None:
    wall = Layout(canvas[0] // 16, 1).wall(canvas)
    assert test_card.card(wall, 0).shape == (16, 16, 3)
