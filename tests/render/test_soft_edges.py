"""The overlap of two projectors: together they are as bright as one."""

from __future__ import annotations

import moderngl
import numpy as np
import pytest

from liveflight.render.canvas_transfer import read_picture
from liveflight.render.soft_edges import SoftEdgePass
from liveflight.wall.layout import Layout
from liveflight.wall.soft_edge import GAMMA

pytestmark = pytest.mark.gl

WALL = Layout(2, 1, overlaps=(16, 0)).wall((112, 36))
TURNED = Layout(2, 1, overlaps=(16, 0), rotations=(90, 0)).wall((112, 36))


def darkened(ctx: moderngl.Context, wall: object, rank: int, *, bottom_up: bool) -> np.ndarray:
    """Return a light grey picture with the soft edges of a rank."""
    tile = wall.tiles[rank]  # type: ignore[attr-defined]
    colour = ctx.texture(tile.picture, 4)
    framebuffer = ctx.framebuffer([colour])
    framebuffer.clear(0.8, 0.8, 0.8, 1.0)
    soft = SoftEdgePass(ctx, tile)
    soft.draw(framebuffer, tile.picture, bottom_up=bottom_up)
    picture = read_picture(framebuffer, tile.picture, bottom_up=bottom_up).copy()
    ctx.detect_framebuffer(0).use()
    for each in (soft, framebuffer, colour):
        each.release()
    return picture[..., 0] / 255


def test_the_light_of_two_edges_adds_up(ctx: moderngl.Context) -> None:
    left = darkened(ctx, WALL, 0, bottom_up=True)[:, -16:]
    right = darkened(ctx, WALL, 1, bottom_up=True)[:, :16]
    np.testing.assert_allclose(left**GAMMA + right**GAMMA, 0.8**GAMMA, atol=0.01)
    assert left[0, 0] > 0.79
    assert left[0, -1] < 0.2


def test_beside_the_overlap_nothing_changes(ctx: moderngl.Context) -> None:
    assert (darkened(ctx, WALL, 0, bottom_up=False)[:, :-16] == 204 / 255).all()


@pytest.mark.parametrize("bottom_up", [True, False])
def test_the_edge_turns_with_the_picture(ctx: moderngl.Context, bottom_up: bool) -> None:
    picture = darkened(ctx, TURNED, 0, bottom_up=bottom_up)  # clockwise: its right side is below
    assert picture.shape == (64, 36)
    assert (picture[:-16] == 204 / 255).all()
    assert (picture[-1] < 0.2).all()
