"""Keep one rank's part of a wall's canvas on its GPU, and fetch from others what a warp reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import moderngl
import numpy as np

from liveflight.core.camera import IDENTITY
from liveflight.core.contracts import Warp
from liveflight.core.rect import Rect
from liveflight.render.canvas import CanvasRenderer
from liveflight.render.passes import Pass, RenderTarget
from liveflight.render.region import Region
from liveflight.wall import reach
from liveflight.wall.group import Kind
from liveflight.wall.reach import Pieces
from liveflight.wall.tiles import Wall

Exchange = Callable[[Mapping[int, np.ndarray], Mapping[int, Kind]], dict[int, np.ndarray]]
"""Sends arrays to other ranks and returns those expected of them: `wall.group.Group.exchange`."""


class TileCanvas(CanvasRenderer):
    """The canvas of one rank: its tile, a margin, and what folds show there from elsewhere.

    All ranks call the same methods in the same order. A warp is drawn at once."""

    def __init__(self, ctx: moderngl.Context, wall: Wall, rank: int) -> None:
        self.wall, self.rank = wall, rank
        self.members: Collection[int] = wall.ranks
        """The ranks that are there."""
        self.exchange: Exchange = lambda sent, expected: {}
        self.holding = reach.held(wall, IDENTITY)
        """By rank, the part of the canvas that it holds."""
        self._copy = Pass(ctx, "copy.frag")
        self._gathered: RenderTarget | None = None
        super().__init__(ctx, wall.canvas, self._region(self.holding))

    def hold(self, warp: Warp) -> None:
        """Hold what the tile shows with the folds of `warp`."""
        holding = reach.held(self.wall, warp)
        if holding != self.holding:
            self._reframe(holding, self.holding)

    def refresh(self, warp: Warp) -> None:
        """Do as `hold`, and take all but the own tile anew from the ranks that own it."""
        self._reframe(reach.held(self.wall, warp), [tile.owned for tile in self.wall.tiles])

    def continue_warp(self, rows: int) -> bool:
        """Draw all of the running warp; return whether there was one."""
        running = self.running
        if running is None:
            return False
        needed = [reach.read_by(each, running.warp, self.size) for each in self.holding]
        source, held = self._gather(needed)
        given = source.texture, running.warp, running.seed, running.detail
        self._warping.draw(self._spare, *given, held=held, drawn=self.region)
        self._canvas, self._spare = self._spare, self._canvas
        self.running = None
        return True

    def release(self) -> None:
        super().release()
        self._copy.release()
        if self._gathered:
            self._gathered.release()

    def _region(self, holding: Sequence[Rect]) -> Region:
        return Region(holding[self.rank], self.wall.canvas)

    def _reframe(self, holding: Sequence[Rect], trusted: Sequence[Rect]) -> None:
        """Hold other parts of the canvas; what lies beyond the `trusted` parts is fetched."""
        moves = self._moves(holding, trusted)
        came = self._exchanged(moves)
        region = self._region(holding)
        canvas, spare = self._targets(region.rect.size)
        self._fill(canvas, region, came, moves)
        self._canvas.release()
        self._spare.release()
        self._canvas, self._spare = canvas, spare
        self.holding, self.region, self.running = list(holding), region, None

    def _gather(self, needed: Sequence[Rect]) -> tuple[RenderTarget, Region]:
        """Return a picture with what this rank needs of the canvas, and which part it is.

        `needed`: by rank."""
        moves = self._moves(needed, self.holding)
        came = self._exchanged(moves)
        own = needed[self.rank]
        if own.within(self.region.rect) == own:
            return self._canvas, self.region
        target, held = self._target(own)
        self._fill(target, held, came, moves)
        return target, held

    def _moves(self, needed: Sequence[Rect], holding: Sequence[Rect]) -> Pieces:
        found = reach.pieces(needed, holding, self.wall)
        return {way: parts for way, parts in found.items() if set(way) <= set(self.members)}

    def _fill(
        self, target: RenderTarget, held: Region, came: Mapping[int, np.ndarray], moves: Pieces
    ) -> None:
        """Draw a part of the canvas from the own one and from pieces that came.

        Pixels of ranks that are not there are mid grey."""
        target.framebuffer.clear(0.5, 0.5, 0.5, 1.0)
        self._copy_part(self._canvas, self.region, target, held)
        for giver, pixels in came.items():
            for part, piece in _apart(pixels, moves[giver, self.rank]):
                where = part.left - held.rect.left, part.top - held.rect.top, *part.size
                target.texture.write(np.ascontiguousarray(piece), where)

    def _exchanged(self, moves: Pieces) -> dict[int, np.ndarray]:
        """Send and receive pieces of the canvas: by rank, float16 (pixels, 4)."""
        if not moves:
            return {}
        sent, expected = {}, {}
        for (giver, taker), parts in moves.items():
            if giver == self.rank:
                sent[taker] = np.concatenate([self._pixels(part) for part in parts])
            if taker == self.rank:
                count = sum(part.width * part.height for part in parts)
                expected[giver] = (count, 4), np.dtype(np.float16)
        return self.exchange(sent, expected)

    def _pixels(self, part: Rect) -> np.ndarray:
        where = part.left - self.region.rect.left, part.top - self.region.rect.top, *part.size
        data = self._canvas.framebuffer.read(where, 4, dtype="f2")
        return np.frombuffer(data, np.float16).reshape(-1, 4)

    def _target(self, part: Rect) -> tuple[RenderTarget, Region]:
        """Return a target for a part of the canvas."""
        if self._gathered is None or self._gathered.size != part.size:
            if self._gathered:
                self._gathered.release()
                self._gathered = None
            self._gathered = RenderTarget(self._ctx, part.size)
        return self._gathered, Region(part, self.wall.canvas)

    def _copy_part(
        self, source: RenderTarget, held: Region, onto: RenderTarget, wanted: Region
    ) -> None:
        """Copy what two parts of the canvas share from one picture to the other."""
        shared = held.rect.within(wanted.rect)
        if shared.empty:
            return
        where = shared.left - wanted.rect.left, shared.top - wanted.rect.top, *shared.size
        shift = wanted.rect.left - held.rect.left, wanted.rect.top - held.rect.top
        self._copy.draw(onto.framebuffer, where, source.texture, {"shift": shift})


def _apart(pixels: np.ndarray, parts: Sequence[Rect]) -> list[tuple[Rect, np.ndarray]]:
    """Return each part with its pixels."""
    ends = np.cumsum([part.width * part.height for part in parts])
    return list(zip(parts, np.split(pixels, ends[:-1]), strict=True))
