from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import moderngl
import numpy as np
import pytest
from made_textures import Textures
from warps import make_warp

from liveflight.core.contracts import LiveflightError, Warp
from liveflight.core.effects import amounts, waves
from liveflight.core.tone import Tone
from liveflight.render.canvas import CanvasRenderer
from liveflight.render.canvas_transfer import HostCopy
from liveflight.render.warp import Texture, colour_matrix

pytestmark = pytest.mark.gl

IDENTITY = np.eye(3, dtype=np.float32)
TOLERANCE = 1e-3
"""Two steps of a half float just below 1: the shader rounds to one of the two nearest."""
Flight = Callable[..., np.ndarray]


@pytest.fixture
def flown(ctx: moderngl.Context) -> Iterator[Flight]:
    """Return what becomes of a canvas, (H, W, 3), under these warps in order."""
    flights: list[CanvasRenderer] = []

    def fly(canvas: np.ndarray, *warps: Warp) -> np.ndarray:
        feedback = CanvasRenderer(ctx, (canvas.shape[1], canvas.shape[0]))
        flights.append(feedback)
        full = np.ones((*canvas.shape[:2], 4), np.float16)
        full[..., :3] = canvas
        HostCopy().write(feedback.texture, full)
        for warp in warps:
            feedback.warp(warp)
        read = HostCopy().read(feedback.texture)
        assert np.all(read[..., 3] == 1)
        return read[..., :3]

    yield fly
    for feedback in flights:
        feedback.release()


def noise(width: int = 7, height: int = 5) -> np.ndarray:
    return np.random.default_rng(3).random((height, width, 3)).astype(np.float16)


def camera(zoom: float, degrees: float, x: float, y: float) -> np.ndarray:
    """Return the map from new to old places: zoomed, turned clockwise, moved by (x, y) heights."""
    angle = math.radians(degrees)
    turn = np.array(
        [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]], np.float64
    )
    forth = np.eye(3)
    forth[:2, :2], forth[:2, 2] = zoom * turn, (x, y)
    return np.linalg.inv(forth).astype(np.float32)


def picture_coordinates(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return (columns - width / 2) / height, (height / 2 - rows) / height


def reflected(place: np.ndarray, edge: float) -> np.ndarray:
    """Return places beyond the edges of the canvas reflected there."""
    return place - 2 * (place - np.clip(place, -edge, edge))


def looked_up(
    warp: Warp, x: np.ndarray, y: np.ndarray, aspect: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the places x, y take their colour from: the definition, in float64 by angles."""
    for _ in range(3 if warp.mirror_x or warp.mirror_y or warp.kaleidoscope >= 2 else 0):
        x, y = reflected(x, aspect / 2), reflected(y, 0.5)
        if warp.mirror_x:
            x = -abs(x)
        if warp.mirror_y:
            y = abs(y)
        if warp.kaleidoscope >= 2:
            radius, angle = np.hypot(x, y), np.arctan2(x, y)
            wedge = 2 * math.pi / warp.kaleidoscope
            angle = abs(angle - wedge * np.round(angle / wedge))
            x, y = radius * np.sin(angle), radius * np.cos(angle)
    x, y, w = np.einsum("ij,jhw->ihw", warp.matrix.astype(float), [x, y, np.ones_like(x)])
    x, y = x / w, y / w
    angle = amounts(warp)["swirl"] * np.exp(-(x**2 + y**2) / 0.35**2)
    x, y = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
    drift = np.zeros((2, *x.shape))
    for kx, ky, reach, phase in waves(amounts(warp)["flow"], warp.phase).astype(float):
        drift += np.multiply.outer([ky, -kx], reach * np.cos(kx * x + ky * y + phase))
    return x + drift[0], y + drift[1]


def catmull_rom(t: np.ndarray) -> list[np.ndarray]:
    return [
        (-t + 2 * t**2 - t**3) / 2,
        (2 - 5 * t**2 + 3 * t**3) / 2,
        (t + 4 * t**2 - 3 * t**3) / 2,
        (-(t**2) + t**3) / 2,
    ]


def sampled(canvas: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return Catmull-Rom samples of the mirrored canvas, clamped to the four nearest pixels."""
    height, width = canvas.shape[:2]
    column = width - abs(column % (2 * width) - width) - 0.5
    row = height - abs(row % (2 * height) - height) - 0.5
    left, top = np.floor(column).astype(int), np.floor(row).astype(int)
    total = np.zeros((*column.shape, 3))
    near = []
    for j, down in enumerate(catmull_rom(row - top)):
        for i, across in enumerate(catmull_rom(column - left)):
            pixel = canvas[np.clip(top - 1 + j, 0, height - 1), np.clip(left - 1 + i, 0, width - 1)]
            total += (down * across)[..., None] * pixel
            if i in (1, 2) and j in (1, 2):
                near.append(pixel)
    return np.clip(total, np.min(near, axis=0), np.max(near, axis=0))


def reference(canvas: np.ndarray, warp: Warp) -> np.ndarray:
    """Do what warp.frag does, in numpy and float64."""
    if warp.folded < 1:
        plain = replace(warp, mirror_x=False, mirror_y=False, kaleidoscope=0, folded=1.0)
        without, folded = reference(canvas, plain), reference(canvas, replace(warp, folded=1.0))
        return without + warp.folded * (folded - without)
    height, width = canvas.shape[:2]
    x, y = looked_up(warp, *picture_coordinates(width, height), width / height)
    seen = sampled(canvas.astype(float), x * height + width / 2, height / 2 - y * height)
    cos, sin = math.cos(amounts(warp)["hue"]), math.sin(amounts(warp)["hue"])
    grey = seen.mean(axis=-1, keepdims=True)
    colour = seen - grey
    turned = cos * colour + sin * np.cross(np.full(3, 1 / math.sqrt(3)), colour)
    return np.clip(
        warp.tone.gain
        * (0.5 + (1 - amounts(warp)["decay"]) * (grey + amounts(warp)["saturation"] * turned - 0.5))
        + warp.tone.offset,
        -0.25,
        1.25,
    )


@pytest.mark.parametrize(
    "warp",
    [
        make_warp(camera(1.3, 0, 0, 0)),
        make_warp(camera(1, 25, 0, 0)),
        make_warp(camera(1, 0, 0.13, -0.31)),
        make_warp(camera(0.7, -40, 0.2, 0.1)),
        make_warp(camera(0.05, 10, 0, 0)),
        make_warp(np.array([[1, 0.1, 0], [0, 1.2, 0.1], [0, 0, 1]], np.float32)),
        make_warp(camera(1.1, 5, 0, 0), mirror_x=True),
        make_warp(camera(1.1, 5, 0, 0), mirror_y=True),
        make_warp(camera(1.1, 5, 0.1, 0.2), mirror_x=True, mirror_y=True, kaleidoscope=3),
        *(
            make_warp(camera(1.1, 7, 0, 0), kaleidoscope=wedges)
            for wedges in (1, 2, 3, 5, 6, 7, 16)
        ),
        make_warp(IDENTITY, swirl=1.2),
        make_warp(camera(1.2, 0, 0.1, 0), swirl=-1.2),
        make_warp(IDENTITY, flow=0.2, phase=3.7),
        make_warp(camera(1.1, 3, 0, 0), swirl=0.3, flow=0.05, phase=1234.5),
        make_warp(IDENTITY, hue=0.7, saturation=1.4, decay=0.2),
        make_warp(camera(1.1, 3, 0, 0), hue=-2.0, saturation=0.3, decay=0.6),
        make_warp(camera(1.1, 5, 0, 0), kaleidoscope=5, folded=0.3),
        make_warp(camera(1.1, 5, 0, 0), mirror_x=True, flow=0.1, hue=0.7, folded=0.6),
        make_warp(camera(1.1, 5, 0, 0), mirror_y=True, folded=0.0),
        make_warp(camera(1.1, 5, 0, 0), folded=0.5),
        make_warp(camera(1.1, 5, 0, 0), hue=0.5, decay=0.1, tone=Tone(1.5, -0.2)),
        make_warp(IDENTITY, tone=Tone(4.0, -1.5)),
    ],
    ids=lambda warp: f"{warp.matrix[0, 0]:.2f}-{warp.kaleidoscope}-{dict(warp.amounts)}",
)
def test_agrees_with_the_definition(flown: Flight, warp: Warp) -> None:
    np.testing.assert_allclose(flown(noise(), warp), reference(noise(), warp), atol=TOLERANCE)


def test_begins_as_mid_grey(ctx: moderngl.Context) -> None:
    feedback = CanvasRenderer(ctx, (7, 5))
    assert feedback.size == feedback.texture.size == (7, 5)
    assert np.all(HostCopy().read(feedback.texture) == np.array([0.5, 0.5, 0.5, 1]))
    feedback.release()


def test_identity_keeps_every_bit(flown: Flight) -> None:
    canvas = noise(31, 17)
    # The ends of the range and the smallest numbers there are.
    canvas[0, 0], canvas[0, 1], canvas[0, 2] = 0, 1, (6e-8, 3e-5, 0.9995)
    np.testing.assert_array_equal(flown(canvas, *[make_warp(IDENTITY)] * 5), canvas)


@pytest.mark.parametrize("right, up", [(2, 1), (-3, 0), (0, -2)])
def test_whole_pixels_move_exactly_and_borders_mirror(flown: Flight, right: int, up: int) -> None:
    canvas = noise(13, 9)
    moved = flown(canvas, make_warp(camera(1, 0, right / 9, up / 9)))
    around = np.pad(canvas, ((3, 3), (3, 3), (0, 0)), mode="symmetric")
    np.testing.assert_array_equal(moved, around[3 + up : 12 + up, 3 - right : 16 - right])


def test_camera_signs(flown: Flight) -> None:
    spot = np.zeros((9, 13, 3))
    spot[4, 9] = 1
    # Clockwise, what was right of the middle comes to lie under it.
    turned = flown(spot, make_warp(camera(1, 90, 0, 0)))[..., 0]
    assert np.unravel_index(turned.argmax(), turned.shape) == (7, 6)


def test_up_stays_up(flown: Flight) -> None:
    canvas = np.zeros((5, 7, 3))
    canvas[0] = 1
    np.testing.assert_array_equal(flown(canvas, make_warp(IDENTITY)), canvas)
    lowered = flown(canvas, make_warp(camera(1, 0, 0, -1 / 5)))
    np.testing.assert_array_equal(lowered[:, 3, 0], [1, 1, 0, 0, 0])


def test_mirrors_are_exact_and_keep_their_half(flown: Flight) -> None:
    canvas = noise(8, 6)
    left = flown(canvas, make_warp(IDENTITY, mirror_x=True))
    np.testing.assert_array_equal(left[:, :4], canvas[:, :4])
    np.testing.assert_array_equal(left, left[:, ::-1])
    upper = flown(canvas, make_warp(IDENTITY, mirror_y=True))
    np.testing.assert_array_equal(upper[:3], canvas[:3])
    np.testing.assert_array_equal(upper, upper[::-1])


@pytest.mark.parametrize("wedges", [2, 3, 5, 6, 16])
def test_kaleidoscope_is_exactly_left_right_symmetric(flown: Flight, wedges: int) -> None:
    seen = flown(noise(31, 17), make_warp(camera(1.1, 9, 0.1, 0), kaleidoscope=wedges, swirl=0.5))
    np.testing.assert_array_equal(seen, seen[:, ::-1])


def test_kaleidoscope_turns_into_itself_and_keeps_its_wedge(flown: Flight) -> None:
    canvas = noise(31, 17)
    seen = flown(canvas, make_warp(IDENTITY, kaleidoscope=4))
    square = seen[:, 7:24]
    np.testing.assert_allclose(square, np.rot90(square), atol=TOLERANCE)
    x, y = picture_coordinates(31, 17)
    home = (x >= 0) & (x < y)
    assert home.sum() > 30
    np.testing.assert_array_equal(seen[home], canvas[home])
    # So that it can be done again in every frame without blurring.
    np.testing.assert_array_equal(
        flown(seen, *[make_warp(IDENTITY, kaleidoscope=4)] * 4)[home], seen[home]
    )


def test_a_third_of_the_wheel_permutes_the_channels(flown: Flight) -> None:
    turned = flown(noise(), make_warp(IDENTITY, hue=2 * math.pi / 3))
    np.testing.assert_allclose(turned, np.roll(noise(), 1, axis=-1), atol=TOLERANCE)


def test_colour_matrix_is_exact_where_nothing_is_asked() -> None:
    np.testing.assert_array_equal(colour_matrix(0, 1, 0), np.eye(3))
    np.testing.assert_allclose(colour_matrix(0, 0, 0), np.full((3, 3), 1 / 3), atol=1e-7)


def test_decay_goes_to_mid_grey_and_colours_stay_in_range(flown: Flight) -> None:
    np.testing.assert_array_equal(
        flown(noise(), make_warp(IDENTITY, decay=1)), np.full((5, 7, 3), 0.5)
    )
    vivid = flown(noise(), make_warp(IDENTITY, saturation=10))
    assert vivid.min() == -0.25
    assert vivid.max() == 1.25


def test_steps_smaller_than_a_half_float_are_not_lost(flown: Flight) -> None:
    canvas = np.full((36, 64, 3), 0.9)
    faded = flown(canvas, *[make_warp(IDENTITY, decay=1e-4)] * 100).astype(float)
    assert faded.mean() == pytest.approx(0.5 + 0.4 * (1 - 1e-4) ** 100, abs=2e-4)


def test_swirl_turns_the_middle_clockwise_and_the_rim_not(flown: Flight) -> None:
    canvas = np.zeros((33, 69, 3))
    canvas[16, 38] = canvas[16, 68] = 1
    seen = flown(canvas, make_warp(IDENTITY, swirl=math.pi / 2))[..., 0]
    row, column = np.unravel_index(seen[:, :60].argmax(), (33, 60))
    assert row > 18 and column < 38
    assert seen[16, 68] > 0.9


def test_flow_goes_no_further_than_asked_and_swells_nothing() -> None:
    x, y = picture_coordinates(160, 90)
    step = 1e-4

    def drift(x: np.ndarray, y: np.ndarray, phase: float = 2.0) -> np.ndarray:
        there = looked_up(make_warp(IDENTITY, flow=0.1, phase=phase), x, y, 16 / 9)
        return np.stack([there[0] - x, there[1] - y])

    ways = np.hypot(*drift(x, y))
    assert 0.04 < ways.max() <= 0.1
    swelling = (drift(x + step, y) - drift(x - step, y))[0]
    swelling += (drift(x, y + step) - drift(x, y - step))[1]
    np.testing.assert_allclose(swelling / (2 * step), 0, atol=1e-6)
    # It changes with time, by and by.
    assert 0.01 < np.abs(drift(x, y, 3.0) - drift(x, y)).max() < 0.05
    assert np.abs(drift(x, y, 2.01) - drift(x, y)).max() < 1e-3


def test_a_long_flight_through_noise_stays_in_range(flown: Flight) -> None:
    turn = make_warp(camera(1.001, 0.4, 0, 0.001), swirl=0.01, flow=0.001, saturation=1.01)
    seen = flown(noise(31, 17), *[turn] * 500)
    assert np.all(np.isfinite(seen))
    assert seen.min() >= -0.25 and seen.max() <= 1.25
    assert seen.std() > 0.01


def test_the_same_flight_twice_gives_the_same_bits(flown: Flight) -> None:
    warps = [make_warp(camera(1.01, 1, 0, 0), hue=0.01)] * 5
    np.testing.assert_array_equal(flown(noise(), *warps), flown(noise(), *warps))


def test_resize_keeps_the_picture(ctx: moderngl.Context) -> None:
    feedback = CanvasRenderer(ctx, (16, 9))
    x, y = np.meshgrid((np.arange(16) + 0.5) / 16, (np.arange(9) + 0.5) / 9)
    canvas = np.stack([x, y, x * y, np.ones_like(x)], -1).astype(np.float16)
    HostCopy().write(feedback.texture, canvas)
    for size in ((48, 27), (40, 30), (16, 9)):
        feedback.resize(size)
        seen = HostCopy().read(feedback.texture)
        assert feedback.size == size and seen.shape == (size[1], size[0], 4)
        x, y = np.meshgrid(*((np.arange(side) + 0.5) / side for side in size))
        inside = (abs(x - 0.5) < 0.35) & (abs(y - 0.5) < 0.35)
        expected = np.stack([x, y, x * y, np.ones_like(x)], -1)
        np.testing.assert_allclose(seen[inside], expected[inside], atol=5e-3)
    before = HostCopy().read(feedback.texture)
    feedback.warp(make_warp(IDENTITY))
    np.testing.assert_array_equal(HostCopy().read(feedback.texture), before)
    feedback.release()


@pytest.mark.parametrize("size", [(1, 9), (0, 0), (16, -3), (10**6, 9)])
def test_a_size_no_texture_can_have_is_refused(
    ctx: moderngl.Context, size: tuple[int, int]
) -> None:
    named = rf"^canvas {size[0]}x{size[1]}: each side may be 2 to \d+ pixels"
    with pytest.raises(LiveflightError, match=named):
        CanvasRenderer(ctx, size)
    feedback = CanvasRenderer(ctx, (16, 9))
    texture = feedback.texture
    with pytest.raises(LiveflightError, match=named):
        feedback.resize(size)
    assert feedback.size == (16, 9) and feedback.texture is texture
    feedback.release()


def test_holds_four_textures_and_frees_them(ctx: moderngl.Context, textures: Textures) -> None:
    feedback = CanvasRenderer(ctx, (16, 9))
    for size in ((8, 8), (8, 8), (20, 10), (5, 30)):
        feedback.resize(size)
        feedback.warp(make_warp(IDENTITY))
        assert textures.alive == 4  # two of the canvas's size, displacements and noise
    feedback.release()
    assert textures.alive == 0


@pytest.fixture
def renderer(ctx: moderngl.Context) -> Iterator[CanvasRenderer]:
    renderer = CanvasRenderer(ctx, (16, 9))
    yield renderer
    renderer.release()


def flat(value: float) -> np.ndarray:
    return np.full((9, 16, 4), value, np.float16)


def put(renderer: CanvasRenderer, canvas: np.ndarray) -> None:
    renderer.renew(lambda texture: HostCopy().write(texture, canvas))


def read(texture: moderngl.Texture) -> np.ndarray:
    return HostCopy().read(texture)


def test_a_canvas_that_cannot_be_written_leaves_everything_as_it_was(
    renderer: CanvasRenderer,
) -> None:
    put(renderer, flat(0.25))
    with pytest.raises(ValueError, match="the texture takes"):
        put(renderer, flat(1.0)[:3])
    assert np.all(read(renderer.texture) == 0.25)


# By and by

PARTED = [
    make_warp(camera(1.1, 7, 0.1, 0)),
    make_warp(camera(1.1, 7, 0, 0), swirl=0.4, flow=0.05, hue=0.3, tone=Tone(1.2, -0.1)),
    make_warp(camera(1.1, 7, 0, 0), mirror_x=True, kaleidoscope=3, folded=0.4),
]


@pytest.mark.parametrize("warp", PARTED, ids=["plain", "bent", "dissolving"])
@pytest.mark.parametrize("rows", [1, 2, 4, 8, 9, 100])
def test_a_warp_in_parts_is_that_at_once_bit_for_bit(
    ctx: moderngl.Context, warp: Warp, rows: int
) -> None:
    detail = Texture(soften=0.3, noise=0.05)
    canvas = np.ones((9, 16, 4), np.float16)
    canvas[..., :3] = noise(16, 9)
    parted, whole = CanvasRenderer(ctx, (16, 9)), CanvasRenderer(ctx, (16, 9))
    for renderer in (parted, whole):
        put(renderer, canvas)
    whole.warp(warp, detail)
    parted.begin_warp(warp, detail)
    done = 0
    while parted.running:
        np.testing.assert_array_equal(read(parted.texture), canvas)
        assert parted.running.rows == done
        done = min(done + rows, 9)
        assert parted.continue_warp(rows) == (done == 9)
    assert not np.array_equal(read(whole.texture), canvas)
    np.testing.assert_array_equal(read(parted.texture), read(whole.texture).copy())
    assert not parted.continue_warp(rows), "nothing is left to do"
    parted.release()
    whole.release()


@pytest.mark.parametrize("how", ["renew", "resize", "warp"])
def test_a_running_warp_is_dropped_by_what_replaces_the_canvas(
    renderer: CanvasRenderer, how: str
) -> None:
    put(renderer, flat(0.25))
    renderer.begin_warp(make_warp(IDENTITY, decay=1.0))
    renderer.continue_warp(4)
    if how == "renew":
        put(renderer, flat(0.75))
    elif how == "resize":
        renderer.resize((8, 6))
    else:
        renderer.warp(make_warp(IDENTITY, tone=Tone(1.0, 0.5)))
    assert renderer.running is None
    expected = 0.25 if how == "resize" else 0.75
    np.testing.assert_allclose(read(renderer.texture)[..., :3], expected, atol=1e-3)
    before = read(renderer.texture).copy()
    assert not renderer.continue_warp(9)
    np.testing.assert_array_equal(read(renderer.texture), before)


# The finest detail


def softened(renderer: CanvasRenderer, soften: float, warp: Warp) -> np.ndarray:
    spot = np.zeros((9, 16, 4), np.float16)
    spot[4, 8] = 1
    put(renderer, spot)
    renderer.warp(warp, Texture(soften=soften))
    return read(renderer.texture)[..., 0].astype(np.float64)


def test_softening_smooths_as_a_b_spline(renderer: CanvasRenderer) -> None:
    row = np.zeros(16)
    row[7:10] = 1 / 6, 2 / 3, 1 / 6
    seen = softened(renderer, 1.0, make_warp(IDENTITY))
    np.testing.assert_allclose(seen[4], row * 2 / 3, atol=TOLERANCE)
    half = softened(renderer, 0.5, make_warp(IDENTITY))
    np.testing.assert_allclose(
        half, (seen + softened(renderer, 0.0, make_warp(IDENTITY))) / 2, atol=1e-3
    )
    assert softened(renderer, 0.0, make_warp(IDENTITY))[4, 8] == 1


def test_noise_has_the_deviation_asked_for_and_is_another_each_time(
    ctx: moderngl.Context,
) -> None:
    renderer = CanvasRenderer(ctx, (160, 96))
    found = []
    for _ in range(2):
        renderer.renew(
            lambda texture: HostCopy().write(texture, np.full((96, 160, 4), 0.5, np.float16))
        )
        renderer.warp(make_warp(IDENTITY), Texture(noise=0.05))
        seen = read(renderer.texture).astype(np.float64)
        assert np.all(seen[..., 3] == 1)
        found.append(seen[..., :3] - 0.5)
        assert abs(found[-1].mean()) < 0.02
        # Bilinear reads between the tile's texels take a little of the finest.
        assert found[-1].std() == pytest.approx(0.05, rel=0.2)
    assert np.abs(found[0] - found[1]).mean() > 0.02
    renderer.release()


def test_noise_is_as_coarse_on_every_canvas_and_has_no_seam(ctx: moderngl.Context) -> None:
    """Its tile is a square of the canvas's height, repeated across."""
    renderer = CanvasRenderer(ctx, (128, 64))
    renderer.warp(make_warp(IDENTITY), Texture(noise=0.05))
    seen = read(renderer.texture)[..., 0].astype(np.float64)
    np.testing.assert_allclose(seen[:, :64], seen[:, 64:], atol=2 * TOLERANCE)
    steps = np.abs(np.diff(seen, axis=1)).mean(axis=0)
    assert steps[63] < 1.5 * steps.mean()
    renderer.release()


def test_what_is_not_finite_spreads_no_further_than_the_filter(renderer: CanvasRenderer) -> None:
    canvas = flat(0.5)
    canvas[4, 8, 1] = np.nan
    put(renderer, canvas)
    renderer.warp(make_warp(camera(1.0, 0, 0.5 / 9, 0.5 / 9)))
    changed = read(renderer.texture)[..., 1] != 0.5
    assert changed.sum() <= 16  # drivers differ in what a clamped NaN is
    assert not changed[:1].any() and not changed[7:].any()
    assert np.all(read(renderer.texture)[..., 0] == 0.5)
