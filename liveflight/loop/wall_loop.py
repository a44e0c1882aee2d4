"""Run the feedback loop on one rank of a wall: its tile, and its share of the views."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from liveflight.core.ascent import Upkeep
from liveflight.core.camera import displacement, fold_lines, same_folds
from liveflight.core.contracts import Ascent, Canvas, Engine, Size, ViewStep, Warp
from liveflight.core.rect import Rect
from liveflight.core.tone import ToneHold
from liveflight.core.views import View
from liveflight.loop.feedback_loop import FeedbackLoop
from liveflight.loop.wall_ascent import Others, WallAscent, pack, unpack
from liveflight.render.measure import Statistics
from liveflight.render.passes import RenderTarget
from liveflight.render.region import Region
from liveflight.render.tile_canvas import TileCanvas
from liveflight.render.view_passes import ViewPass
from liveflight.wall.landing_reach import LandingReach, Settling
from liveflight.wall.tiles import Wall
from liveflight.wall.view_shares import Parts, parts, shares

if TYPE_CHECKING:
    import moderngl

_PATIENCE_S = 5.0
"""Seconds for which a tick of an earlier group is waited for."""


class WallLoop(FeedbackLoop):
    """One rank's part of the canvas and its ticks.

    All ranks call the same methods in the same order, with the same arguments."""

    renderer: TileCanvas

    def __init__(self, ctx: Any, wall: Wall, rank: int, *given: Any, **named: Any) -> None:
        """`given`, `named`: as of FeedbackLoop, from the seed on."""
        self.wall, self.rank = wall, rank
        self._frames: Others
        self._ascents: Others
        self._drawn: Parts = {}
        """Pixels of the running tick's views that this rank has drawn."""
        self._needed: Parts = {}
        """Pixels of their directions that it adds."""
        self.idle: Collection[int] = ()
        """Ranks that ascend nothing."""
        self.reach = LandingReach()
        self._settling = Settling()
        self._tile = Region(wall.tiles[rank].owned, wall.canvas)
        super().__init__(ctx, wall.canvas, *given, **named)

    def connect(self, frames: Others, ascents: Others) -> None:
        """Reach the other ranks by `frames` on this thread, by `ascents` on the worker's."""
        self._frames, self._ascents = frames, ascents
        self.renderer.exchange = frames.exchange

    def make_noise(self) -> None:
        """Begin to make new noise."""
        super().reseed()

    def take_noise(self, patience: float) -> None:
        """Start again from the noise that was made last; wait for it."""
        self._noise.wait(patience)
        super()._take_noise()

    def reseed(self) -> None:
        """Leave it to rank 0 to begin anew."""

    def _take_noise(self) -> None:
        """Leave it to rank 0 to say when."""

    def move(self, warp: Warp, dt: float) -> None:
        others = not same_folds(self.shown, warp)
        self.reach.moved(displacement(warp, self.size[0] / self.size[1]))
        super().move(warp, dt)
        if others:
            self.renderer.hold(self.shown)
            self._settling.folds_changed(ticking=self.ticking)

    def use_engine(self, engine: Engine) -> str:
        """Go on with copies through the host: views are put together there."""
        return ""

    def resize(self, size: Size) -> None:
        """Keep the wall's canvas."""

    def begin(self, *given: Any) -> None:
        super().begin(*given)
        self.reach.begun()

    def collect_result(self, patience: float) -> bool:
        if self.worker.wait(patience):  # before anything can fail on this rank alone
            self.reach.arrived(slow=self._slow)
            self._settling.arrived(self._landing_s)
        return super().collect_result(patience)

    def advance(self, dt: float, upkeep: Upkeep) -> bool:
        finite = super().advance(dt, upkeep)
        if self._settling.passed(dt):
            self.renderer.refresh(self.shown)
        return finite

    def restart(self, pending: Warp, seed: int) -> None:
        """Go on from the canvas as it is, after the ranks that are there have changed.

        `pending`: the motion since the last warp. `seed`: of the next noise."""
        if self.worker.busy and self.worker.wait(_PATIENCE_S):
            with suppress(Exception):  # of a group that is gone
                self.worker.result()
        if self._noise.busy and self._noise.wait(_PATIENCE_S):
            self._noise.result()  # of other ranks' time
        self.reach.restart()
        self._settling.restart()
        self.landings.forget()
        self._measuring.forget()
        self._hold = ToneHold()
        self.motion.restart(pending)
        self._seed = seed
        self.renderer.refresh(pending)

    def _make_renderer(self, size: Size) -> TileCanvas:
        return TileCanvas(self._ctx, self.wall, self.rank)

    def _make_views(self) -> ViewPass:
        return ViewPass(self._ctx, self._tile)

    def _draw(self, views: Sequence[View], size: Size) -> Canvas:
        """Draw what this rank shows of the views; return it packed."""
        canvas, lines = self.renderer, fold_lines(self.shown)
        held = canvas.region.rect
        given = views, size, self.wall, self.rank, held, lines, self.reach.height
        self._drawn, self._needed = parts(*given)
        stack = self._views.stack(size, len(views))
        for number, part in self._drawn.items():
            drawn = stack, number, size, views[number]
            self._views.draw(*drawn, canvas.texture, self.shown, canvas.region, part)
            self.landings.add_rest(*drawn, range(part.top, part.bottom))
        self._end_part("views")
        pixels = [_read(stack, number, size, part) for number, part in self._drawn.items()]
        self._end_part("hand-over")
        return pack(pixels)

    def _ascent(
        self, engine: Engine, views: Canvas, steps: Sequence[ViewStep], ascent: Ascent
    ) -> Callable[[], tuple[Canvas, float]]:
        placed, size = self._flying
        canvas, lines = self.renderer, fold_lines(self.shown)
        planned = partial(
            shares,
            [each.view for each in placed],
            *(size, self.wall, canvas.holding, lines, canvas.members, self.reach.height, self.idle),
        )
        given = self.rank, self._ascents, size, unpack(views, self._drawn), self._needed
        return lambda: WallAscent(*given, planned())(engine, steps, ascent)

    def _put(self, directions: Canvas) -> None:
        placed, size = self._flying

        def write(texture: moderngl.Texture) -> None:
            for number, pixels in unpack(directions, self._needed).items():
                part = self._needed[number]
                where = part.left, number * size[1] + part.top, *part.size
                texture.write(np.ascontiguousarray(pixels), where, alignment=1)

        self.landings.put(write, placed, size, self._landing_s, self.size, self._needed)

    def _measure(self) -> Statistics | None:
        canvas = self.renderer
        total = self._frames.total
        return self._measuring.measure(canvas.texture, self.shown, canvas.region, self._tile, total)


def _read(stack: RenderTarget, number: int, size: Size, part: Rect) -> np.ndarray:
    """Return drawn pixels of a view, float16 (H, W, 4)."""
    where = part.left, number * size[1] + part.top, *part.size
    pixels = stack.framebuffer.read(where, components=4, dtype="f2", alignment=1)
    return np.frombuffer(pixels, np.float16).reshape(part.height, part.width, 4)
