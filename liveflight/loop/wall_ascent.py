"""Ascend the views of a wall: gather each where it is ascended, and send its direction around."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from liveflight.core.contracts import (
    Ascent,
    Canvas,
    Engine,
    LiveflightError,
    OutOfMemoryError,
    Size,
    ViewStep,
)
from liveflight.core.rect import Rect
from liveflight.wall.group import Kind
from liveflight.wall.view_shares import Share

log = logging.getLogger(__name__)

_HALF = np.dtype(np.float16)


class Others(Protocol):
    """The other ranks, as one thread reaches them."""

    def exchange(
        self, sent: Mapping[int, np.ndarray], expected: Mapping[int, Kind]
    ) -> dict[int, np.ndarray]: ...

    def total(self, numbers: np.ndarray) -> np.ndarray: ...


class WallAscent:
    """The ascent of one tick on one rank, to be called on its worker."""

    def __init__(
        self, rank: int, others: Others, size: Size, views: Canvas, shares: Sequence[Share]
    ) -> None:
        """Take what this rank has drawn of each view: float16 (N * H, W, 4), alpha 0 elsewhere.

        `size`: width and height of a view."""
        self._rank, self._others, self._size, self._shares = rank, others, size, shares
        self._views = views.reshape(len(shares), size[1], size[0], 4)

    def __call__(
        self, engine: Engine, steps: Sequence[ViewStep], ascent: Ascent
    ) -> tuple[Canvas, float]:
        """Return the directions that this rank adds, stacked as the views, and the seconds it took.

        All ranks raise FloatingPointError where one direction was not finite, OutOfMemoryError
        where a rank could not hold a step, RuntimeError where an engine failed."""
        began = time.perf_counter()
        own = [number for number, share in enumerate(self._shares) if share.owner == self._rank]
        whole = self._gathered(own)
        failed = np.zeros(3)
        directions = np.zeros_like(whole)
        try:
            if own:
                stack = whole.reshape(-1, self._size[0], 4)
                found = engine.directions(stack, [steps[number] for number in own], ascent)
                engine.wait()
                directions = np.asarray(found).reshape(directions.shape)
        except FloatingPointError:
            failed[0] = 1
        except (OutOfMemoryError, MemoryError):
            failed[1] = 1
        except LiveflightError as error:  # not loaded yet: the others' views suffice for a moment
            log.info("no direction: %s", error)
        except Exception as error:  # the others wait for this rank's answer
            log.error("the ascent failed on this rank: %r", error)
            failed[2] = 1
        failed = self._others.total(failed)
        if failed[1]:
            raise OutOfMemoryError(f"view {self._size[0]}x{self._size[1]}: a rank has no memory")
        if failed[0]:
            raise FloatingPointError("a direction is not finite")
        if failed[2]:
            raise RuntimeError("the ascent failed on a rank of the wall; its log says why")
        return self._spread(own, directions), time.perf_counter() - began

    def _gathered(self, own: Sequence[int]) -> np.ndarray:
        """Return the views that this rank ascends, put together: float16 (N, H, W, 4)."""
        parts = {
            (giver, share.owner, number): box
            for number, share in enumerate(self._shares)
            for giver, box in share.drawn.items()
        }
        came = self._moved(parts, self._views)
        whole = self._views[list(own)]
        for (_, _, number), (box, pixels) in came.items():
            part = _cut(whole[own.index(number)], box)
            np.copyto(part, pixels, where=pixels[..., 3:] > 0)
        return whole

    def _spread(self, own: Sequence[int], directions: np.ndarray) -> Canvas:
        """Return all directions, as far as this rank adds them: float16 (N * H, W, 4)."""
        full = np.zeros((len(self._shares), self._size[1], self._size[0], 4), np.float16)
        full[list(own)] = directions
        parts = {
            (share.owner, taker, number): box
            for number, share in enumerate(self._shares)
            for taker, box in share.needed.items()
        }
        for (_, _, number), (box, pixels) in self._moved(parts, full).items():
            _cut(full[number], box)[...] = pixels
        return full.reshape(-1, self._size[0], 4)

    def _moved(
        self, parts: Mapping[tuple[int, int, int], Rect], views: np.ndarray
    ) -> dict[tuple[int, int, int], tuple[Rect, np.ndarray]]:
        """Move parts of views, by (from, to, number of the view), and return what came.

        `views`: float16 (N, H, W, 4)."""
        parts = {way: box for way, box in parts.items() if way[0] != way[1]}
        sent: dict[int, list[np.ndarray]] = {}
        wanted: dict[int, list[tuple[tuple[int, int, int], Rect]]] = {}
        for way, box in parts.items():
            giver, taker, number = way
            if giver == self._rank:
                sent.setdefault(taker, []).append(_cut(views[number], box).reshape(-1, 4))
            if taker == self._rank:
                wanted.setdefault(giver, []).append((way, box))
        came = self._others.exchange(
            {taker: np.concatenate(each) for taker, each in sent.items()},
            {giver: ((_pixels(each), 4), _HALF) for giver, each in wanted.items()},
        )
        found = {}
        for giver, expected in wanted.items():
            begin = 0
            for way, box in expected:
                end = begin + box.width * box.height
                pixels = came[giver][begin:end].reshape(box.height, box.width, 4)
                found[way], begin = (box, pixels), end
        return found


def _cut(view: np.ndarray, box: Rect) -> np.ndarray:
    """Return a part of a view, (H, W, 4): not a copy."""
    return view[box.top : box.bottom, box.left : box.right]


def _pixels(expected: Sequence[tuple[tuple[int, int, int], Rect]]) -> int:
    return sum(box.width * box.height for _, box in expected)
