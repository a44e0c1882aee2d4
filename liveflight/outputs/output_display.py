"""Show the picture alone, full screen on one display, and the performer's window on another."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from liveflight.core.contracts import Event, KeyPress, LiveflightError, Quit, Size
from liveflight.outputs.performer_window import PerformerWindow
from liveflight.outputs.sdl import pygame
from liveflight.outputs.window import Window

_log = logging.getLogger(__name__)

_POLL_INTERVAL_S = 1.0
"""Seconds between two looks at which displays there are."""


class OutputDisplay(Window):
    """The audience's window and, where there is another display, the performer's.

    Keys count in either. A performer's window that was closed opens again with the next key."""

    performer: PerformerWindow | None = None

    def __init__(
        self, display: int, performer_size: Size, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Go full screen on a display, numbered from 0.

        Raises LiveflightError where there is no such display."""
        super().__init__(fullscreen=True, display=display)
        self._display, self._clock = display, clock
        self._next_look = clock() + _POLL_INTERVAL_S
        self._lost = False
        others = [each for each in range(len(_displays())) if each != display]
        if others:
            self.performer = PerformerWindow(others[0], performer_size)
        else:
            _log.warning("there is no other display: the performer sees the audience's picture")

    def events(self) -> Sequence[Event]:
        """Return the events of both windows; look for the display once a second."""
        found: list[Event] = []
        for event in pygame.event.get((pygame.WINDOWCLOSE, pygame.WINDOWENTER)):
            ours = self.performer is not None and self.performer.owns(event.window)
            if event.type == pygame.WINDOWENTER:
                pygame.mouse.set_visible(ours or self._pointer_wanted)
            elif ours and self.performer:
                self.performer.close()
            else:
                found.append(Quit())
        found += super().events()
        if self.performer:
            if any(isinstance(event, KeyPress) for event in found):
                self.performer.open()
            self.performer.follow_size()
        if self._clock() >= self._next_look:
            self._next_look = self._clock() + _POLL_INTERVAL_S
            self._look_for_display()
        return found

    def close(self) -> None:
        if self.performer:
            self.performer.close()
        super().close()

    def _look_for_display(self) -> None:
        """Go back to the display once it has returned."""
        there = self._display < len(_displays())
        if self._lost and there:
            self._return()
        elif not there and not self._lost:
            _log.warning("display %d is gone: the show goes on and returns to it", self._display)
        self._lost = not there

    def _return(self) -> None:
        try:
            self.go_fullscreen(self._display)
        except (pygame.error, LiveflightError) as error:
            _log.warning("display %d cannot be used again: %s", self._display, error)
        else:
            _log.warning("display %d is back", self._display)


def _displays() -> list[Size]:
    return list(pygame.display.get_desktop_sizes())
