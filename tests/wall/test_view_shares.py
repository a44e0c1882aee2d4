"""How the views of a tick are shared among ranks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from liveflight.core.camera import IDENTITY
from liveflight.core.rect import Rect
from liveflight.core.views import View
from liveflight.wall.layout import Layout
from liveflight.wall.reach import held
from liveflight.wall.tiles import Wall
from liveflight.wall.view_shares import Share, parts, shares

CANVAS, SIZE = (320, 180), (64, 36)
PAIR, FOUR = Layout(2, 1).wall(CANVAS), Layout(2, 2).wall(CANVAS)
WHOLE = View(0.0, 0.0, 1.1)


def shared(views: list[View], wall: Wall, **how: object) -> list[Share]:
    return shares(views, SIZE, wall, held(wall, IDENTITY), **how)  # type: ignore[arg-type]


def test_a_view_within_a_tile_is_its_ranks_own_affair() -> None:
    (share,) = shared([View(-0.6, 0.0, 0.2, 0.0, 2)], PAIR)
    assert share.owner == 0
    assert share.drawn == {0: Rect(0, 0, *SIZE)}
    assert list(share.needed) == [0]


def test_a_view_across_a_border_is_drawn_by_both() -> None:
    (share,) = shared([View(0.0, 0.0, 0.4, 0.0, 1)], PAIR)
    assert set(share.drawn) == set(share.needed) == {0, 1}
    assert share.drawn[0].right >= 32 >= share.drawn[1].left
    assert share.drawn[0].right <= 48


@pytest.mark.parametrize("wall", [PAIR, FOUR])
def test_ranks_have_as_many_views_as_each_other(wall: Wall) -> None:
    rng = np.random.default_rng(2)
    views = [View(*rng.uniform(-0.5, 0.5, 2), 0.3, 0.1, 1) for _ in range(8)]
    owners = Counter(share.owner for share in shared(views, wall))
    assert owners == dict.fromkeys(wall.ranks, 8 // len(wall.ranks))


def test_every_pixel_of_a_view_is_drawn() -> None:
    for view in (WHOLE, View(0.8, 0.4, 0.5, 0.3, 1), View(0.1, -0.05, 0.25, -0.2, 2)):
        (share,) = shared([view], FOUR)
        covered = np.zeros(SIZE[::-1], bool)
        for box in share.drawn.values():
            covered[box.top : box.bottom, box.left : box.right] = True
        assert covered.all()


def test_ranks_that_are_lost_have_no_share() -> None:
    found = shared([WHOLE, WHOLE], FOUR, members=[0, 3])
    assert sorted(share.owner for share in found) == [0, 3]
    assert all(set(share.drawn) | set(share.needed) <= {0, 3} for share in found)


def test_ranks_that_ascend_nothing_draw_and_show_their_part() -> None:
    views = [View(0.4, 0.0, 0.2, 0.0, 2)] * 3
    found = shared(views, PAIR, idle=[1])
    assert [share.owner for share in found] == [0] * 3
    assert all(set(share.drawn) == {1} and 1 in share.needed for share in found)
    assert {share.owner for share in shared(views, PAIR, idle=[0, 1])} == {0, 1}


def test_of_a_view_of_the_whole_each_rank_needs_its_part() -> None:
    wall = Layout(4, 1).wall((1280, 180))
    (share,) = shares([View(0.0, 0.0, 4.0)], (64, 9), wall, held(wall, IDENTITY))
    widths = {rank: box.width for rank, box in share.needed.items()}
    assert widths[0] < 40
    assert widths[1] < 48


def test_a_rank_finds_its_own_parts_without_those_of_others() -> None:
    rng = np.random.default_rng(3)
    views = [WHOLE, *(View(*rng.uniform(-0.7, 0.7, 2), 0.2, 0.1, 2) for _ in range(12))]
    found, holding = shared(views, FOUR), held(FOUR, IDENTITY)
    for rank in FOUR.ranks:
        drawn, needed = parts(views, SIZE, FOUR, rank, holding[rank])
        assert drawn == {n: each.drawn[rank] for n, each in enumerate(found) if rank in each.drawn}
        assert needed == {
            n: each.needed[rank] for n, each in enumerate(found) if rank in each.needed
        }
        assert len(drawn) < len(views)


def test_what_a_rank_draws_does_not_grow_with_the_wall() -> None:
    def most(columns: int) -> int:
        wall = Layout(columns, 1).wall((160 * columns, 180))
        across = (np.arange(4 * columns) + 0.5) / (4 * columns) - 0.5
        views = [View(x * wall.canvas[0] / 180, 0.0, 0.4, 0.0, 2) for x in across]
        holding = held(wall, IDENTITY)
        each = [parts(views, SIZE, wall, rank, holding[rank]) for rank in wall.ranks]
        return max(len(drawn) + len(needed) for drawn, needed in each)

    assert most(12) <= most(3)
