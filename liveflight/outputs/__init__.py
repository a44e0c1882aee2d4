"""Open displays: a window or an offscreen framebuffer; `sinks` take finished frames."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from functools import cache
from pathlib import Path

from liveflight.core.contracts import LiveflightError


class NoDisplayError(LiveflightError):
    """Report that the desktop or the display for a window is not there; it may come later."""


def has_display() -> bool:
    """Return whether there is a desktop to open a window on, without opening anything.

    macOS and Windows always have one; elsewhere DISPLAY or WAYLAND_DISPLAY says so."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@cache
def before_gl() -> None:
    """Load Triton's library before the process's first GL context, on Linux.

    Mesa's software driver makes its LLVM's symbols global. Triton, which torch imports for some
    operations, contains another LLVM. Loaded after the driver, it would call the driver's LLVM and
    crash."""
    triton = importlib.util.find_spec("triton") if sys.platform.startswith("linux") else None
    for folder in (triton and triton.submodule_search_locations) or ():
        for library in Path(folder, "_C").glob("libtriton*.so"):
            ctypes.CDLL(str(library))
