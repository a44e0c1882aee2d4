"""Where the finished picture goes: a window, an offscreen picture, a file."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from functools import cache
from pathlib import Path


def has_display() -> bool:
    """Whether there is a desktop to open a window on, asked without opening anything: macOS and
    Windows always have one; elsewhere DISPLAY or WAYLAND_DISPLAY says so."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@cache
def before_gl() -> None:
    """Has to come before the process's first GL context on Linux. Mesa's software driver makes its
    LLVM's symbols global, and Triton, which torch imports for some operations, has an LLVM of its
    own inside: loaded after the driver's it takes that one's functions and crashes."""
    triton = importlib.util.find_spec("triton") if sys.platform.startswith("linux") else None
    for folder in (triton and triton.submodule_search_locations) or ():
        for library in Path(folder, "_C").glob("libtriton*.so"):
            ctypes.CDLL(str(library))
