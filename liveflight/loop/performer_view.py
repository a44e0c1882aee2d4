"""Draw the picture with everything for the performer into a window of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from liveflight.core.contracts import Size

if TYPE_CHECKING:
    import moderngl

INTERVAL_S = 0.1
"""Seconds between two pictures of the performer's window."""


class Surface(Protocol):
    """Be drawn on by the overlays: an output, or the performer's view."""

    @property
    def bottom_up(self) -> bool: ...

    @property
    def size(self) -> Size: ...

    @property
    def framebuffer(self) -> moderngl.Framebuffer: ...

    def show_pointer(self, wanted: bool) -> None: ...


class PictureWindow(Protocol):
    """A window that shows finished pictures."""

    @property
    def size(self) -> Size: ...

    @property
    def is_open(self) -> bool: ...

    def show(self, pixels: np.ndarray) -> None: ...


class PerformerView:
    """An output beside the audience's: a framebuffer whose contents go to the performer's window.

    A picture is drawn in one frame and read in a later one, so that the read waits for nothing."""

    bottom_up = False

    def __init__(
        self,
        ctx: moderngl.Context,
        window: PictureWindow,
        picture: Callable[[moderngl.Framebuffer, Size], None],
    ) -> None:
        """`picture` draws the show's picture into a framebuffer of that size, row 0 at the top."""
        self.ctx, self._window, self._picture = ctx, window, picture
        self._age_s = INTERVAL_S
        self._reading: Size | None = None
        """Size of the picture that is being read."""
        self.size: Size = (0, 0)
        self._colour: moderngl.Texture | None = None
        self._buffer: moderngl.Buffer | None = None

    def update(self, dt: float, draw: Callable[[PerformerView, float], None]) -> None:
        """Show what was drawn earlier, or draw anew where an interval has passed.

        `draw` draws over the picture; it gets the seconds since it was last called."""
        self._age_s += dt
        if self._reading:
            self._show(self._reading)
            self._reading = None
        elif self._age_s >= INTERVAL_S and self._window.is_open:
            age, self._age_s = self._age_s, 0.0
            self._follow_size()
            self._picture(self.framebuffer, self.size)
            draw(self, age)
            self.framebuffer.read_into(self._buffer, (0, 0, *self.size), 4)
            self._reading = self.size

    def show_pointer(self, wanted: bool) -> None:
        """Do nothing: an ordinary window always shows it."""

    def release(self) -> None:
        if self._colour and self._buffer:
            self.ctx.detect_framebuffer(0).use()  # moderngl binds the last one again later
            self.framebuffer.release()
            self._colour.release()
            self._buffer.release()
        self._colour = self._buffer = None

    def _follow_size(self) -> None:
        if self._window.size != self.size:
            self.release()
            self.size = self._window.size
            self._colour = self.ctx.texture(self.size, 4)
            self.framebuffer = self.ctx.framebuffer([self._colour])
            self._buffer = self.ctx.buffer(reserve=self.size[0] * self.size[1] * 4)

    def _show(self, size: Size) -> None:
        assert self._buffer
        pixels = np.frombuffer(self._buffer.read(), np.uint8).reshape(size[1], size[0], 4)
        self._window.show(pixels)
