"""Draw what the network looks at, and add what it answers."""

from __future__ import annotations

import math
from itertools import product

import moderngl
import numpy as np

from liveflight.core.camera import fold_lines
from liveflight.core.contracts import LiveflightError, OutOfMemoryError, Size, Warp
from liveflight.core.rect import Rect
from liveflight.core.views import MASK_MARGIN, View
from liveflight.render.passes import Pass, RenderTarget
from liveflight.render.region import Region
from liveflight.render.warp import MotionPasses, columns, fold_uniforms, in_pixels, tone_uniforms

_SMOOTH_FROM = 1.5
"""Enlargement from which a direction is enlarged by a B-spline: less would show its pixels."""

_TAPS_PER_TEXEL = 0.5
"""Bilinear reads per canvas pixel and side: each covers two."""


class ViewPass:
    """Draw views of the canvas below each other into one texture."""

    def __init__(self, ctx: moderngl.Context, tile: Region | None = None) -> None:
        """`tile`: what is drawn of each view; without it all is."""
        self._ctx = ctx
        self._tile = tile
        self._pass = MotionPasses(ctx, "view.frag", *["TILED"] * (tile is not None))
        for folded in (False, True):  # now, not in the middle of a flight
            self._pass.chosen(False, folded)
        self._stack: RenderTarget | None = None

    def stack(self, size: Size, count: int) -> RenderTarget:
        """Return the target for this many views of this width and height in pixels.

        Raises OutOfMemoryError where the graphics memory cannot hold it."""
        whole = (size[0], size[1] * count)
        if self._stack is None or self._stack.size != whole:
            try:
                made = RenderTarget(self._ctx, whole)
            except LiveflightError as error:
                raise no_room(size) from error
            self.release_stack()
            self._stack = made
        return self._stack

    def draw(
        self,
        stack: RenderTarget,
        number: int,
        size: Size,
        view: View,
        canvas: moderngl.Texture,
        warp: Warp,
        held: Region | None = None,
        part: Rect | None = None,
    ) -> None:
        """Draw a view as number `number` of the stack, with the colours and folds of `warp`.

        `held`: the part of the canvas that the texture holds, all of it by default. `part`: the
        pixels of the view that are drawn, all by default."""
        part = part or Rect.whole(size)
        held = held or Region.whole(canvas.size)
        place = in_pixels(np.linalg.inv(view.matrix), size[1], held.canvas[1])
        enlargement = float(np.hypot(*place[:2, 0]))  # canvas pixels per view pixel
        uniforms = tone_uniforms(warp) | fold_uniforms(warp) | held.uniforms
        if self._tile:
            uniforms["tile"] = self._tile.edges
        uniforms |= {
            "place": columns(place),
            "middle": _middle(size, number),
            "taps": max(math.ceil(enlargement * _TAPS_PER_TEXEL), 1),
        }
        where = (part.left, number * size[1] + part.top, *part.size)
        self._pass.chosen(False, bool(fold_lines(warp))).draw(
            stack.framebuffer, where, canvas, uniforms
        )

    def release_stack(self) -> None:
        """Release the texture; the next `stack` makes one."""
        if self._stack:
            self._stack.release()
            self._stack = None

    def release(self) -> None:
        self._pass.release()
        self.release_stack()


def no_room(size: Size) -> OutOfMemoryError:
    """Return the error for views of this width and height that the graphics memory cannot hold."""
    return OutOfMemoryError(
        f"view {size[0]}x{size[1]}: the graphics memory cannot hold it; try a smaller --view"
    )


class AddPass:
    """Add directions to a picture where their views lie."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._passes = {
            (kind, masked): Pass(ctx, "add.frag", kind, *["MASKED"] * masked, filtering="bilinear")
            for kind in ("EXACT", "SMOOTH", "LINEAR")
            for masked in (False, True)
        }

    def add(
        self,
        onto: moderngl.Framebuffer,
        size: Size,
        directions: moderngl.Texture,
        number: int,
        view_size: Size,
        matrix: np.ndarray,
        amount: float,
        *,
        masked: bool = False,
        linear: bool = False,
        chroma: float = 1.0,
        first_row: int = 0,
        rows: range | None = None,
        mirrored: bool = True,
        held: Region | None = None,
        covered: bool = False,
    ) -> None:
        """Add direction `number` of a stack, times `amount`, to a picture.

        `size`: the picture's; it begins in row `first_row` of the framebuffer, and only its `rows`
        are changed. `matrix` maps places of the picture to places of the view, both in heights.
        `masked`: with a soft border; otherwise the direction is mirrored at its border, without
        end. `linear`: bilinear, for a direction that was enlarged smoothly before. What lies beyond
        the picture's border is folded back if it is masked and `mirrored`, as it was seen.
        `held`: the part of the picture that the framebuffer holds, all of it by default. `covered`:
        nothing is added where the picture's alpha is 0."""
        held = held or Region.whole(size)
        uniforms = {
            "middle": (size[0] / 2 - held.rect.left, first_row + size[1] / 2 - held.rect.top),
            "size": view_size,
            "top": float(number * view_size[1]),
            "amount": amount,
            "chroma": chroma,
            "margin": MASK_MARGIN,
        }
        rows = range(held.rect.height) if rows is None else rows
        for image in _images(size) if masked and mirrored else [np.eye(3)]:
            whole = matrix @ image
            bounds = _bounds(whole, held, view_size) if masked else (0, 0, *held.rect.size)
            left, top, right, bottom = bounds
            top, bottom = max(top, rows.start), min(bottom, rows.stop)
            if right <= left or bottom <= top:
                continue
            place = in_pixels(whole, size[1], view_size[1])
            enlarged = 1 / float(np.hypot(*place[:2, 0]))
            kind = "SMOOTH" if enlarged >= _SMOOTH_FROM else "EXACT"
            chosen = self._passes["LINEAR" if linear else kind, masked]
            where = (left, first_row + top, right - left, bottom - top)
            placing = uniforms | {"place": columns(place)}
            chosen.add(onto, where, directions, placing, covered=covered)

    def release(self) -> None:
        for each in self._passes.values():
            each.release()


def _middle(size: Size, number: int) -> tuple[float, float]:
    return size[0] / 2, (number + 0.5) * size[1]


def _images(size: Size) -> list[np.ndarray]:
    """Return the maps to the picture itself and to its eight mirror images around it."""
    aspect = size[0] / size[1]
    found = []
    for x, y in product((0, -1, 1), (0, -1, 1)):
        image = np.eye(3)
        if x:
            image[0] = (-1, 0, x * aspect)
        if y:
            image[1] = (0, -1, y)
        found.append(image)
    return found


def _bounds(matrix: np.ndarray, held: Region, view_size: Size) -> tuple[int, int, int, int]:
    """Return the left, top, right and bottom pixels of a view in a part of the picture."""
    size = held.canvas
    half = view_size[0] / view_size[1] / 2
    corners = np.array([(x * half, y / 2, 1) for x in (-1, 1) for y in (-1, 1)])
    places = np.linalg.inv(matrix) @ corners.T
    across = size[0] / 2 + places[0] / places[2] * size[1] - held.rect.left
    down = size[1] / 2 - places[1] / places[2] * size[1] - held.rect.top
    return (
        max(math.floor(across.min()), 0),
        max(math.floor(down.min()), 0),
        min(math.ceil(across.max()), held.rect.width),
        min(math.ceil(down.max()), held.rect.height),
    )
