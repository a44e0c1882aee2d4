"""Directions that are added by and by, while the canvas moves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import moderngl
import numpy as np
import pytest
from made_textures import Textures

from liveflight.core.camera import matrix
from liveflight.core.contracts import Warp
from liveflight.core.tone import Tone
from liveflight.core.views import View
from liveflight.render.canvas import CanvasRenderer
from liveflight.render.canvas_transfer import HostCopy
from liveflight.render.landings import Landings, PlacedView
from liveflight.render.passes import RenderTarget
from liveflight.render.view_passes import AddPass

pytestmark = pytest.mark.gl

CANVAS, SIZE = (64, 36), (24, 14)
ASPECT = CANVAS[0] / CANVAS[1]
WHOLE = View(0, 0, ASPECT / (SIZE[0] / SIZE[1]))
PART = View(0.3, 0.1, 0.4, math.radians(20), 1)
DT = 1 / 16


@pytest.fixture
def landings(ctx: moderngl.Context) -> Iterator[Landings]:
    landings = Landings(ctx)
    yield landings
    landings.release()


@pytest.fixture
def canvas(ctx: moderngl.Context) -> Iterator[CanvasRenderer]:
    canvas = CanvasRenderer(ctx, CANVAS)
    yield canvas
    canvas.release()


def place(view: View, amount: float = 0.25) -> PlacedView:
    return PlacedView(view, view.matrix, amount)


def put(
    landings: Landings, placed: Sequence[PlacedView], seconds: float, value: float = 1.0
) -> None:
    """Begin to add directions of one value each."""
    directions = np.full((SIZE[1] * len(placed), SIZE[0], 4), value, np.float16)

    def write(texture: moderngl.Texture) -> None:
        HostCopy().write(texture, directions)

    landings.put(write, placed, SIZE, seconds, CANVAS)


def change(canvas: CanvasRenderer) -> np.ndarray:
    """Return how far the first channel is from the grey that it began with."""
    return HostCopy().read(canvas.texture)[..., 0].astype(np.float64) - 0.5


def middle(light: np.ndarray) -> complex:
    """Return where the light is, in heights from the middle."""
    columns, rows = np.meshgrid(np.arange(CANVAS[0]) + 0.5, np.arange(CANVAS[1]) + 0.5)
    x, y = (columns - CANVAS[0] / 2) / CANVAS[1], (CANVAS[1] / 2 - rows) / CANVAS[1]
    return complex((light * x).sum(), (light * y).sum()) / light.sum()


def test_at_once_or_in_parts_it_is_the_whole_amount(
    landings: Landings, canvas: CanvasRenderer
) -> None:
    put(landings, [place(WHOLE)], 0.0)
    landings.add(canvas, DT, 1.0, 1.0)
    np.testing.assert_allclose(change(canvas), 0.25, atol=1e-3)
    put(landings, [place(WHOLE)], 4 * DT, value=-1.0)
    for number in range(1, 8):
        landings.add(canvas, DT, 1.0, 1.0)
        expected = 0.25 * (1 - min(number / 4, 1))
        np.testing.assert_allclose(change(canvas), expected, atol=2e-3)


def test_a_long_frame_adds_no_more_than_the_rest(
    landings: Landings, canvas: CanvasRenderer
) -> None:
    put(landings, [place(WHOLE)], 1.0)
    landings.add(canvas, 0.75, 1.0, 1.0)
    np.testing.assert_allclose(change(canvas), 0.1875, atol=1e-3)
    landings.add(canvas, 0.75, 1.0, 1.0)
    np.testing.assert_allclose(change(canvas), 0.25, atol=1e-3)


def test_several_add_up(landings: Landings, canvas: CanvasRenderer) -> None:
    put(landings, [place(WHOLE), place(WHOLE, -0.125)], 2 * DT)
    landings.add(canvas, DT, 1.0, 1.0)
    put(landings, [place(WHOLE)], DT)
    landings.add(canvas, DT, 1.0, 1.0)
    np.testing.assert_allclose(change(canvas), 0.125 + 0.25, atol=2e-3)


def test_what_is_seen_through_a_gain_changes_by_the_amount(
    landings: Landings, canvas: CanvasRenderer
) -> None:
    put(landings, [place(WHOLE)], 0.0)
    landings.add(canvas, DT, 2.0, 1.0)
    np.testing.assert_allclose(2.0 * change(canvas), 0.25, atol=1e-3)


@pytest.mark.parametrize("rows", [1, 5, 12, 36])
@pytest.mark.parametrize("view", [WHOLE, PART], ids=["whole", "part"])
def test_while_a_warp_runs_both_canvases_get_it(
    landings: Landings, canvas: CanvasRenderer, view: View, rows: int
) -> None:
    """In the end all of it is there, as if it had been added before the warp."""
    moved = matrix(1.0, math.radians(10), 0.1, 0.05)
    warp = Warp(moved, tone=Tone(0.5, 0.25))  # mid grey stays
    seconds = 8 * DT
    put(landings, [place(view)], seconds)
    canvas.begin_warp(warp)
    for _ in range(8):
        # While it is seen through the warp's tone, the gain is that of the warp.
        running = canvas.running is not None
        landings.add(canvas, DT, 0.5 if running else 1.0, 1.0)
        if canvas.continue_warp(rows):
            landings.moved(moved.astype(np.float64))
    while canvas.running:
        canvas.continue_warp(rows)
    late = change(canvas)
    early = CanvasRenderer(canvas._ctx, CANVAS)
    put(landings, [place(view)], 0.0)
    landings.add(early, 0.0, 0.5, 1.0)
    early.warp(warp)
    np.testing.assert_allclose(late, change(early), atol=8e-3)
    assert late.max() == pytest.approx(0.25, abs=0.02)
    early.release()


def test_a_direction_lands_where_its_view_has_moved_to(
    landings: Landings, canvas: CanvasRenderer
) -> None:
    put(landings, [place(PART)], 3 * DT)
    landings.add(canvas, DT, 1.0, 1.0)
    before = middle(np.maximum(change(canvas) - 0.04, 0))
    assert before == pytest.approx(complex(PART.x, PART.y), abs=0.01)
    moved = matrix(1.0, 0.0, 0.5, -0.2)  # the camera goes to the right and down
    canvas.warp(Warp(moved))
    landings.moved(moved.astype(np.float64))
    old = change(canvas)
    landings.add(canvas, DT, 1.0, 1.0)
    added = middle(np.maximum(change(canvas) - old - 0.04, 0))
    assert added == pytest.approx(complex(PART.x - 0.5, PART.y + 0.2), abs=0.01)


def test_what_is_still_to_come_is_in_the_next_view_already(
    ctx: moderngl.Context, landings: Landings, canvas: CanvasRenderer
) -> None:
    put(landings, [place(PART)], 4 * DT)
    landings.add(canvas, DT, 1.0, 1.0)
    stack = RenderTarget(ctx, (CANVAS[0], 2 * CANVAS[1]))
    stack.framebuffer.clear(0, 0, 0, 1)
    landings.add_rest(stack, 1, CANVAS, View(0, 0, 1))
    seen = HostCopy().read(stack.texture)[..., 0].astype(np.float64)
    assert not seen[: CANVAS[1]].any()
    now = change(canvas)
    np.testing.assert_allclose(seen[CANVAS[1] :], 3 * now, atol=4e-3)
    for _ in range(3):
        landings.add(canvas, DT, 1.0, 1.0)
    np.testing.assert_allclose(change(canvas), now + seen[CANVAS[1] :], atol=4e-3)
    stack.framebuffer.clear(0, 0, 0, 1)
    landings.add_rest(stack, 1, CANVAS, View(0, 0, 1))
    assert not HostCopy().read(stack.texture)[..., :3].any(), "nothing is left"
    stack.release()


def test_what_is_forgotten_is_added_no_more(landings: Landings, canvas: CanvasRenderer) -> None:
    put(landings, [place(WHOLE)], 2 * DT)
    landings.add(canvas, DT, 1.0, 1.0)
    landings.forget()
    landings.add(canvas, DT, 1.0, 1.0)
    np.testing.assert_allclose(change(canvas), 0.125, atol=1e-3)


def test_an_enlargement_in_two_steps_is_as_smooth_as_one(
    ctx: moderngl.Context, landings: Landings
) -> None:
    canvas = CanvasRenderer(ctx, (160, 90))
    rows, columns = np.indices((14, 24))
    waves = np.sin(columns * 0.9 + rows * 0.4) + np.cos(rows * 0.8)
    directions = np.repeat(waves[..., None], 4, 2).astype(np.float16)
    view = replace(WHOLE)
    landings.put(
        lambda texture: HostCopy().write(texture, directions),
        *([place(view)], SIZE, 0.0, canvas.size),
    )
    landings.add(canvas, DT, 1.0, 1.0)
    twice = change(canvas)
    texture = ctx.texture(SIZE, 4, directions.tobytes(), dtype="f2")
    once, adding = CanvasRenderer(ctx, (160, 90)), AddPass(ctx)
    adding.add(*(once.framebuffer, once.size, texture, 0, SIZE, view.matrix, 0.25), mirrored=False)
    assert np.abs(twice).max() > 0.3
    np.testing.assert_allclose(twice, change(once), atol=0.03)
    for each in (canvas, once, adding, texture):
        each.release()


def test_textures_are_used_again_and_released(
    ctx: moderngl.Context, textures: Textures, canvas: CanvasRenderer
) -> None:
    others = textures.alive
    landings = Landings(ctx)
    for _ in range(5):
        put(landings, [place(PART)], DT)
        put(landings, [place(PART)], DT)
        landings.add(canvas, DT, 1.0, 1.0)
        assert textures.alive == others + 2
    put(landings, [place(PART), place(WHOLE)], DT)
    assert textures.alive == others + 3
    landings.release_textures()
    assert textures.alive == others
    put(landings, [place(PART)], DT)
    landings.release()
    assert textures.alive == others


def test_directions_that_cannot_be_written_change_nothing(
    landings: Landings, canvas: CanvasRenderer
) -> None:
    def fail(texture: moderngl.Texture) -> None:
        raise ValueError("lost")

    with pytest.raises(ValueError, match="lost"):
        landings.put(fail, [place(WHOLE)], SIZE, 0.0, CANVAS)
    landings.add(canvas, DT, 1.0, 1.0)
    assert not change(canvas).any()
