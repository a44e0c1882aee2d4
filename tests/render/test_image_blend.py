"""A picture laid over the canvas: where it comes to lie, and how much of it."""

from collections.abc import Iterator

import moderngl
import numpy as np
import pytest

from liveflight.render import mesa_fences
from liveflight.render.image_blend import ImageBlend
from liveflight.render.passes import RenderTarget

GREY = 0.25
STILL = np.eye(3)


@pytest.fixture
def seed(ctx: moderngl.Context) -> Iterator[ImageBlend]:
    seed = ImageBlend(ctx)
    yield seed
    seed.release()


@pytest.fixture
def surface(ctx: moderngl.Context) -> Iterator[RenderTarget]:
    surface = RenderTarget(ctx, (6, 4))
    surface.framebuffer.clear(GREY, GREY, GREY, 1.0)
    yield surface
    surface.release()


def pixels(surface: RenderTarget) -> np.ndarray:
    """float (H, W, 4), row 0 at the top."""
    raw = np.frombuffer(surface.texture.read(), np.float16).astype(np.float64)
    return raw.reshape(surface.size[1], surface.size[0], 4)


def picture(width: int, height: int) -> np.ndarray:
    """Every pixel of its own colour."""
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def test_a_picture_of_the_canvas_s_size_lies_on_it_upright(
    seed: ImageBlend, surface: RenderTarget
) -> None:
    given = picture(6, 4)
    seed.show(given)
    seed.lay(surface.framebuffer, 1.0, "cover", STILL)
    np.testing.assert_allclose(pixels(surface)[..., :3], given / 255, atol=1e-3)
    assert (pixels(surface)[..., 3] == 1).all()


def test_the_share_is_how_far_the_canvas_goes(seed: ImageBlend, surface: RenderTarget) -> None:
    given = picture(6, 4)
    seed.show(given)
    seed.lay(surface.framebuffer, 0.25, "cover", STILL)
    expected = 0.75 * GREY + 0.25 * given / 255
    np.testing.assert_allclose(pixels(surface)[..., :3], expected, atol=1e-3)


@pytest.mark.parametrize(("width", "left"), [(8, 1), (10, 2)])
def test_what_is_too_wide_is_cut_alike_on_both_sides(
    seed: ImageBlend, surface: RenderTarget, width: int, left: int
) -> None:
    given = picture(width, 4)
    seed.show(given)
    seed.lay(surface.framebuffer, 1.0, "cover", STILL)
    expected = given[:, left : left + 6] / 255
    np.testing.assert_allclose(pixels(surface)[..., :3], expected, atol=2e-3)


def test_what_is_too_high_is_cut_above_and_below(seed: ImageBlend, surface: RenderTarget) -> None:
    given = picture(6, 8)
    seed.show(given)
    seed.lay(surface.framebuffer, 1.0, "cover", STILL)
    np.testing.assert_allclose(pixels(surface)[..., :3], given[2:6] / 255, atol=2e-3)


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [((2, 4), slice(0, 4), slice(2, 4)), ((6, 2), slice(1, 3), slice(0, 6))],
)
def test_all_of_it_leaves_the_rest_of_the_canvas_alone(
    seed: ImageBlend, surface: RenderTarget, size: tuple[int, int], rows: slice, columns: slice
) -> None:
    given = picture(*size)
    seed.show(given)
    seed.lay(surface.framebuffer, 1.0, "contain", STILL)
    expected = np.full((4, 6, 3), GREY)
    expected[rows, columns] = given / 255
    np.testing.assert_allclose(pixels(surface)[..., :3], expected, atol=2e-3)


def test_a_far_larger_picture_is_averaged(seed: ImageBlend, surface: RenderTarget) -> None:
    checks = np.indices((256, 384)).sum(0) % 2 * 255
    seed.show(np.repeat(checks[..., None], 3, 2).astype(np.uint8))
    seed.lay(surface.framebuffer, 1.0, "cover", STILL)
    np.testing.assert_allclose(pixels(surface)[..., :3], 0.5, atol=0.01)


def test_it_stands_still_on_the_screen_while_the_canvas_moves(
    seed: ImageBlend, surface: RenderTarget
) -> None:
    """`moved` maps a place of the canvas to its place on the screen."""
    given = picture(6, 4)
    seed.show(given)
    moved = np.array([[1, 0, 0.25], [0, 1, -0.25], [0, 0, 1]])  # one pixel to the right, one down
    seed.lay(surface.framebuffer, 1.0, "cover", moved)
    expected = np.full((4, 6, 3), GREY)
    expected[:3, :5] = given[1:, 1:] / 255
    np.testing.assert_allclose(pixels(surface)[..., :3], expected, atol=2e-3)


def levels(ctx: moderngl.Context, textures: list[moderngl.Texture]) -> list[np.ndarray]:
    """Of a picture of 96x64 that is shown after another one, each with its mipmaps."""
    seed = ImageBlend(ctx)
    for each in (np.zeros((64, 96, 3), np.uint8), picture(96, 64)):
        seed.show(each)
    found = [np.frombuffer(textures[-1].read(level=each), np.uint8) for each in range(7)]
    seed.release()
    return found


def test_mipmaps_are_alike_whoever_makes_them(
    ctx: moderngl.Context, textures: list[moderngl.Texture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mesa_fences, "needed", lambda ctx: False)
    by_the_driver = levels(ctx, textures)
    monkeypatch.setattr(mesa_fences, "needed", lambda ctx: True)
    for ours, its in zip(levels(ctx, textures), by_the_driver, strict=True):
        # llvmpipe rounds up, so that each level is half a step brighter than the one before.
        np.testing.assert_allclose(ours.astype(float), its, atol=4)


def test_a_driver_that_frees_too_early_makes_mipmaps_once_for_a_size(
    ctx: moderngl.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, int]] = []
    build = moderngl.Texture.build_mipmaps

    def built(texture: moderngl.Texture) -> None:
        made.append(texture.size)
        build(texture)

    monkeypatch.setattr(moderngl.Texture, "build_mipmaps", built)
    monkeypatch.setattr(mesa_fences, "needed", lambda ctx: True)
    seed = ImageBlend(ctx)
    for size in ((6, 4), (6, 4), (9, 5), (9, 5)):
        seed.show(picture(*size))
    seed.release()
    assert made == [(6, 4), (9, 5)]


def test_the_newest_picture_counts_whatever_its_size(
    seed: ImageBlend, surface: RenderTarget
) -> None:
    for size in ((3, 2), (6, 4), (5, 7), (6, 4)):
        seed.show(picture(*size))
    seed.lay(surface.framebuffer, 1.0, "cover", STILL)
    np.testing.assert_allclose(pixels(surface)[..., :3], picture(6, 4) / 255, atol=1e-3)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_without_a_picture_or_a_share_nothing_changes(
    seed: ImageBlend, surface: RenderTarget, share: float
) -> None:
    if not share:
        seed.show(picture(6, 4))
    seed.lay(surface.framebuffer, share, "cover", STILL)
    assert (pixels(surface)[..., :3] == GREY).all()


def test_textures_are_given_back(ctx: moderngl.Context, textures) -> None:
    seed = ImageBlend(ctx)
    seed.show(picture(3, 2))
    seed.show(picture(4, 2))
    assert textures.alive == 1
    seed.release()
    seed.release()
    assert textures.alive == 0


def test_a_picture_that_there_is_no_memory_for_leaves_the_one_before(
    seed: ImageBlend, surface: RenderTarget, ctx: moderngl.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed.show(picture(6, 4))
    seed.lay(surface.framebuffer, 1.0, "cover", STILL)
    before = pixels(surface)
    with monkeypatch.context() as patch:
        patch.setattr(ctx, "texture", lambda *_, **__: (_ for _ in ()).throw(moderngl.Error("no")))
        with pytest.raises(moderngl.Error):
            seed.show(picture(60, 40))
    surface.framebuffer.clear(GREY, GREY, GREY, 1.0)
    seed.lay(surface.framebuffer, 1.0, "cover", STILL)
    np.testing.assert_array_equal(pixels(surface), before)


def test_a_picture_larger_than_any_texture_is_reduced(
    seed: ImageBlend, ctx: moderngl.Context
) -> None:
    most = ctx.info["GL_MAX_TEXTURE_SIZE"]
    seed.show(np.zeros((2, most + 100, 3), np.uint8))
    assert seed.texture and seed.texture.size == (most, 1)
