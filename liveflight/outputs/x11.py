"""Do with a window on an X server what SDL offers no call for.

SDL raises every window that it shows, and learns of a new screen size from a window manager alone.
Every function does nothing where there is no X server or its library is missing.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from liveflight.core.contracts import Size

Area = tuple[int, int, int, int]
"""x, y, width and height in pixels."""

_EXPOSURES, _STRUCTURE = 1 << 15, 1 << 17
"""Masks of the events of XSelectInput: what is uncovered, and another size."""
_INPUT_HINT = 1
"""InputHint of XWMHints: the first field says whether the window wants the keyboard."""


_IGNORE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: 0)


class _Hints(ctypes.Structure):
    """XWMHints."""

    _fields_ = (
        *(("flags", ctypes.c_long), ("input", ctypes.c_int), ("initial_state", ctypes.c_int)),
        *(("icon_pixmap", ctypes.c_ulong), ("icon_window", ctypes.c_ulong)),
        *(("icon_x", ctypes.c_int), ("icon_y", ctypes.c_int)),
        *(("icon_mask", ctypes.c_ulong), ("window_group", ctypes.c_ulong)),
    )


class _Monitor(ctypes.Structure):
    """XRRMonitorInfo."""

    _fields_ = (
        *(("name", ctypes.c_ulong), ("primary", ctypes.c_int), ("automatic", ctypes.c_int)),
        *(("outputs", ctypes.c_int), ("x", ctypes.c_int), ("y", ctypes.c_int)),
        *(("width", ctypes.c_int), ("height", ctypes.c_int)),
        *(("mm_width", ctypes.c_int), ("mm_height", ctypes.c_int), ("ids", ctypes.c_void_p)),
    )

    @property
    def area(self) -> Area:
        return self.x, self.y, self.width, self.height


def show_below(window: int) -> bool:
    """Map a hidden window under all others, without the keyboard; return whether that was done."""
    with _server() as (x11, server):
        if not server:
            return False
        hints = _Hints(flags=_INPUT_HINT, input=0)
        x11.XSetWMHints(server, ctypes.c_ulong(window), ctypes.byref(hints))
        x11.XLowerWindow(server, ctypes.c_ulong(window))
        x11.XMapWindow(server, ctypes.c_ulong(window))
        return True


def put(window: int, at: Area) -> None:
    """Move and resize a window; a window manager may refuse."""
    with _server() as (x11, server):
        if server:
            x11.XMoveResizeWindow(server, ctypes.c_ulong(window), *at)


def give_keyboard(window: int) -> None:
    """Give a window the keyboard where no window manager would."""
    with _server() as (x11, server):
        if server and not _is_managed(x11, server):
            revert_to_parent, now = 2, ctypes.c_ulong(0)
            x11.XSetInputFocus(server, ctypes.c_ulong(window), revert_to_parent, now)


def has_window_manager() -> bool:
    """Return whether a window manager places the windows."""
    with _server() as (x11, server):
        return bool(server) and _is_managed(x11, server)


def monitors() -> dict[str, Area]:
    """Return the monitors that are on, by name: x, y, width and height in pixels."""
    with _server() as (x11, server):
        randr = _load("libXrandr.so.2") if server else None
        if not randr:
            return {}
        randr.XRRGetMonitors.restype = ctypes.POINTER(_Monitor)
        count = ctypes.c_int()
        root = ctypes.c_ulong(x11.XDefaultRootWindow(server))
        found = randr.XRRGetMonitors(server, root, 1, ctypes.byref(count))
        each = [found[number] for number in range(max(count.value, 0))] if found else []
        named = {_name(x11, server, one.name): one.area for one in each}
        if found:
            randr.XRRFreeMonitors(found)
        return named


def monitor(display: int, size: Size) -> str:
    """Return the name of the monitor that SDL numbers so, of that size; empty if it is unknown."""
    known = list(monitors().items())[display : display + 1]
    return next((name for name, area in known if area[2:] == size), "")


def changes(window: int) -> Iterator[None]:
    """Yield when the window has to be drawn again or the screen has another size; wait between.

    Ends where there is no X server."""
    with _server() as (x11, server):
        if not server:
            return
        root = ctypes.c_ulong(x11.XDefaultRootWindow(server))
        x11.XSelectInput(server, ctypes.c_ulong(window), ctypes.c_long(_EXPOSURES))
        x11.XSelectInput(server, root, ctypes.c_long(_STRUCTURE))
        event = (ctypes.c_long * 24)()  # XEvent's size
        while True:
            x11.XNextEvent(server, event)
            yield


@cache
def _library() -> ctypes.CDLL | None:
    if sys.platform in ("darwin", "win32") or os.environ.get("SDL_VIDEODRIVER") == "wayland":
        return None
    if x11 := _load("libX11.so.6"):
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XInternAtom.restype = ctypes.c_ulong
        x11.XDefaultRootWindow.restype = ctypes.c_ulong
        x11.XGetAtomName.restype = ctypes.c_void_p
        # Otherwise a window that is gone, or not shown yet, would end the process.
        x11.XSetErrorHandler(_IGNORE)
    return x11


def _load(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


@contextmanager
def _server() -> Iterator[tuple[ctypes.CDLL, ctypes.c_void_p]]:
    """Yield the library and a connection of our own; an empty one where there is none."""
    x11 = _library()
    opened = x11.XOpenDisplay(None) if x11 and os.environ.get("DISPLAY") else None
    if not x11 or not opened:
        yield x11 or ctypes.CDLL(None), ctypes.c_void_p()
        return
    server = ctypes.c_void_p(opened)
    try:
        yield x11, server
    finally:
        x11.XCloseDisplay(server)  # sends what is waiting, and waits for the answer


def _name(x11: ctypes.CDLL, server: ctypes.c_void_p, atom: int) -> str:
    text = x11.XGetAtomName(server, ctypes.c_ulong(atom))
    if not text:
        return ""
    name = ctypes.string_at(text).decode("utf-8", "replace")
    x11.XFree(ctypes.c_void_p(text))
    return name


def _is_managed(x11: ctypes.CDLL, server: ctypes.c_void_p) -> bool:
    """Return whether a window manager places windows."""
    root = ctypes.c_ulong(x11.XDefaultRootWindow(server))
    name = ctypes.c_ulong(x11.XInternAtom(server, b"_NET_SUPPORTING_WM_CHECK", 0))
    kind, form, count, rest = ctypes.c_ulong(), ctypes.c_int(), ctypes.c_ulong(), ctypes.c_ulong()
    value = ctypes.c_void_p()
    x11.XGetWindowProperty(
        *(server, root, name, ctypes.c_long(0), ctypes.c_long(1), 0, ctypes.c_ulong(0)),
        *map(ctypes.byref, (kind, form, count, rest, value)),
    )
    if value:
        x11.XFree(value)
    return bool(kind.value)
