"""Ascend the views of a wall: gather each where it is ascended, and send its direction around."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
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
from liveflight.wall.view_shares import Parts, Share

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
        self,
        rank: int,
        others: Others,
        size: Size,
        views: Mapping[int, np.ndarray],
        needed: Parts,
        shares: Sequence[Share],
    ) -> None:
        """Take what this rank has drawn of the views, and what it adds of the directions.

        `size`: width and height of a view. `views`: float16 (H, W, 4) by the number of the view,
        alpha 0 where others draw."""
        self._rank, self._others, self._size, self._shares = rank, others, size, shares
        self._views, self._needed = views, needed

    def __call__(
        self, engine: Engine, steps: Sequence[ViewStep], ascent: Ascent
    ) -> tuple[Canvas, float]:
        """Return the directions that this rank adds, packed, and the seconds it took.

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
        ways = {
            (giver, share.owner, number): box
            for number, share in enumerate(self._shares)
            for giver, box in share.drawn.items()
        }
        whole = np.zeros((len(own), self._size[1], self._size[0], 4), np.float16)
        came = self._moved(ways, lambda number, box: self._views[number])
        for number, box, pixels in came:
            part = _cut(whole[own.index(number)], box)
            np.copyto(part, pixels, where=pixels[..., 3:] > 0)
        return whole

    def _spread(self, own: Sequence[int], directions: np.ndarray) -> Canvas:
        """Return what this rank adds of all directions, packed."""
        ways = {
            (share.owner, taker, number): box
            for number, share in enumerate(self._shares)
            for taker, box in share.needed.items()
        }
        came = self._moved(ways, lambda number, box: _cut(directions[own.index(number)], box))
        found = {number: pixels for number, _, pixels in came}
        return pack([found[number] for number in self._needed])

    def _moved(
        self,
        ways: Mapping[tuple[int, int, int], Rect],
        pixels_of: Callable[[int, Rect], np.ndarray],
    ) -> list[tuple[int, Rect, np.ndarray]]:
        """Move parts of views, by (from, to, number of the view), and return what came.

        Parts from this rank to itself come too. `pixels_of(number, box)` returns what this rank
        gives: float16 (H, W, 4)."""
        sent: dict[int, list[np.ndarray]] = {}
        wanted: dict[int, Parts] = {}
        found = []
        for (giver, taker, number), box in ways.items():
            if giver == taker == self._rank:
                found.append((number, box, pixels_of(number, box)))
            elif giver == self._rank:
                sent.setdefault(taker, []).append(pixels_of(number, box))
            elif taker == self._rank:
                wanted.setdefault(giver, {})[number] = box
        came = self._others.exchange(
            {taker: pack(each)[0] for taker, each in sent.items()},
            {giver: ((_pixels(boxes), 4), _HALF) for giver, boxes in wanted.items()},
        )
        for giver, boxes in wanted.items():
            parts = unpack(came[giver][None], boxes)
            found += [(number, box, parts[number]) for number, box in boxes.items()]
        return found


def pack(pixels: Sequence[np.ndarray]) -> Canvas:
    """Return rectangles of pixels one after another, as one row: float16 (1, P, 4)."""
    rows = [each.reshape(1, -1, 4) for each in pixels]
    return np.concatenate([np.empty((1, 0, 4), np.float16), *rows], axis=1)


def unpack(packed: Canvas, boxes: Parts) -> dict[int, np.ndarray]:
    """Return the rectangles that `pack` has packed: (H, W, 4) each, by their numbers."""
    found, begin = {}, 0
    for number, box in boxes.items():
        end = begin + box.width * box.height
        found[number] = packed[0, begin:end].reshape(box.height, box.width, 4)
        begin = end
    return found


def _cut(view: np.ndarray, box: Rect) -> np.ndarray:
    """Return a part of a view, (H, W, 4): not a copy."""
    return view[box.top : box.bottom, box.left : box.right]


def _pixels(boxes: Parts) -> int:
    return sum(box.width * box.height for box in boxes.values())
