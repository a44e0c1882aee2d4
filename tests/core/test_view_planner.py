"""Where the planner looks: everywhere, alike, and where it is new first."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from liveflight.core.camera import matrix
from liveflight.core.view_planner import _STAY, ViewPlanner
from liveflight.core.views import View, ViewSettings, level_count, mask

CANVAS, SIZE = (160, 90), (40, 24)
"""Two levels beside the whole, and views of another shape than the canvas."""
ASPECT = CANVAS[0] / CANVAS[1]
DETAIL = ViewSettings(detail=1.0)

Sizes = tuple[int, int]


def plan(
    number: int,
    settings: ViewSettings = DETAIL,
    seed: int = 0,
    canvas: Sizes = CANVAS,
    size: Sizes = SIZE,
    **where: Any,
) -> list[View]:
    planner = ViewPlanner(seed)
    return [planner.next(canvas, size, settings, **where) for _ in range(number)]


def grid(canvas: Sizes, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of square cells, across and down, in heights."""
    aspect = canvas[0] / canvas[1]
    columns = round(rows * aspect)
    xs = ((np.arange(columns) + 0.5) / columns - 0.5) * aspect
    return xs, 0.5 - (np.arange(rows) + 0.5) / rows


def weights(
    views: list[View], canvas: Sizes, size: Sizes, rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what views add to each row and to each column of cells; a cell gets the product.

    Without their rotation; what hangs over is mirrored. Two arrays (views, cells)."""
    xs, ys = grid(canvas, rows)
    x, y, span = np.array([(view.x, view.y, view.span) for view in views]).T[:, :, None]

    def along(places: np.ndarray, middle: np.ndarray, side: Any, extent: float) -> np.ndarray:
        images = (middle, extent - middle, -extent - middle)
        return np.sum([mask((places - image) / side) for image in images], axis=0)

    across = along(xs, x, span * size[0] / size[1], canvas[0] / canvas[1])
    return along(ys, y, span, 1.0), across


# Which views there are


def test_a_seed_gives_the_same_views_and_another_seed_others() -> None:
    settings = ViewSettings()
    assert plan(100, settings, seed=3) == plan(100, settings, seed=3)
    assert not set(plan(100, settings, seed=3)) & set(plan(100, settings, seed=4))


@pytest.mark.parametrize("octaves", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("jitter", [0.0, 16.0, 1000.0])
@pytest.mark.parametrize(("canvas", "size"), [(CANVAS, SIZE), ((90, 160), (40, 24)), (SIZE, SIZE)])
def test_a_whole_view_covers_the_canvas(
    canvas: Sizes, size: Sizes, octaves: float, jitter: float
) -> None:
    views = plan(200, ViewSettings(0.0, octaves, jitter), canvas=canvas, size=size)
    for view in views:
        assert view.whole and view.rotation == 0
        assert view.span * size[0] / size[1] / 2 - abs(view.x) >= canvas[0] / canvas[1] / 2 - 1e-9
        assert view.span / 2 - abs(view.y) >= 0.5 - 1e-9
        assert view.span <= 2**octaves * max(1, canvas[0] / canvas[1] / (size[0] / size[1])) + 1e-9
    if octaves and jitter:
        assert max(view.x for view in views) > 0.01 > -0.01 > min(view.x for view in views)


@pytest.mark.parametrize("detail", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
def test_levels_come_as_often_as_the_detail_says_and_evenly(detail: float, spread: float) -> None:
    settings = ViewSettings(detail=detail, spread=spread)
    levels = [view.level for view in plan(600, settings)]
    ratio = 8.0 if detail == 1 else min(0.62 * detail / (1 - detail), 8.0)
    shares = np.array([1 - spread, ratio, ratio**2])
    if not shares.any():  # nothing but wholes, and those are left out
        shares[1] = 1
    shares /= shares.sum()
    for begin, end in itertools.combinations(range(0, 601, 60), 2):
        counts = Counter(levels[begin:end])
        for level, share in enumerate(shares):
            assert abs(counts[level] - share * (end - begin)) <= 3


def test_sides_are_halved_from_level_to_level_and_vary_by_the_octaves() -> None:
    for octaves in (0.0, 1.0):
        views = plan(600, ViewSettings(detail=0.6, octaves=octaves))
        for level in (1, 2):
            spans = [view.span for view in views if view.level == level]
            usual = ASPECT / (SIZE[0] / SIZE[1]) / 2**level
            assert min(spans) >= usual * 2 ** (-octaves / 2) - 1e-9
            assert max(spans) <= usual * 2 ** (octaves / 2) + 1e-9
            if octaves:
                assert max(spans) / min(spans) > 2**0.9
    assert {view.finest for view in views if view.level == 2} == {True}
    assert {view.finest for view in views if view.level < 2} == {False}
    assert all(view.finest for view in plan(9, canvas=SIZE, size=SIZE))


def test_views_of_a_place_follow_each_other_and_hardly_differ() -> None:
    views = plan(91, ViewSettings(detail=1.0))
    finest = [view for view in views if view.level == 2]
    assert _STAY > 1 and len(finest) > 10 * _STAY
    for begin in range(0, len(finest) - _STAY, _STAY):
        first, *others = finest[begin : begin + _STAY]
        for other in others:
            assert math.hypot(other.x - first.x, other.y - first.y) < 0.1 * first.span
            assert (other.span, other.rotation) == (first.span, first.rotation)
            assert (other.x, other.y) != (first.x, first.y)


# Everywhere alike


@pytest.mark.parametrize(
    ("canvas", "size", "octaves"),
    [
        ((1280, 720), (320, 180), 0.5),
        ((640, 360), (320, 180), 0.0),
        ((90, 160), (54, 54), 1.0),
        ((3840, 2160), (512, 288), 0.5),
    ],
)
def test_ten_thousand_views_of_a_level_leave_no_seam(
    canvas: Sizes, size: Sizes, octaves: float
) -> None:
    finest = level_count(canvas, size) - 1
    rows = 8 * 2**finest
    planner, settings = ViewPlanner(7), ViewSettings(detail=1.0, octaves=octaves)
    views: list[View] = []
    while len(views) < 10_000:
        view = planner.next(canvas, size, settings)
        if view.level == finest:
            views.append(view)
    down, across = weights(views, canvas, size, rows)
    total = down.T @ across
    total /= total.mean()
    assert np.abs(total - 1).max() < 0.1
    for axis in (0, 1):
        steps = np.diff(total, axis=axis)
        lines = steps.mean(axis=1 - axis)
        assert np.abs(steps).max() < 0.1
        assert np.abs(lines).max() < 0.02, "a step along a whole line is a seam"


@pytest.mark.parametrize("seed", range(3))
def test_no_place_waits_long(seed: int) -> None:
    """Plain random places would make corners wait three times as long."""
    views = plan(3000, ViewSettings(detail=0.75), seed=seed)
    down, across = weights(views, CANVAS, SIZE, 24)
    waiting = {level: np.zeros((24, across.shape[1])) for level in (1, 2)}
    longest = {1: 0.0, 2: 0.0}
    for view, row, column in zip(views, down, across, strict=True):
        if view.level:
            waits = waiting[view.level]
            waits += 1
            waits[np.outer(row, column) >= 0.1] = 0
            longest[view.level] = max(longest[view.level], waits.max())
    assert longest[1] <= 150
    assert longest[2] <= 450


def test_the_first_views_are_of_different_places() -> None:
    places = [(view.x, view.y) for view in plan(200) if view.level == 2][: 10 * _STAY : _STAY]
    for one, other in itertools.combinations(places, 2):
        assert math.dist(one, other) > 0.1


# Where it is worth while


def test_cropped_parts_are_not_looked_at() -> None:
    cell = 1 / 32
    for view in plan(600, visible=(0.6, math.inf)):
        assert not view.level or abs(view.x) <= 0.3 + cell
    spread = [view.y for view in plan(600, visible=(0.6, math.inf)) if view.level]
    assert min(spread) < -0.4 and max(spread) > 0.4


def test_folded_parts_are_not_looked_at() -> None:
    cell = 1 / 32
    folds = [(1.0, 0.0), (0.0, -1.0)]  # the upper left is what remains
    views = [view for view in plan(600, folds=folds) if view.level]
    assert max(view.x for view in views) <= cell and min(view.y for view in views) >= -cell
    assert min(view.x for view in views) < -0.7 and max(view.y for view in views) > 0.4


def test_what_leaves_nothing_is_not_heeded() -> None:
    everywhere = [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)]
    places = [view.x for view in plan(300, visible=(0.0, 0.0), folds=everywhere) if view.level]
    assert min(places) < -0.5 and max(places) > 0.5


def test_a_place_is_left_once_it_is_out_of_sight() -> None:
    planner = ViewPlanner(0)
    folds: list[tuple[float, float]] = []
    for number in range(400):
        folds = [(1.0, 0.0)] if number % 2 else [(-1.0, 0.0)]
        view = planner.next(CANVAS, SIZE, DETAIL, folds=folds)
        if view.level:
            assert view.x * folds[0][0] <= 1 / 32


def test_what_was_out_of_sight_is_not_forgotten_for_long() -> None:
    planner = ViewPlanner(0)
    for _ in range(2000):
        planner.next(CANVAS, SIZE, DETAIL, folds=[(1.0, 0.0)])
    views = [planner.next(CANVAS, SIZE, DETAIL) for _ in range(200)]
    right = [view for view in views if view.level == 2 and view.x > 0]
    assert 0.35 < len(right) / sum(view.level == 2 for view in views) < 0.65


# With the picture


def test_what_the_camera_brings_in_comes_first() -> None:
    planner = ViewPlanner(0)
    for _ in range(500):
        planner.next(CANVAS, SIZE, DETAIL)
    planner.moved(matrix(1, 0, 0.25, 0))  # the camera goes to the right
    new = 0
    for _ in range(12):
        view = planner.next(CANVAS, SIZE, DETAIL)
        while view.level < 2:
            view = planner.next(CANVAS, SIZE, DETAIL)
        new += view.x + view.span * SIZE[0] / SIZE[1] / 2 > ASPECT / 2 - 0.25
    assert new > 12 - _STAY  # but the rest of a place that was looked at already


@pytest.mark.parametrize("step", [0.004, 0.02, 0.04])
def test_it_comes_first_in_small_steps_too(step: float) -> None:
    """As a warp moves the picture by less than a cell."""
    planner = ViewPlanner(0)
    for _ in range(500):
        planner.next(CANVAS, SIZE, DETAIL)
    right = []
    for _ in range(round(2.0 / step)):
        planner.moved(matrix(1, 0, step, 0))
        if (view := planner.next(CANVAS, SIZE, DETAIL)).level == 2:
            right.append(view.x > 0)
    assert np.mean(right) > 0.6
    planner = ViewPlanner(0)
    still = [planner.next(CANVAS, SIZE, DETAIL) for _ in range(900)]
    assert np.mean([view.x > 0 for view in still if view.level == 2]) == pytest.approx(
        0.5, abs=0.03
    )


def test_the_maps_move_with_the_picture() -> None:
    """Places seen before a turn by half a circle are still not due after it."""
    planners = [ViewPlanner(0), ViewPlanner(0)]
    for _ in range(50):
        for planner in planners:
            planner.next(CANVAS, SIZE, DETAIL)
    before = [due.copy() for due in planners[0]._due]
    for _ in range(2):
        planners[1].moved(matrix(1, math.pi / 2, 0, 0) @ matrix(1, math.pi / 2, 0, 0))
    planners[0].moved(matrix(1, math.pi, 0, 0))
    for due, half, whole in zip(before, planners[0]._due, planners[1]._due, strict=True):
        np.testing.assert_allclose(half, due[::-1, ::-1], atol=1e-5)
        np.testing.assert_allclose(whole, due, atol=1e-5)


def test_a_place_that_is_stayed_at_moves_with_the_picture() -> None:
    planner = ViewPlanner(0)
    view = planner.next(CANVAS, SIZE, DETAIL)
    while view.level < 2 or abs(view.x) > 0.2 or abs(view.y) > 0.2:
        view = planner.next(CANVAS, SIZE, DETAIL)
        last = view
    planner = ViewPlanner(0)
    while planner.next(CANVAS, SIZE, DETAIL) != last:
        pass
    planner.moved(matrix(1.25, 0, 0.1, 0.05))
    x, y, _ = np.linalg.inv(matrix(1.25, 0, 0.1, 0.05).astype(float)) @ (last.x, last.y, 1)
    after = planner.next(CANVAS, SIZE, DETAIL)
    while after.level < 2:
        after = planner.next(CANVAS, SIZE, DETAIL)
    assert after.span == pytest.approx(1.25 * last.span)
    assert math.dist((after.x, after.y), (x, y)) < 0.1 * after.span


def test_another_size_begins_anew_and_an_early_move_does_nothing() -> None:
    planner, other = ViewPlanner(5), ViewPlanner(5)
    planner.moved(matrix(2, 1, 0, 0))
    assert planner.next(CANVAS, SIZE, DETAIL) == other.next(CANVAS, SIZE, DETAIL)
    levels = {planner.next((320, 180), SIZE, DETAIL).level for _ in range(200)}
    assert levels == {0, 1, 2, 3}
