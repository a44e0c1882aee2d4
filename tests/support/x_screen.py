"""Look at a virtual X server's screen, and press its keys."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from PIL import ImageGrab

PATIENCE = 30
"""Seconds: only a test that fails takes them."""

Colour = tuple[int, int, int]


def colours(display: str) -> list[Colour]:
    """Return the pixels in a corner and in the middle of the screen."""
    with ImageGrab.grab(xdisplay=display) as screen:
        picture = screen.convert("RGB")
        middle: Any = picture.getpixel((picture.width // 2, picture.height // 2))
        corner: Any = picture.getpixel((1, 1))
        return [corner, middle]


def until(happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > end:
            pytest.fail(f"waited in vain: {what}")
        time.sleep(0.02)


def xdotool(*words: str) -> str:
    done = subprocess.run(["xdotool", *words], capture_output=True, text=True, timeout=PATIENCE)
    return done.stdout.strip()
