"""Show a window as a kiosk: no pointer, no keys but two chords, always on top of its display."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import moderngl

from liveflight.core.contracts import Event, KeyPress, Quit, Size
from liveflight.outputs import x11
from liveflight.outputs.home_display import HomeDisplay
from liveflight.outputs.sdl import pygame
from liveflight.outputs.window import Window
from liveflight.system.sleep_inhibitor import SleepInhibitor

log = logging.getLogger(__name__)

QUIT = "ctrl+shift+q"
UNLOCK = "ctrl+shift+k"
"""The chords that end a kiosk, and that give the keys back or take them."""

_CHECK_INTERVAL_S = 1.0
_FOCUS_INTERVAL_S = 2.0
"""Seconds between two attempts to get the keyboard back: another kiosk may do the same."""
_LOCK_AFTER_S = 300.0
"""Seconds without a key after which the keys are locked again."""


class Kiosk:
    """An output around a full-screen window that visitors cannot end, leave or reach.

    Keys, the mouse and the window manager's wish to close are dropped while `locked`."""

    bottom_up = True

    def __init__(
        self, window: Window, display: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take a window that fills a display, numbered from 0."""
        self._inner, self._clock = window, clock
        self.locked = True
        self.ctx: moderngl.Context = window.ctx
        self.vsync = window.vsync
        self._number: int = pygame.display.get_wm_info().get("window", 0)
        self._home = HomeDisplay(window.handle, self._number, display, window.size)
        self._awake = SleepInhibitor()
        self._touched = self._checked = clock()
        self._raised = float("-inf")
        self._set_locked(True)

    @property
    def size(self) -> Size:
        return self._inner.size

    @property
    def framebuffer(self) -> moderngl.Framebuffer:
        return self._inner.framebuffer

    @property
    def fullscreen(self) -> bool:
        """Return no: Escape leaves the picture as it is."""
        return False

    def events(self) -> Sequence[Event]:
        """Return the window's events, as far as they are let through."""
        found = list(self._let_through(self._inner.events()))
        now = self._clock()
        if not self.locked and now - self._touched > _LOCK_AFTER_S:
            self._set_locked(True)
        if now - self._checked >= _CHECK_INTERVAL_S:
            self._checked = now
            self._check(now)
        return found

    def show(self) -> None:
        self._inner.show()

    def toggle_fullscreen(self) -> None:
        """Do nothing: a kiosk is always full screen."""

    def show_pointer(self, wanted: bool) -> None:
        self._inner.show_pointer(wanted and not self.locked)

    def close(self) -> None:
        self._awake.close()
        self._inner.close()

    def _let_through(self, events: Sequence[Event]) -> Iterator[Event]:
        for event in events:
            if isinstance(event, KeyPress):
                self._touched = self._clock()
            if event == KeyPress(QUIT):
                yield Quit()
            elif event == KeyPress(UNLOCK):
                self._set_locked(not self.locked)
            elif not self.locked:
                yield event

    def _set_locked(self, locked: bool) -> None:
        """Lock or unlock the keys, also those that belong to the desktop, such as Alt+Tab."""
        if locked != self.locked:
            log.warning("kiosk: the keys are %s", "locked" if locked else "unlocked")
        self.locked = locked
        _grab_keyboard(self._inner.handle, locked)
        self._inner.show_pointer(False)

    def _check(self, now: float) -> None:
        if why := self._awake.trouble():
            log.warning("the machine may go to sleep: %s", why)
        self._home.check()
        if self.locked and not pygame.key.get_focused() and now - self._raised >= _FOCUS_INTERVAL_S:
            self._raised = now
            self._inner.handle.focus()
            x11.give_keyboard(self._number)


def _grab_keyboard(window: Any, wanted: bool) -> None:
    """Take all keys while the window has the keyboard, or leave the desktop's to it."""
    if hasattr(window, "grab_keyboard"):  # pygame-ce
        window.grab_keyboard = wanted
    else:
        pygame.event.set_keyboard_grab(wanted)
