"""Turn the display off and on, where a system has a simple way: X11 with the program xset."""

from __future__ import annotations

import logging
import os
import subprocess
from functools import cache

from liveflight.system import child_process
from liveflight.system.worker import start_thread

log = logging.getLogger("liveflight.outputs")

_TIMEOUT_S = 5.0
"""Seconds that the X server has to answer."""


def turn(on: bool) -> None:
    """Turn the display on or off, without waiting for it; say once where that is not possible."""
    start_thread(lambda: _turn(on))


def _turn(on: bool) -> None:
    if why := _impossible():
        _say(why)
        return
    # Time-outs of 0: it must not go off by itself during opening hours.
    words = ("force", "on") if on else ("0", "0", "0", "dpms", "force", "off")
    command = [child_process.program("xset") or "xset", "dpms", *words]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _say(f"xset: {error}")
        return
    if done.returncode or done.stderr.strip():  # it may complain, and end with 0
        _say(next(iter(done.stderr.strip().splitlines()), f"xset ended with {done.returncode}"))


def _impossible() -> str:
    if os.environ.get("WAYLAND_DISPLAY") or not os.environ.get("DISPLAY"):
        return "there is a simple way on X11 alone"
    return "" if child_process.program("xset") else "xset is missing (Debian: x11-xserver-utils)"


@cache
def _say(why: str) -> None:
    log.warning("the display cannot be turned off, and shows black instead: %s", why)
