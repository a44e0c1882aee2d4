"""Open a window with pygame (SDL 2) that moderngl draws into.

Uses only what pygame 2.6 and pygame-ce have in common, and only their display module:
`pygame.init` would open the sound card as well.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import moderngl

from liveflight.core.contracts import Event, KeyPress, LiveflightError, Pointer, Quit, Size
from liveflight.outputs import NoDisplayError, before_gl, has_display
from liveflight.outputs.key_names import pressed_name
from liveflight.outputs.sdl import pygame, sdl_window

_log = logging.getLogger(__name__)

_FLAGS = pygame.OPENGL | pygame.DOUBLEBUF | pygame.RESIZABLE
_REPEAT_DELAY_MS, _REPEAT_INTERVAL_MS = 400, 50
_SHIFTS = {pygame.KSCAN_LSHIFT, pygame.KSCAN_RSHIFT}
_BUTTONS: dict[int, Literal["left", "right"]] = {1: "left", 3: "right"}
_REMEDY = "start it on a desktop, or render to a file: liveflight render --out flight.mp4"


class Window:
    """A resizable window with a GL 3.3 core context.

    Full screen is a borderless window of the desktop's size, not a mode switch. SDL gives such a
    window no high-density backing: its units are pixels. Resizing and full screen keep the context
    and everything in it. A window that begins in full screen appears with its first frame: until
    then the audience sees what was there, such as the last picture of a show that crashed.

    Raises LiveflightError where there is no display, no such display, or no GL 3.3."""

    bottom_up = True
    ctx: moderngl.Context
    handle: Any
    """SDL's own window."""
    hidden: bool
    """Whether it has not appeared yet."""
    vsync: bool
    """Whether `show` waits for the display, as reported by the driver."""

    def __init__(
        self, size: Size = (1280, 720), *, fullscreen: bool = False, display: int = 0
    ) -> None:
        """Open a window of this width and height on a display, numbered from 0."""
        before_gl()
        _start_display()
        self._windowed = size
        self._down: set[int] = set()
        self._open = True
        try:
            desktop = _desktop_size(display)
            _ask_for_gl()
            if fullscreen:
                flags = _FLAGS | pygame.FULLSCREEN | pygame.HIDDEN
                self.vsync = _set_mode(desktop, flags, display)
            else:
                self.vsync = _set_mode(size, _FLAGS, display)
            self.ctx = _context()
        except LiveflightError:
            pygame.display.quit()
            raise
        pygame.display.set_allow_screensaver(False)
        self.hidden, self.handle = fullscreen, sdl_window()
        self._pointer_wanted = False
        """Whether the mouse pointer is shown in full screen."""
        pygame.mouse.set_visible(not fullscreen)
        pygame.key.set_repeat(_REPEAT_DELAY_MS, _REPEAT_INTERVAL_MS)
        self._max_size, self._size_reported = _max_size(self.ctx), False
        self._follow_size()

    @property
    def size(self) -> Size:
        return self._size

    @property
    def framebuffer(self) -> moderngl.Framebuffer:
        """Return the framebuffer; its viewport follows the window, its `size` does not."""
        return self.ctx.screen

    @property
    def fullscreen(self) -> bool:
        return bool(pygame.display.is_fullscreen())

    def events(self) -> Sequence[Event]:
        """Return key presses, the mouse and Quit, in order; of moves in a row the last."""
        found: list[Event] = []
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                found.append(Quit())
            elif event.type == pygame.KEYDOWN:
                found.extend(self._press(event))
            elif event.type == pygame.KEYUP:
                self._down.discard(event.scancode)
            elif pointer := _pointer(event, bool(self._down & _SHIFTS)):
                if found and pointer.action == "move" == getattr(found[-1], "action", ""):
                    found.pop()
                found.append(pointer)
            elif event.type == pygame.WINDOWFOCUSLOST:
                self._down.clear()
        if pygame.display.get_window_size() != self._whole:
            self._follow_size()
        return found

    def show(self) -> None:
        if self.hidden:
            self.hidden = False
            self.handle.show()
        pygame.display.flip()

    def toggle_fullscreen(self) -> None:
        """Switch between the window and full screen; log a warning where that fails."""
        leaving = pygame.display.is_fullscreen()
        if not leaving:
            self._windowed = self._size
        try:
            pygame.display.toggle_fullscreen()
            if leaving and pygame.display.get_window_size() != self._windowed:
                # A window that began in full screen has never had another size.
                _set_mode(self._windowed, _FLAGS, vsyncs=[self.vsync])
        except (pygame.error, LiveflightError) as error:
            _log.warning("fullscreen cannot be changed here: %s", error)
        self.show_pointer(self._pointer_wanted)
        self._follow_size()

    def show_pointer(self, wanted: bool) -> None:
        self._pointer_wanted = wanted
        pygame.mouse.set_visible(wanted or not pygame.display.is_fullscreen())

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self.ctx.release()
        pygame.display.quit()

    def _press(self, event: pygame.event.Event) -> list[Event]:
        repeat = event.scancode in self._down
        self._down.add(event.scancode)
        name = pressed_name(event)
        return [KeyPress(name, repeat)] if name else []

    def _follow_size(self) -> None:
        self._whole = pygame.display.get_window_size()
        width, height = self._whole
        self._size = (min(width, self._max_size[0]), min(height, self._max_size[1]))
        if self._size != self._whole and not self._size_reported:
            self._size_reported = True
            _log.warning(
                "the window is %dx%d pixels, this graphics driver draws %dx%d of them",
                *self._whole,
                *self._size,
            )
        self.ctx.screen.viewport = (0, 0, *self._size)


def _pointer(event: pygame.event.Event, shift: bool) -> Pointer | None:
    """Return what the mouse did; None for any other event."""
    x, y = getattr(event, "pos", (0, 0))
    if event.type == pygame.MOUSEMOTION:
        return Pointer("move", x, y, shift)
    if event.type == pygame.MOUSEBUTTONDOWN and event.button in _BUTTONS:
        return Pointer(_BUTTONS[event.button], x, y, shift)
    if event.type == pygame.MOUSEWHEEL:
        x, y = pygame.mouse.get_pos()
        return Pointer("wheel", x, y, shift, (event.x, event.y))
    return None


def _start_display() -> None:
    if not has_display():
        raise NoDisplayError(f"no display: DISPLAY and WAYLAND_DISPLAY are not set; {_REMEDY}")
    if sys.platform not in ("darwin", "win32"):
        # Only desktops that are running: SDL would otherwise take over the console.
        known = {"x11": "DISPLAY", "wayland": "WAYLAND_DISPLAY"}
        drivers = ",".join(driver for driver, name in known.items() if os.environ.get(name))
        os.environ.setdefault("SDL_VIDEODRIVER", drivers)
    try:
        pygame.display.init()
    except pygame.error as error:
        place = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY", "")
        raise NoDisplayError(
            f"no display: {place!r} cannot be opened ({error}); {_REMEDY}"
        ) from error


def display_sizes() -> list[Size]:
    """Return the sizes of all displays, the first as number 0. Raises NoDisplayError."""
    _start_display()
    return list(pygame.display.get_desktop_sizes())


def _desktop_size(display: int) -> Size:
    sizes = pygame.display.get_desktop_sizes()
    if not 0 <= display < len(sizes):
        known = ", ".join(f"{each} ({w}x{h})" for each, (w, h) in enumerate(sizes))
        there = f"the only one is {known}" if len(sizes) == 1 else f"there are {known}"
        raise NoDisplayError(f"there is no display {display}: {there}")
    return sizes[display]


def _ask_for_gl() -> None:
    wanted = {
        pygame.GL_CONTEXT_MAJOR_VERSION: 3,
        pygame.GL_CONTEXT_MINOR_VERSION: 3,
        pygame.GL_CONTEXT_PROFILE_MASK: pygame.GL_CONTEXT_PROFILE_CORE,
        pygame.GL_DEPTH_SIZE: 0,
    }
    if sys.platform == "darwin":
        wanted[pygame.GL_CONTEXT_FLAGS] = pygame.GL_CONTEXT_FORWARD_COMPATIBLE_FLAG
    for attribute, value in wanted.items():
        pygame.display.gl_set_attribute(attribute, value)


def _set_mode(
    size: Size, flags: int, display: int | None = None, vsyncs: Sequence[int] = (1, 0)
) -> bool:
    """Open or change the window; return whether it waits for the display.

    Where vsync is not available, pygame warns and continues. pygame-ce raises, and has lost the
    caption and the context."""
    where = {} if display is None else {"display": display}
    for vsync in vsyncs:
        pygame.display.set_caption("liveflight")
        pygame.display.set_icon(_icon())
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                pygame.display.set_mode(size, flags, vsync=vsync, **where)
            return bool(vsync) and not any("regular vsync" in str(each.message) for each in caught)
        except pygame.error as error:
            if not vsync or "vsync" not in str(error):
                raise _no_gl(error) from error
    return False


def _context() -> moderngl.Context:
    try:
        moderngl.init_context()
        return moderngl.get_context()
    except Exception as error:  # moderngl raises bare Exception
        raise _no_gl(error) from error


def _max_size(ctx: moderngl.Context) -> Size:
    """Return the largest width and height that this context can draw and has textures for."""
    side = min(ctx.info["GL_MAX_TEXTURE_SIZE"], ctx.info["GL_MAX_RENDERBUFFER_SIZE"])
    width, height = ctx.info["GL_MAX_VIEWPORT_DIMS"]
    return min(width, side), min(height, side)


def _no_gl(error: Exception) -> LiveflightError:
    return LiveflightError(
        f"no window with OpenGL 3.3 ({error}); update the graphics driver, "
        "or render to a file: liveflight render --out flight.mp4"
    )


def _icon() -> pygame.Surface:
    """Return an icon of rings, as a filter sees them."""
    icon = pygame.Surface((32, 32), pygame.SRCALPHA)
    rings = ((16, (24, 22, 40)), (13, (226, 84, 60)), (9, (246, 196, 92)), (5, (44, 120, 150)))
    for radius, colour in rings:
        pygame.draw.circle(icon, colour, (16, 16), radius)
    return icon
