"""Hand views to the engine and directions back, within the GPU where that works."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from liveflight.core.contracts import Ascent, Canvas, Engine, ViewStep
from liveflight.render.canvas_transfer import CanvasTransfer, HostCopy, InteropError, choose

if TYPE_CHECKING:
    import moderngl


class HandOver:
    """The fastest canvas transfer that works; a copy through the host after a failure."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._engine: Engine | None = None
        self._transfer: CanvasTransfer = HostCopy()

    def use_engine(self, engine: Engine) -> str:
        """Use this engine from now on.

        Return, at the first call for an engine, why the transfer is not GPU to GPU although it
        could be; empty otherwise."""
        if engine is self._engine:
            return ""
        self._engine = engine
        self._transfer.release()
        self._transfer, reason = choose(self._ctx, engine.device, engine.stream)
        return reason

    def read(self, texture: moderngl.Texture) -> Canvas:
        """Return a texture's pixels; valid until the next call."""
        try:
            return self._transfer.read(texture)
        except InteropError:  # a copy through the host always works
            self._fall_back_to_host()
            return self._transfer.read(texture)

    def write(self, texture: moderngl.Texture, canvas: Canvas) -> None:
        """Write directions into a texture of their size. Raises InteropError where that fails."""
        try:
            self._transfer.write(texture, canvas)
        except InteropError:
            self._fall_back_to_host()
            raise

    def forget(self) -> None:
        """Forget all textures; call it before one that was read or written is released."""
        self._transfer.forget()

    def release(self) -> None:
        self._transfer.release()

    def _fall_back_to_host(self) -> None:
        self._transfer.release()
        self._transfer = HostCopy()


def timed_directions(
    engine: Engine, views: Canvas, steps: Sequence[ViewStep], ascent: Ascent
) -> tuple[Canvas, float]:
    """Ascend; return the directions and the seconds it took."""
    began = time.perf_counter()
    directions = engine.directions(views, steps, ascent)
    engine.wait()
    return directions, time.perf_counter() - began
