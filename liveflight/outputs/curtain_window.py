"""Keep the last picture on the display, in a window under the show's.

A program of its own, which the supervisor starts: it stays when the show's process ends, so the
audience sees a picture until the next one draws. It draws without GL and sleeps in between.

    python -P -m liveflight.outputs.curtain_window DISPLAY < messages

A message is a line of JSON, `{"picture": N, "brightness": 1.0}`, followed by the N bytes of a JPEG
or PNG; none are black. The brightness is a factor of the levels, from 0 to 1. The program ends with
its standard input, and when its display has another size: SDL learns of that at its start alone,
and whoever started the program starts it again.
"""

from __future__ import annotations

import ctypes
import io
import json
import math
import os
import sys
import threading
from queue import Empty, Queue
from typing import BinaryIO, Literal

from liveflight.core.contracts import Size
from liveflight.outputs import x11
from liveflight.outputs.sdl import pygame, sdl_window

MOST_BYTES = 64 * 2**20
"""Size of the largest picture that is taken."""

_LONGEST_LINE = 8192
"""Bytes of a message's line; a longer one is not a message."""

_WAITING = 4
"""Events that may wait. Beyond that nothing is read: a window that is stuck must not grow."""

LOOK_INTERVAL_S = 1.0
"""Seconds after which the window is drawn again where nothing tells it to."""

_HINTS = {
    # Window managers keep a desktop's window under all others.
    "SDL_X11_WINDOW_TYPE": "_NET_WM_WINDOW_TYPE_DESKTOP",
    "SDL_WINDOW_NO_ACTIVATION_WHEN_SHOWN": "1",
}
"""SDL's settings for the window, which it reads when it makes one."""
_FLAGS = pygame.NOFRAME | pygame.HIDDEN
_AS_IT_IS = 0x0001 | 0x0002 | 0x0010 | 0x0040
"""SetWindowPos keeps size, place and who has the keyboard, and shows the window."""


class CurtainWindow:
    """A borderless window of a display's size, under all others; black without a picture."""

    def __init__(self, display: int) -> None:
        """Open it on a display, numbered from 0. Raises pygame.error."""
        os.environ.update(_HINTS)
        pygame.display.init()
        pygame.display.set_allow_screensaver(False)
        sizes = pygame.display.get_desktop_sizes()
        self._display = min(display, len(sizes) - 1)
        self._size = sizes[self._display]
        self._monitor = x11.monitor(self._display, self._size)
        self._picture: pygame.Surface | None = None
        pygame.display.set_caption("liveflight: curtain")
        pygame.display.set_mode(self._size, _FLAGS, display=self._display)
        pygame.mouse.set_visible(False)
        self.handle: int = pygame.display.get_wm_info().get("window", 0)
        self._show_below()
        self._draw()

    def take(self, picture: pygame.Surface) -> None:
        """Show another picture, scaled and cropped to cover the display."""
        self._picture = picture
        self._draw()

    @property
    def fits(self) -> bool:
        """Return whether the display still has this size, as far as that is known."""
        area = x11.monitors().get(self._monitor)
        return area is None or area[2:] == self._size

    def refresh(self) -> None:
        """Draw again what another window has uncovered."""
        pygame.display.flip()

    def _draw(self) -> None:
        screen = pygame.display.get_surface()
        screen.fill((0, 0, 0))
        if self._picture:
            size, place = _covering(self._picture.get_size(), screen.get_size())
            screen.blit(pygame.transform.smoothscale(self._picture, size), place)
        pygame.display.flip()

    def _show_below(self) -> None:
        """Show the hidden window under all others, without giving it the keyboard."""
        if sys.platform == "win32":
            handle, bottom = ctypes.c_void_p(self.handle), ctypes.c_void_p(1)
            ctypes.windll.user32.SetWindowPos(handle, bottom, 0, 0, 0, 0, _AS_IT_IS)
        elif not x11.show_below(self.handle):
            self._shown = sdl_window()
            self._shown.show()


def main(display: int) -> None:
    """Show what standard input says until it ends."""
    window = CurtainWindow(display)
    news: Queue[pygame.Surface | Literal["drawing", "end"]] = Queue(_WAITING)

    def read() -> None:
        while picture := _read(sys.stdin.buffer):
            news.put(picture)
        news.put("end")

    def watch() -> None:
        for _ in x11.changes(window.handle):
            news.put("drawing")

    for job in (read, watch):
        threading.Thread(target=job, daemon=True).start()
    while True:
        try:  # not pygame's own wait, which looks a thousand times a second
            event = news.get(timeout=LOOK_INTERVAL_S)
        except Empty:
            event = "drawing"
        pygame.event.get()  # answers the window manager
        if event == "end" or not window.fits:
            return
        if event == "drawing":
            window.refresh()
        else:
            window.take(event)


def _covering(picture: Size, screen: Size) -> tuple[Size, tuple[int, int]]:
    """Return the size and the place at which a picture covers a screen of another shape."""
    scale = max(screen[0] / picture[0], screen[1] / picture[1])
    width, height = (max(math.ceil(side * scale), 1) for side in picture)
    return (width, height), ((screen[0] - width) // 2, (screen[1] - height) // 2)


def _read(source: BinaryIO) -> pygame.Surface | None:
    """Return the next picture that can be read; None at the end."""
    while line := source.readline(_LONGEST_LINE):
        try:
            message = json.loads(line)
            if (count := int(message["picture"])) > MOST_BYTES:
                return None
            if not count:
                return pygame.Surface((1, 1))
            picture = pygame.image.load(io.BytesIO(source.read(count)))
            level = round(255 * min(max(float(message.get("brightness", 1.0)), 0.0), 1.0))
            picture.fill((level, level, level), special_flags=pygame.BLEND_RGB_MULT)
            return picture
        except (ValueError, KeyError, TypeError, AttributeError, OSError, pygame.error) as error:
            sys.stderr.write(f"curtain: a picture cannot be shown: {error}\n")
    return None


if __name__ == "__main__":
    main(int(sys.argv[1]))
    os._exit(0)  # a thread still waits in a read, and would abort the process
