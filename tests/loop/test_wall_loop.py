"""One canvas on several ranks: the same picture as on one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from fake_engine import FakeEngine
from local_group import LocalBoard, LocalGroup

from liveflight.core.ascent import Upkeep
from liveflight.core.camera import Camera, fold_lines
from liveflight.core.contracts import Ascent, Canvas, Size, Target, Value, ViewStep
from liveflight.core.controls import Controls
from liveflight.core.noise import pink
from liveflight.core.view_planner import ViewPlanner
from liveflight.core.views import ViewSettings
from liveflight.loop.feedback_loop import FeedbackLoop
from liveflight.loop.wall_loop import WallLoop
from liveflight.outputs.offscreen import Offscreen
from liveflight.render.canvas_transfer import HostCopy
from liveflight.system.worker import Worker
from liveflight.wall.layout import Layout

pytestmark = pytest.mark.gl

CANVAS, VIEW, VIEWS, DT = (192, 108), (48, 28), 4, 1 / 30
LARGE = (384, 216)
FRAMES = 8
"""Frames of each part of the set."""
SET: list[dict[str, Value]] = [
    {"camera.zoom": 1.4},
    {"camera.rotation": 40.0},
    {"camera.pan_x": 0.3, "camera.pan_y": -0.2},
    {"warp.flow": 0.2},
    {"warp.mirror": "both", "camera.zoom": 1.2},
    {"warp.kaleidoscope": 6, "camera.rotation": 30.0},
    {},
]


class Field(FakeEngine):
    """Answer with directions that were made before, by the number of the view."""

    def directions(self, views: Canvas, steps: list[ViewStep], ascent: Ascent) -> Canvas:  # type: ignore[override]
        size = views.shape[1], views.shape[0] // len(steps)
        return np.concatenate(
            [_direction(next(iter(step.mix)).filter or 0, size) for step in steps]
        )


def _direction(number: int, size: Size) -> Canvas:
    field = pink(size, number % 7, mean=0.0, deviation=1.0)
    return (field - [0.5, 0.5, 0.5, 0.0]).astype(np.float16)


def fly(loop: FeedbackLoop) -> None:
    """Fly the set on a loop, or on one rank of a wall."""
    camera, planner, engine = Camera(), ViewPlanner(5), Field()
    loop.on_warp = planner.moved
    number = 0
    for part in SET:
        controls = Controls()
        for key, value in part.items():
            controls.set(key, value)
        controls.jump()
        for _ in range(FRAMES):
            loop.move(camera.warp(controls, DT, CANVAS[0] / CANVAS[1]), DT)
            views = []
            for _ in range(VIEWS):
                lines = fold_lines(loop.shown)
                view = planner.next(CANVAS, VIEW, ViewSettings(), folds=lines)
                views.append((view, {Target("field", "layer", number): 1.0}))
                number += 1
            loop.begin(engine, views, Ascent(), 0.03, VIEW)
            assert loop.collect_result(60.0)
            assert loop.advance(DT, Upkeep(pull=1.0, noise=0.02))


Slow = list[tuple[dict[str, Value], int, int]]
"""Controls, frames, and frames that each tick takes."""
TURNING: Slow = [({"camera.rotation": 90.0}, *each) for _ in range(6) for each in ((1, 0), (6, 6))]
FOLDING: Slow = [
    ({"camera.rotation": 30.0}, 15, 20),
    ({"camera.rotation": 30.0, "warp.kaleidoscope": 5}, 60, 20),
]


def fly_slowly(script: Slow, loop: FeedbackLoop) -> None:
    """Fly with ticks that take several frames; their directions are added over as many more."""
    camera, planner, engine = Camera(), ViewPlanner(5), Field()
    loop.on_warp = planner.moved
    number = age = 0
    for part, frames, length in script:
        controls = Controls()
        for key, value in part.items():
            controls.set(key, value)
        controls.jump()
        for _ in range(frames):
            if loop.ticking and age >= length:
                assert loop.collect_result(60.0)
            if quick := not length:
                loop.move(camera.warp(controls, DT, LARGE[0] / LARGE[1]), DT)
            if not loop.ticking:
                lines, age = fold_lines(loop.shown), 0
                views = []
                for _ in range(VIEWS):
                    view = planner.next(LARGE, (96, 54), ViewSettings(), folds=lines)
                    views.append((view, {Target("field", "layer", number): 1.0}))
                    number += 1
                loop.begin(engine, views, Ascent(), 0.03, (96, 54))
            if quick:
                assert loop.collect_result(60.0)
            else:
                loop.move(camera.warp(controls, DT, LARGE[0] / LARGE[1]), DT)
            age += 1
            assert loop.advance(DT, Upkeep(pull=1.0, noise=0.02))


def flown_alone(fly: Callable[[FeedbackLoop], None], size: Size = CANVAS) -> Canvas:
    """Return the canvas of one GPU."""
    output = Offscreen(size)
    inline = Worker[Canvas](False)
    loop = FeedbackLoop(output.ctx, size, 5, Worker(False), inline, lambda part: None)
    try:
        fly(loop)
        return HostCopy().read(loop.renderer.texture).copy()
    finally:
        loop.close()
        output.close()


@pytest.fixture(scope="module")
def alone() -> Canvas:
    """The canvas after the set on one GPU."""
    return flown_alone(fly)


def together(
    columns: int, rows: int, fly: Callable[[WallLoop], None], size: Size = CANVAS
) -> tuple[Canvas, list[int]]:
    """Return the tiles of a wall put together, and the bytes that each rank has sent."""
    wall = Layout(columns, rows).wall(size)
    boards = LocalBoard(columns * rows), LocalBoard(columns * rows)
    canvas = np.zeros((*size[::-1], 4), np.float16)
    sent = [0] * (columns * rows)
    faults: list[BaseException] = []

    def run(rank: int) -> None:
        output = Offscreen(size)
        loop = WallLoop(output.ctx, wall, rank, 5, Worker(False), Worker(False), lambda part: None)
        frames, ascents = (LocalGroup(board, rank) for board in boards)
        loop.connect(frames, ascents)
        try:
            fly(loop)
            region, own = loop.renderer.region.rect, wall.tiles[rank].owned
            held = HostCopy().read(loop.renderer.texture)
            x, y = own.left - region.left, own.top - region.top
            part = held[y : y + own.height, x : x + own.width]
            canvas[own.top : own.bottom, own.left : own.right] = part
            sent[rank] = frames.bytes_sent + ascents.bytes_sent
        except BaseException as error:
            faults.append(error)
            for board in boards:
                board.barrier.abort()
        finally:
            loop.close()
            output.close()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in wall.ranks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return canvas, sent


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (2, 1), (2, 2)])
def test_tiles_put_together_are_the_canvas_of_one_gpu(
    alone: Canvas, columns: int, rows: int
) -> None:
    canvas, _ = together(columns, rows, fly)
    away = np.abs(canvas.astype(np.float32) - alone.astype(np.float32))
    assert away.max() <= 2 / 255


@pytest.mark.parametrize(
    ("script", "columns", "rows"), [(TURNING, 2, 2), (FOLDING, 3, 1)], ids=["turning", "folding"]
)
def test_what_lands_slowly_or_while_folds_change_lands_on_all_tiles(
    script: Slow, columns: int, rows: int
) -> None:
    fly = partial(fly_slowly, script)
    canvas, _ = together(columns, rows, fly, LARGE)
    away = np.abs(canvas.astype(np.float32) - flown_alone(fly, LARGE).astype(np.float32))
    assert away.max() <= 2 / 255


def test_a_rank_that_comes_back_takes_its_margin_from_its_neighbours() -> None:
    def lose_margin(loop: WallLoop) -> None:
        kept = HostCopy().read(loop.renderer.texture).copy()
        own, region = loop.wall.tiles[loop.rank].owned, loop.renderer.region.rect
        blank = np.zeros_like(kept)
        x, y = own.left - region.left, own.top - region.top
        where = slice(y, y + own.height), slice(x, x + own.width)
        blank[where] = kept[where]
        HostCopy().write(loop.renderer.texture, blank)
        loop.restart(loop.shown, 9)
        np.testing.assert_array_equal(HostCopy().read(loop.renderer.texture), kept)

    together(2, 1, lose_margin)
