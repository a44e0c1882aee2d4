"""Views: their pixels, and the place of their directions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import moderngl
import numpy as np
import pytest

from liveflight.core.camera import IDENTITY
from liveflight.core.tone import Tone
from liveflight.core.views import View, mask
from liveflight.render.canvas_transfer import HostCopy
from liveflight.render.passes import RenderTarget
from liveflight.render.view_passes import AddPass, ViewPass

pytestmark = pytest.mark.gl

CANVAS, SIZE = (64, 36), (24, 14)
ASPECT = CANVAS[0] / CANVAS[1]
WHOLE = View(0, 0, ASPECT / (SIZE[0] / SIZE[1]))
"""As wide as the canvas, and a little higher."""


@pytest.fixture
def viewing(ctx: moderngl.Context) -> Iterator[ViewPass]:
    viewing = ViewPass(ctx)
    yield viewing
    viewing.release()


@pytest.fixture
def adding(ctx: moderngl.Context) -> Iterator[AddPass]:
    adding = AddPass(ctx)
    yield adding
    adding.release()


@pytest.fixture
def canvas(ctx: moderngl.Context) -> Iterator[RenderTarget]:
    target = RenderTarget(ctx, CANVAS)
    target.framebuffer.clear(0, 0, 0, 1)
    yield target
    target.release()


def places(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of each pixel, in heights from the middle."""
    columns, rows = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    return (columns - size[0] / 2) / size[1], (size[1] / 2 - rows) / size[1]


def pattern(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A slow gradient of another direction in each channel, in the shoulder's linear part."""
    return 0.5 + 0.12 * np.stack([x, y, (x - y) / 2], -1)


def write(target: RenderTarget, picture: np.ndarray) -> None:
    canvas = np.ones((*picture.shape[:2], 4), np.float16)
    canvas[..., :3] = picture
    target.texture.write(canvas.tobytes())


def read(target: RenderTarget) -> np.ndarray:
    rgba = HostCopy().read(target.texture).astype(np.float64)
    assert np.all(rgba[..., 3] == 1)
    return rgba[..., :3]


def shouldered(value: np.ndarray) -> np.ndarray:
    away = value - 0.5
    return 0.5 + away / (1 + (away / 0.494) ** 4) ** 0.25


def mirrored(place: np.ndarray, extent: float) -> np.ndarray:
    return extent / 2 - np.abs((place + extent / 2) % (2 * extent) - extent)


# The pixels of a view


VIEWS = [
    WHOLE,
    View(0.2, 0.1, 0.5),
    View(-0.3, 0.1, 0.35, math.radians(8), 1),
    View(0.1, -0.1, 0.4, math.radians(-100), 2),
    View(0.05, 0.02, 14 / 36, 0.0, 2),
]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: f"{view.span:.2f}-{view.rotation:.2f}")
def test_a_view_shows_its_place(viewing: ViewPass, canvas: RenderTarget, view: View) -> None:
    write(canvas, pattern(*places(CANVAS)))
    stack = viewing.stack(SIZE, 3)
    for number in range(3):
        shown = view if number == 1 else View(0, 0, 0.2)
        viewing.draw(stack, number, SIZE, shown, canvas.texture, IDENTITY)
    seen = read(stack)[SIZE[1] : 2 * SIZE[1]]
    x, y = places(SIZE)
    there = np.einsum("ij,jhw->ihw", np.linalg.inv(view.matrix), np.stack([x, y, np.ones_like(x)]))
    # Within a pixel of the border the mirrored gradient has a bend.
    inside = (abs(there[0]) < ASPECT / 2 - 0.1) & (abs(there[1]) < 0.4)
    assert inside.sum() > 100
    expected = shouldered(pattern(there[0], there[1]))
    np.testing.assert_allclose(seen[inside], expected[inside], atol=2e-3)


def test_what_hangs_over_the_border_is_mirrored(viewing: ViewPass, canvas: RenderTarget) -> None:
    write(canvas, pattern(*places(CANVAS)))
    view = View(ASPECT / 2, -0.5, 0.4)
    stack = viewing.stack(SIZE, 1)
    viewing.draw(stack, 0, SIZE, view, canvas.texture, IDENTITY)
    seen = read(stack)
    np.testing.assert_allclose(seen, seen[:, ::-1], atol=1e-3)
    np.testing.assert_allclose(seen, seen[::-1], atol=1e-3)
    x, y = places(SIZE)
    expected = pattern(
        mirrored(view.x + view.span * x, ASPECT), mirrored(view.y + view.span * y, 1.0)
    )
    np.testing.assert_allclose(seen, shouldered(expected), atol=4e-3)


def test_a_pixel_of_a_large_view_is_the_mean_of_what_it_covers(
    viewing: ViewPass, canvas: RenderTarget
) -> None:
    rows, columns = np.indices((36, 64))
    checks = 0.4 + 0.2 * ((rows + columns) % 2)
    write(canvas, np.repeat(checks[..., None], 3, 2))
    size = (16, 9)  # four by four pixels each
    stack = viewing.stack(size, 1)
    viewing.draw(stack, 0, size, View(0, 0, 1), canvas.texture, IDENTITY)
    np.testing.assert_allclose(read(stack), 0.5, atol=1e-3)
    blocks = np.random.default_rng(3).random((36, 64, 3)) * 0.2 + 0.4
    write(canvas, blocks)
    viewing.draw(stack, 0, size, View(0, 0, 1), canvas.texture, IDENTITY)
    means = blocks.reshape(9, 4, 16, 4, 3).mean((1, 3))
    np.testing.assert_allclose(read(stack), means, atol=2e-3)


def test_pixel_for_pixel_nothing_is_blurred(viewing: ViewPass, canvas: RenderTarget) -> None:
    picture = np.random.default_rng(3).random((36, 64, 3)) * 0.2 + 0.4
    write(canvas, picture)
    stack = viewing.stack(SIZE, 1)
    viewing.draw(stack, 0, SIZE, View(0, 0, SIZE[1] / CANVAS[1]), canvas.texture, IDENTITY)
    np.testing.assert_allclose(read(stack), picture[11:25, 20:44], atol=1e-3)


def test_a_view_has_the_colours_and_folds_that_are_shown(
    viewing: ViewPass, canvas: RenderTarget
) -> None:
    write(canvas, pattern(*places(CANVAS)))
    warp = replace(
        IDENTITY,
        matrix=np.float32([[1, 0, 0.3], [0, 1, 0], [0, 0, 1]]),  # the canvas stays where it is
        mirror_x=True,
        amounts={"saturation": 0.0},
        tone=Tone(2.0, -0.4),
    )
    stack = viewing.stack(SIZE, 1)
    viewing.draw(stack, 0, SIZE, View(0, 0, 0.8), canvas.texture, warp)
    x, y = places(SIZE)
    grey = pattern(-np.abs(0.8 * x), 0.8 * y).mean(-1, keepdims=True)
    expected = np.repeat(shouldered(2 * grey - 0.4), 3, 2)
    near = np.abs(x) > 0.1  # the fold has a bend
    np.testing.assert_allclose(read(stack)[near], expected[near], atol=3e-3)


@pytest.mark.parametrize("level", [-0.25, 0.0, 0.9, 1.25])
def test_a_view_has_the_shoulder_of_the_display(
    viewing: ViewPass, canvas: RenderTarget, level: float
) -> None:
    canvas.framebuffer.clear(level, 0.5, level, 1)
    stack = viewing.stack(SIZE, 1)
    viewing.draw(stack, 0, SIZE, View(0, 0, 0.8), canvas.texture, IDENTITY)
    expected = shouldered(np.array([level, 0.5, level]))
    assert (0 < expected).all() and (expected < 1).all()
    np.testing.assert_allclose(read(stack), np.tile(expected, (14, 24, 1)), atol=1e-3)


def test_a_stack_is_made_once_for_its_size(viewing: ViewPass) -> None:
    stack = viewing.stack(SIZE, 2)
    assert stack.size == (24, 28)
    assert viewing.stack(SIZE, 2) is stack
    assert viewing.stack(SIZE, 3).size == (24, 42)
    viewing.release_stack()
    assert viewing.stack((8, 6), 1).size == (8, 6)


# Where a direction is added


def stacked(ctx: moderngl.Context, *directions: np.ndarray) -> moderngl.Texture:
    """A texture of directions (H, W, 3), one below the other."""
    whole = np.concatenate(directions)
    canvas = np.ones((*whole.shape[:2], 4), np.float16)
    canvas[..., :3] = whole
    return ctx.texture((whole.shape[1], whole.shape[0]), 4, canvas.tobytes(), dtype="f2")


def plain(*colour: float) -> np.ndarray:
    return np.tile(np.array(colour, float), (SIZE[1], SIZE[0], 1))


def added(
    adding: AddPass, canvas: RenderTarget, texture: moderngl.Texture, view: View, **how: object
) -> np.ndarray:
    """Add number 1 of a stack to a grey canvas; return the change."""
    canvas.framebuffer.clear(0.5, 0.5, 0.5, 1)
    named = {"masked": not view.whole, "amount": 0.25, **how}
    adding.add(canvas.framebuffer, CANVAS, texture, 1, SIZE, view.matrix, **named)
    return read(canvas) - 0.5


@pytest.mark.parametrize("span", [1.0, 1.5])
def test_a_constant_is_added_everywhere_alike_by_a_whole_view(
    ctx: moderngl.Context, adding: AddPass, canvas: RenderTarget, span: float
) -> None:
    texture = stacked(ctx, plain(9, 9, 9), plain(1, -0.5, 0.25), plain(9, 9, 9))
    view = replace(WHOLE, span=WHOLE.span * span, x=0.01 * (span > 1))
    change = added(adding, canvas, texture, view, mirrored=False)
    # The canvas's half floats are 1/2048 apart here.
    expected = np.full_like(change, (0.25, -0.125, 0.0625))
    np.testing.assert_allclose(change, expected, atol=3e-4)
    texture.release()


def test_a_part_is_masked_and_mirrored_at_the_border(
    ctx: moderngl.Context, adding: AddPass, canvas: RenderTarget
) -> None:
    texture = stacked(ctx, plain(9, 9, 9), plain(1, 1, 1), plain(9, 9, 9))
    x, y = places(CANVAS)
    for view in (View(0.2, 0.1, 0.5, 0, 1), View(ASPECT / 2 - 0.1, -0.45, 0.5, 0, 1)):
        aspect = SIZE[0] / SIZE[1]

        def along(place: np.ndarray, middle: float, side: float, extent: float) -> np.ndarray:
            images = (middle, extent - middle, -extent - middle)
            return np.sum([mask((place - image) / side) for image in images], axis=0)

        weight = along(x, view.x, view.span * aspect, ASPECT) * along(y, view.y, view.span, 1.0)
        change = added(adding, canvas, texture, view)
        np.testing.assert_allclose(change, 0.25 * np.repeat(weight[..., None], 3, 2), atol=3e-3)
        assert change.max() > 0.2499
    texture.release()


def test_a_whole_view_goes_on_beyond_its_border_mirrored(
    ctx: moderngl.Context, adding: AddPass, canvas: RenderTarget
) -> None:
    """Where the camera has brought in more since: a border there would be seen."""
    x, y = places(SIZE)
    texture = stacked(ctx, plain(9, 9, 9), np.stack([x, y, 0 * x], -1), plain(9, 9, 9))
    view = View(0.5, -0.1, 1.0)
    change = added(adding, canvas, texture, view)
    cx, cy = places(CANVAS)
    across, down = mirrored(cx - 0.5, SIZE[0] / SIZE[1]), mirrored(cy + 0.1, 1.0)
    expected = 0.25 * np.stack([across, down, 0 * across], -1)
    np.testing.assert_allclose(change, expected, atol=0.015)
    texture.release()


def test_a_rotated_part_lies_turned(
    ctx: moderngl.Context, adding: AddPass, canvas: RenderTarget
) -> None:
    x, y = places(SIZE)
    texture = stacked(ctx, plain(0, 0, 0), np.stack([x, y, x + y], -1), plain(0, 0, 0))
    view = View(0.1, -0.05, 0.6, math.radians(30), 1)
    change = added(adding, canvas, texture, view)
    cx, cy = places(CANVAS)
    u, v, _ = np.einsum("ij,jhw->ihw", view.matrix, np.stack([cx, cy, np.ones_like(cx)]))
    weight = mask(u / (SIZE[0] / SIZE[1])) * mask(v)
    expected = 0.25 * weight[..., None] * np.stack([u, v, u + v], -1)
    np.testing.assert_allclose(change, expected, atol=4e-3)
    texture.release()


def test_only_the_rows_that_are_asked_for_change(
    ctx: moderngl.Context, adding: AddPass, canvas: RenderTarget
) -> None:
    texture = stacked(ctx, plain(0, 0, 0), plain(1, 1, 1))
    view = View(0.2, 0.3, 0.7, 0, 1)
    whole = added(adding, canvas, texture, view)
    part = added(adding, canvas, texture, view, rows=range(4, 11))
    np.testing.assert_array_equal(part[4:11], whole[4:11])
    assert not part[:4].any() and not part[11:].any()
    assert whole[:4].any() and whole[11:].any()
    assert not added(adding, canvas, texture, view, rows=range(0)).any()
    texture.release()


def test_a_direction_is_added_to_one_of_a_stack_of_pictures(
    ctx: moderngl.Context, adding: AddPass
) -> None:
    target = RenderTarget(ctx, (24, 42))
    target.framebuffer.clear(0, 0, 0, 1)
    texture = stacked(ctx, plain(1, 1, 1))
    view = View(0, 0, 1)
    how = {"masked": False, "first_row": 14, "mirrored": False}
    adding.add(target.framebuffer, SIZE, texture, 0, SIZE, view.matrix, 0.5, **how)
    seen = read(target)
    assert (seen[14:28] == 0.5).all() and not seen[:14].any() and not seen[28:].any()
    target.release()
    texture.release()


@pytest.mark.parametrize("chroma", [1.0, 0.25, 0.0])
def test_chroma_takes_colour_away_and_keeps_the_mean(
    ctx: moderngl.Context, adding: AddPass, canvas: RenderTarget, chroma: float
) -> None:
    texture = stacked(ctx, plain(0, 0, 0), plain(1.0, 0.25, -0.5))
    change = added(adding, canvas, texture, WHOLE, chroma=chroma, mirrored=False)
    expected = 0.25 * (0.25 + chroma * np.array([0.75, 0.0, -0.75]))
    np.testing.assert_allclose(change, np.full_like(change, expected), atol=1e-3)
    texture.release()


@pytest.mark.parametrize("span", [0.3, 0.45, 0.8], ids=["shrunk", "alike", "enlarged"])
def test_what_a_view_saw_is_added_where_it_saw_it(
    ctx: moderngl.Context, viewing: ViewPass, adding: AddPass, canvas: RenderTarget, span: float
) -> None:
    x, y = places(CANVAS)
    spot = np.exp(-((x - 0.3) ** 2 + (y - 0.1) ** 2) / 0.08**2) * 0.3
    write(canvas, np.repeat(spot[..., None], 3, 2))
    view = View(0.25, 0.08, span, math.radians(20), 1)
    stack = viewing.stack(SIZE, 2)
    for number, each in enumerate((WHOLE, view)):
        viewing.draw(stack, number, SIZE, each, canvas.texture, IDENTITY)
    change = added(adding, canvas, stack.texture, view, amount=1.0)[..., 0]
    light = np.maximum(change - change.max() / 2, 0)
    assert (light * x).sum() / light.sum() == pytest.approx(0.3, abs=0.01)
    assert (light * y).sum() / light.sum() == pytest.approx(0.1, abs=0.01)


def test_an_enlarged_direction_shows_no_pixels(
    ctx: moderngl.Context, adding: AddPass, canvas: RenderTarget
) -> None:
    """A single value grows to a smooth hill, without overshoot."""
    spot = np.zeros((SIZE[1], SIZE[0], 3))
    spot[7, 12] = 1
    texture = stacked(ctx, plain(0, 0, 0), spot, plain(0, 0, 0))
    change = added(adding, canvas, texture, replace(WHOLE, level=1), masked=False)[..., 0]
    assert change.min() >= 0 and 0.06 < change.max() < 0.25
    total = change.sum() * (SIZE[0] / CANVAS[0]) ** 2
    assert total == pytest.approx(0.25, rel=0.02)
    texture.release()
