from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveflight.core.thumbnail_grid import (
    SMALLEST_PITCH_PX,
    ThumbnailGrid,
    letters,
    type_size,
    wrapped,
)

KEYS = tuple((name * 3, "does this and that") for name in "abcdefgh")


def test_all_of_a_layer_fits_a_window_of_the_usual_size() -> None:
    grid = ThumbnailGrid((1280, 720), 512, 32, above=41, below=36)
    assert (grid.pitch, grid.across, grid.down, grid.left) == (38, 32, 16, 32)


@pytest.mark.parametrize("size", [(640, 360), (360, 640)])
def test_on_a_small_window_tiles_keep_a_size_and_the_grid_scrolls_both_ways(
    size: tuple[int, int],
) -> None:
    grid = ThumbnailGrid(size, 512, 32, above=30, below=30)
    assert grid.pitch == SMALLEST_PITCH_PX and grid.across < 32 and grid.left >= 9
    last = grid.showing(511)
    assert (last.row + last.down, last.column + last.across) == (16, 32)
    assert last.corner(511) and not last.corner(0)
    assert last.showing(0) == grid


def test_it_scrolls_no_further_than_it_must() -> None:
    grid = ThumbnailGrid((640, 360), 512, 32).scrolled(3, 5)
    inside = grid.row * 32 + grid.column + 33
    assert grid.showing(inside) == grid
    assert grid.showing(inside - 64).row == 2
    right = (grid.row + 1) * 32 + grid.column + grid.across
    assert grid.showing(right).column == 6 and grid.showing(right).row == 3


def test_few_tiles_begin_where_many_do() -> None:
    few, many = ThumbnailGrid((1280, 720), 5, 32), ThumbnailGrid((1280, 720), 500, 32)
    assert (few.left, few.pitch) == (many.left, many.pitch)
    assert few.at(few.left + 4 * 38, 0) == 4 and few.at(few.left + 5 * 38, 0) is None


grids = st.builds(
    ThumbnailGrid,
    st.tuples(st.integers(1, 4000), st.integers(1, 2200)),
    st.integers(1, 1300),
    st.just(32),
    st.integers(0, 60),
    st.integers(0, 60),
)


@given(grids, st.data())
def test_a_tile_that_is_shown_is_found_by_its_pixels(
    grid: ThumbnailGrid, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, grid.count - 1))
    shown = grid.scrolled(data.draw(st.integers(-3, 50)), data.draw(st.integers(-3, 40)))
    shown = shown.showing(place)
    corner = shown.corner(place)
    assert corner is not None
    for inside in (0, shown.pitch - 1):
        assert shown.at(corner[0] + inside, corner[1] + inside) == place
    assert shown.at(shown.left - 1, shown.above) is None
    assert shown.at(shown.left, shown.above - 1) is None
    assert 0 <= shown.nearest(place) < grid.count and shown.nearest(place) == place


@given(grids, st.integers(-3, 50), st.integers(-3, 40), st.integers(0, 1299))
def test_what_is_nearest_exists(grid: ThumbnailGrid, row: int, column: int, place: int) -> None:
    assert 0 <= grid.scrolled(row, column).nearest(min(place, grid.count - 1)) < grid.count


def test_type_is_never_small_nor_too_wide_for_a_narrow_window() -> None:
    assert type_size((1280, 720)) == 18
    assert type_size((640, 360)) == type_size((360, 640)) == 12
    assert type_size((3840, 2160)) == 54


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (100, 50)])
def test_keys_are_wrapped_and_none_is_lost(size: tuple[int, int]) -> None:
    lines = wrapped(KEYS, size)
    assert tuple(key for line in lines for key in line) == KEYS
    for line in lines:
        assert len(line) == 1 or sum(len(name + help) + 4 for name, help in line) <= letters(size)
