"""Open an ordinary window beside the audience's picture, for the performer.

It is drawn by the processor (SDL's software renderer): the one OpenGL context of the process stays
with the audience's picture.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from liveflight.core.contracts import Size
from liveflight.outputs.sdl import pygame

_log = logging.getLogger(__name__)

_CENTRED_ON_DISPLAY = 0x2FFF0000
"""SDL_WINDOWPOS_CENTERED_DISPLAY(0)."""


def on_display(display: int) -> tuple[int, int]:
    """Return the position of a window in the middle of a display, as SDL takes it."""
    return _CENTRED_ON_DISPLAY | display, _CENTRED_ON_DISPLAY | display


class PerformerWindow:
    """A window that shows finished pictures. While it is closed, showing does nothing."""

    def __init__(self, display: int, size: Size) -> None:
        """Open it in the middle of a display, numbered from 0, at this width and height."""
        self._display, self.size = display, size
        self._window: Any = None
        self._renderer: Any = None
        self._texture: Any = None
        self._texture_size: Size = (0, 0)
        self.open()

    @property
    def is_open(self) -> bool:
        return self._window is not None

    def open(self) -> None:
        """Open the window, unless it is open; log a warning where that fails."""
        if self.is_open:
            return
        from pygame._sdl2 import video

        place = on_display(self._display)
        try:
            window = video.Window("liveflight: performer", self.size, place, resizable=True)
            self._renderer = video.Renderer(window, accelerated=0)
        except pygame.error as error:
            _log.warning("the performer's window cannot be opened: %s", error)
            return
        self._window = window

    def to_front(self) -> None:
        """Give the window the keyboard, above all others."""
        if self.is_open:
            self._window.focus()

    def owns(self, window: object) -> bool:
        """Return whether this is the window of an event."""
        return self.is_open and window is self._window

    def follow_size(self) -> None:
        """Take note of the size that the performer has given the window."""
        if self.is_open:
            width, height = self._window.size
            self.size = max(width, 1), max(height, 1)

    def show(self, pixels: np.ndarray) -> None:
        """Show a picture, uint8 (H, W, 4), row 0 at the top; scaled where the size has changed."""
        if not self.is_open:
            return
        from pygame._sdl2 import video

        size = pixels.shape[1], pixels.shape[0]
        if self._texture_size != size:
            self._texture = video.Texture(self._renderer, size, streaming=True)
            self._texture_size = size
        self._texture.update(pygame.image.frombuffer(pixels.data, size, "RGBA"))
        self._texture.draw()
        self._renderer.present()

    def close(self) -> None:
        if self.is_open:
            self._texture = self._renderer = None
            self._texture_size = (0, 0)
            self._window.destroy()
            self._window = None
