"""Plan where the network looks next: place, size and rotation of each view. Pure and seeded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from liveflight.core.contracts import Size
from liveflight.core.views import View, ViewSettings, level_count, level_shares, mask, widest_scale

_TILT = math.radians(8)
"""Largest rotation of a view of a part of the canvas."""

_CELLS_PER_VIEW = 8
"""Cells of a level's map of waiting places per height of its views."""

_MAX_ROWS = 64
"""Rows of such a map at most."""

_NEW = 1.0
"""Views by which what the camera brings in is due more than any other place."""

_STAY = 2
"""Views in a row of one place: small steps agree with each other where one large step is grain."""

_STAY_SHIFT = 0.03
"""Largest shift between two of them, part of the view's height."""

_GOLDEN = (math.sqrt(5) - 1) / 2
_PLASTIC = 1.32471795724474602596
"""Base of the R2 sequence: Roberts, "The unreasonable effectiveness of quasirandom sequences",
2018."""


class ViewPlanner:
    """Choose the next view, so that no place waits long.

    Each level has a map of how much each place is due. The view that covers the most of what is due
    comes next, and what it covers is due less. So all places get the same in the long run: this is
    herding (Welling, "Herding dynamical weights to learn", 2009). The maps move with the picture;
    places that the camera brings in are due the most."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._start = self._rng.random(4)
        self._count = 0
        self._credit: list[float] = []
        """By level, the views that it is owed."""
        self._stays: dict[int, tuple[View, int]] = {}
        """By level, the last view of a place, and how many more it gets."""
        self._due: list[np.ndarray] = []
        """By level but the first, how much each cell is due, in views."""
        self._weights: list[tuple[np.ndarray, np.ndarray]] = []
        """The same for views in the middle of each cell: the weights by cell, down and across."""
        self._shape: tuple[Size, Size] | None = None

    def next(
        self,
        canvas: Size,
        view: Size,
        settings: ViewSettings,
        visible: tuple[float, float] = (math.inf, math.inf),
        folds: Sequence[tuple[float, float]] = (),
    ) -> View:
        """Return the next view of this size in pixels, on a canvas of this size in pixels.

        `visible`: width and height of the part of the canvas that is shown, round its middle.
        `folds`: normals of the lines through the middle over which the picture is folded; what is
        folded over is not looked at."""
        self._fit(canvas, view)
        self._count += 1
        level = self._next_level(settings)
        if level == 0:
            return self._whole(canvas, view, settings)
        return self._part(level, canvas, view, settings, visible, folds)

    def moved(self, matrix: np.ndarray) -> None:
        """Move the maps with the picture. `matrix` maps places of the new canvas to the old one."""
        if self._shape is None:
            return
        (width, height), _ = self._shape
        aspect = width / height
        back = np.linalg.inv(np.asarray(matrix, np.float64))
        zoom = math.sqrt(abs(np.linalg.det(back[:2, :2])))
        for level, (view, more) in self._stays.items():
            x, y, w = back @ (view.x, view.y, 1.0)
            moved = replace(view, x=float(x / w), y=float(y / w), span=view.span * zoom)
            self._stays[level] = moved, more
        for number, due in enumerate(self._due):
            self._due[number] = _advected(due, matrix, aspect)

    def _fit(self, canvas: Size, view: Size) -> None:
        if self._shape == (canvas, view):
            return
        self._shape = canvas, view
        count = level_count(canvas, view)
        self._credit = [0.0] * count
        self._due, self._weights, self._stays = [], [], {}
        aspect = canvas[0] / canvas[1]
        for level in range(1, count):
            rows = min(_CELLS_PER_VIEW * 2**level, _MAX_ROWS)
            columns = max(round(rows * aspect), 1)
            self._due.append(self._rng.random((rows, columns)))
            span = _widest_span(canvas, view) / 2**level
            xs, ys = _centres((rows, columns), aspect)
            down = np.array([_covered(ys, y, span, 1.0) for y in ys])
            across = np.array([_covered(xs, x, span * view[0] / view[1], aspect) for x in xs])
            self._weights.append((down, across))

    def _next_level(self, settings: ViewSettings) -> int:
        count = len(self._credit)
        shares = level_shares(settings.detail, count)
        if count > 1:
            shares[0] *= 1 - settings.spread
            shares[1] = shares[1] if any(shares) else 1.0
        total = sum(shares)
        self._credit = [
            credit + share / total for credit, share in zip(self._credit, shares, strict=True)
        ]
        level = max(range(count), key=lambda one: self._credit[one])
        self._credit[level] -= 1
        return level

    def _random(self, number: int) -> float:
        """Return one of four low-discrepancy numbers of this view, 0..1."""
        steps = (1 / _PLASTIC, 1 / _PLASTIC**2, _GOLDEN, _GOLDEN / math.sqrt(2))
        return float((self._start[number] + self._count * steps[number]) % 1.0)

    def _whole(self, canvas: Size, view: Size, settings: ViewSettings) -> View:
        """Return a view that reaches beyond the canvas on all sides, or to its border."""
        span = _widest_span(canvas, view) * 2.0 ** (self._random(2) * settings.octaves)
        reach = settings.jitter / view[1] * span
        slack_y = (span - 1) / 2
        slack_x = (span * view[0] / view[1] - canvas[0] / canvas[1]) / 2
        x = (2 * self._random(0) - 1) * min(slack_x, reach)
        y = (2 * self._random(1) - 1) * min(slack_y, reach)
        return View(x, y, span, finest=len(self._credit) == 1)

    def _part(
        self,
        level: int,
        canvas: Size,
        size: Size,
        settings: ViewSettings,
        visible: tuple[float, float],
        folds: Sequence[tuple[float, float]],
    ) -> View:
        """Return the view that covers the most of what is due, or another of the last place."""
        due = self._due[level - 1]
        aspect = canvas[0] / canvas[1]
        xs, ys = _centres(due.shape, aspect)
        wanted = _wanted(xs, ys, visible, folds)
        last, more = self._stays.get(level, (None, 0))
        if last and more and _within(wanted, last.x, last.y, aspect):
            nudge = _STAY_SHIFT * last.span
            x = last.x + (2 * self._random(0) - 1) * nudge
            y = last.y + (2 * self._random(1) - 1) * nudge
            view = replace(last, x=x, y=y)
            more -= 1
        else:
            row, column = self._most_due(level, wanted)
            x = float(xs[column]) + (self._random(0) - 0.5) * aspect / due.shape[1]
            y = float(ys[row]) + (self._random(1) - 0.5) / due.shape[0]
            span = _widest_span(canvas, size) / 2**level
            span *= 2.0 ** ((self._random(2) - 0.5) * settings.octaves)
            turn = (2 * self._random(3) - 1) * _TILT
            view = View(x, y, span, turn, level, level == len(self._due))
            more = _STAY - 1
        self._stays[level] = view, more
        across = _covered(xs, view.x, view.span * size[0] / size[1], aspect)
        covered = _covered(ys, view.y, view.span, 1.0)[:, None] * across
        due[wanted] += covered[wanted].mean() - covered[wanted]
        return view

    def _most_due(self, level: int, wanted: np.ndarray) -> tuple[int, int]:
        """Return the row and the column of the wanted cell for the middle of the next view."""
        due, (down, across) = self._due[level - 1], self._weights[level - 1]
        left = np.where(wanted, due - due[wanted].mean(), 0.0)
        own = (down**2) @ wanted @ (across**2).T
        gain = down @ left @ across.T - own / 2  # by which a view lowers the sum of the squares
        row, column = divmod(int(np.where(wanted, gain, -np.inf).argmax()), due.shape[1])
        return row, column


def _widest_span(canvas: Size, view: Size) -> float:
    """Return the height of the smallest view that covers the canvas, in its heights."""
    return widest_scale(canvas, view) * view[1] / canvas[1]


def _centres(shape: tuple[int, ...], aspect: float) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = shape
    xs = ((np.arange(columns) + 0.5) / columns - 0.5) * aspect
    return xs, 0.5 - (np.arange(rows) + 0.5) / rows


def _wanted(
    xs: np.ndarray,
    ys: np.ndarray,
    visible: tuple[float, float],
    folds: Sequence[tuple[float, float]],
) -> np.ndarray:
    """Return which cells are shown and not folded over; all where that leaves none."""
    wanted = (np.abs(xs) <= visible[0] / 2) & (np.abs(ys) <= visible[1] / 2)[:, None]
    for x, y in folds:
        wanted &= xs * x + ys[:, None] * y <= 1e-6
    return wanted if wanted.any() else np.ones_like(wanted)


def _within(wanted: np.ndarray, x: float, y: float, aspect: float) -> bool:
    """Return whether a place lies in a wanted cell."""
    rows, columns = wanted.shape
    row, column = math.floor((0.5 - y) * rows), math.floor((x / aspect + 0.5) * columns)
    return 0 <= row < rows and 0 <= column < columns and bool(wanted[row, column])


def _covered(places: np.ndarray, centre: float, side: float, extent: float) -> np.ndarray:
    """Return a view's weight along one axis; what hangs over the border is mirrored back."""
    images = (centre, extent - centre, -extent - centre)
    weights: np.ndarray = sum((mask((places - each) / side) for each in images), np.zeros(1))
    return weights


def _advected(due: np.ndarray, matrix: np.ndarray, aspect: float) -> np.ndarray:
    """Return the map of the moved picture; `matrix` maps its places to the old ones."""
    rows, columns = due.shape
    xs, ys = _centres(due.shape, aspect)
    x, y = np.meshgrid(xs, ys)
    places = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    old = np.asarray(matrix, np.float64) @ places
    across = (old[0] / old[2] / aspect + 0.5) * columns - 0.5
    down = (0.5 - old[1] / old[2]) * rows - 0.5
    # A warp moves less than a cell: count the part of each cell that lay beyond the border.
    inside = _inside(across, columns) * _inside(down, rows)
    across, down = across.clip(0, columns - 1), down.clip(0, rows - 1)
    left, top = np.floor(across).astype(int), np.floor(down).astype(int)
    right, low = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
    u, v = across - left, down - top
    upper = due[top, left] * (1 - u) + due[top, right] * u
    lower = due[low, left] * (1 - u) + due[low, right] * u
    kept = upper * (1 - v) + lower * v
    moved: np.ndarray = inside * kept + (1 - inside) * (due.max() + _NEW)
    return moved.reshape(rows, columns)


def _inside(place: np.ndarray, cells: int) -> np.ndarray:
    """Return which part of a cell round this place lies among that many cells in a row."""
    parts: np.ndarray = np.minimum(place + 1, cells - place).clip(0.0, 1.0)
    return parts
