"""Share the views of a tick among the ranks: who draws, ascends and needs which part. Pure.

Every rank computes the same shares from the same views, so nothing has to be agreed on.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from liveflight.core.contracts import Size
from liveflight.core.rect import Rect
from liveflight.core.views import View
from liveflight.wall.reach import folded, mirrored
from liveflight.wall.tiles import Tile, Wall

_COLUMNS = 40
"""Places across a view by which it is found out who draws what."""

_CONTEXT_PX = 8
"""Pixels round what is read of a direction: the filters that enlarge it read beyond."""


Parts = dict[int, Rect]
"""Pixels of views or of their directions, by the number of the view."""


@dataclass(frozen=True)
class Share:
    """Say what happens with one view."""

    owner: int
    """The rank that ascends it."""
    drawn: dict[int, Rect]
    """By rank, the pixels of the view among which are those that the rank draws."""
    needed: dict[int, Rect]
    """By rank, the pixels of the direction that the rank adds."""


def shares(
    views: Sequence[View],
    size: Size,
    wall: Wall,
    holding: Sequence[Rect],
    lines: Sequence[tuple[float, float]] = (),
    members: Collection[int] | None = None,
    moving: float = 0.0,
    idle: Collection[int] = (),
) -> list[Share]:
    """Return the share of each view.

    `size`: width and height of a view in pixels. `holding`: what each rank holds of the canvas.
    `lines`: the folds. `members`: the ranks that are there, all by default; the others' parts of a
    view stay empty. `moving`: canvas heights by which a direction moves until it is added.
    `idle`: ranks that ascend nothing, unless all are."""
    present = sorted(wall.ranks if members is None else members)
    drawn = [_drawn(view, size, wall, lines, present) for view in views]
    found = []
    busy = [rank for rank in present if rank not in idle] or present
    for view, owner, draws in zip(views, _owners(views, drawn, busy), drawn, strict=True):
        held = {rank: holding[rank] for rank in present}
        found.append(Share(owner, draws, _needed(view, size, held, wall.canvas, moving)))
    return found


def _owners(
    views: Sequence[View], drawn: Sequence[dict[int, Rect]], present: Sequence[int]
) -> list[int]:
    """Return the rank with the most of each view, but as many views for each rank.

    Views of the whole come last: everyone has some of them, and gets some of their directions."""
    room = dict.fromkeys(present, -(-len(views) // len(present)))
    owners = [0] * len(views)
    for number in sorted(range(len(views)), key=lambda number: views[number].whole):
        owner = max(
            (rank for rank in present if room[rank]),
            key=lambda rank: (_area(drawn[number].get(rank)), room[rank], -rank),
        )
        room[owner] -= 1
        owners[number] = owner
    return owners


def parts(
    views: Sequence[View],
    size: Size,
    wall: Wall,
    rank: int,
    holding: Rect,
    lines: Sequence[tuple[float, float]] = (),
    moving: float = 0.0,
) -> tuple[Parts, Parts]:
    """Return what one rank draws of the views, and what it adds of their directions.

    `size`, `lines`, `moving`: as of `shares`. `holding`: what the rank holds of the canvas."""
    drawn, needed = {}, {}
    for number, view in enumerate(views):
        if part := _drawn(view, size, wall, lines, [rank]).get(rank):
            drawn[number] = part
        if part := _needed(view, size, {rank: holding}, wall.canvas, moving).get(rank):
            needed[number] = part
    return drawn, needed


def _area(part: Rect | None) -> int:
    return part.width * part.height if part else 0


def _drawn(
    view: View,
    size: Size,
    wall: Wall,
    lines: Sequence[tuple[float, float]],
    present: Sequence[int],
) -> dict[int, Rect]:
    """Return a box for each rank round the pixels of a view that lie in its tile."""
    width, height = wall.canvas
    near = [rank for rank in present if lines or _meets(view, size, wall.tiles[rank], wall.canvas)]
    if not near:
        return {}
    step = -(-size[0] // _COLUMNS)
    columns, rows = -(-size[0] // step), -(-size[1] // step)
    x, y = np.meshgrid((np.arange(columns) + 0.5) * step, (np.arange(rows) + 0.5) * step)
    own = np.stack([x - size[0] / 2, size[1] / 2 - y], -1) / size[1]
    back = np.linalg.inv(view.matrix)
    places = (own @ back[:2, :2].T + back[:2, 2]) * height
    places = folded(places, lines, wall.canvas)
    across, down = (
        mirrored(width / 2 + places[..., 0], width),
        mirrored(height / 2 - places[..., 1], height),
    )
    unsure = step * math.sqrt(0.5) * view.span * height / size[1] + 1
    left, top = across.min() - unsure, down.min() - unsure
    right, bottom = across.max() + unsure, down.max() + unsure
    found = {}
    for rank in near:
        tile = wall.tiles[rank].owned
        if tile.left > right or tile.right < left or tile.top > bottom or tile.bottom < top:
            continue
        inside = (across >= tile.left - unsure) & (across <= tile.right + unsure)
        inside &= (down >= tile.top - unsure) & (down <= tile.bottom + unsure)
        if inside.any():
            found[rank] = _box(inside, step, size)
    return found


def _meets(view: View, size: Size, tile: Tile, canvas: Size) -> bool:
    """Return whether a view without folds may show something of a tile."""
    if view.whole:
        return True
    x, y, radius = _circle(view, size, canvas)
    owned = tile.owned
    across = _images((owned.left, owned.right), canvas[0], x, radius)
    return bool(across and _images((owned.top, owned.bottom), canvas[1], y, radius))


def _circle(view: View, size: Size, canvas: Size) -> tuple[float, float, float]:
    """Return the middle and the radius of the circle round a view, in canvas pixels, y down."""
    radius = math.hypot(*size) / size[1] * view.span * canvas[1] / 2
    return canvas[0] / 2 + view.x * canvas[1], canvas[1] / 2 - view.y * canvas[1], radius


def _box(inside: np.ndarray, step: int, size: Size) -> Rect:
    """Return the smallest box of pixels round the cells, `step` pixels wide, that are true."""
    downs, acrosses = np.nonzero(inside.any(1))[0], np.nonzero(inside.any(0))[0]
    left, top = int(acrosses[0]) * step, int(downs[0]) * step
    right, bottom = (int(acrosses[-1]) + 1) * step, (int(downs[-1]) + 1) * step
    return Rect(left, top, min(right, size[0]) - left, min(bottom, size[1]) - top)


def _needed(
    view: View, size: Size, holding: Mapping[int, Rect], canvas: Size, moving: float
) -> dict[int, Rect]:
    """Return a box for each rank round the pixels of a direction that it adds to what it holds."""
    boxes = {rank: _added(view, size, held, canvas, moving) for rank, held in holding.items()}
    return {rank: box for rank, box in boxes.items() if not box.empty}


def _added(view: View, size: Size, part: Rect, canvas: Size, moving: float) -> Rect:
    """Return what of a view's direction is added to a part of the canvas, now or a little later."""
    spare = moving * canvas[1]
    across = (part.left - spare, part.right + spare)
    down = (part.top - spare, part.bottom + spare)
    if view.whole:  # mirrored without end
        ranges = _in_view(view, size, across, down, canvas)
        sides = [_mirrored_range(*each, side) for each, side in zip(ranges, size, strict=True)]
        return _clipped(sides, size)
    found = Rect(0, 0, 0, 0)
    x, y, radius = _circle(view, size, canvas)
    for image_across in _images(across, canvas[0], x, radius):
        for image_down in _images(down, canvas[1], y, radius):
            box = _clipped(_in_view(view, size, image_across, image_down, canvas), size)
            if not box.empty:
                found = box if found.empty else found.around(box)
    return found


Range = tuple[float, float]
"""The first and the last place along a side."""


def _images(along: Range, side: int, place: float, radius: float) -> list[Range]:
    """Return a range and its mirror images beyond both ends of the canvas's side.

    Without those that are not within the radius round a place."""
    first, last = along
    images = [along, (-last, -first), (2 * side - last, 2 * side - first)]
    return [each for each in images if each[0] < place + radius and each[1] > place - radius]


def _in_view(view: View, size: Size, across: Range, down: Range, canvas: Size) -> list[Range]:
    """Return the ranges of the view's pixels, across and down, of a part of the canvas."""
    scale = size[1] / (view.span * canvas[1])
    c, s = math.cos(view.rotation) * scale, math.sin(view.rotation) * scale
    # From the view's middle, in canvas pixels, y down.
    x, y, _ = _circle(view, size, canvas)
    corners = [(left - x, top - y) for left in across for top in down]
    xs = [size[0] / 2 + c * right - s * below for right, below in corners]
    ys = [size[1] / 2 + s * right + c * below for right, below in corners]
    return [(min(xs), max(xs)), (min(ys), max(ys))]


def _mirrored_range(first: float, last: float, side: int) -> Range:
    """Return where a range lies once all that is beyond the side has been mirrored into it."""
    if last - first >= side:
        return 0.0, float(side)
    ends = [side - abs(end % (2 * side) - side) for end in (first, last)]
    least, most = min(ends), max(ends)
    if first // side != last // side:  # it turns at a border between
        border = last // side * side
        return (0.0, most) if border % (2 * side) == 0 else (least, float(side))
    return least, most


def _clipped(sides: Sequence[Range], size: Size) -> Rect:
    (left, right), (top, bottom) = sides
    left, top = math.floor(left) - _CONTEXT_PX, math.floor(top) - _CONTEXT_PX
    right, bottom = math.ceil(right) + _CONTEXT_PX, math.ceil(bottom) + _CONTEXT_PX
    box = Rect(left, top, right - left, bottom - top)
    return box.within(Rect.whole(size))
