"""Import pygame with the settings that liveflight needs."""

from __future__ import annotations

import os
import warnings
from typing import Any

# Read when pygame is imported or SDL starts. Values that the user has set are kept.
_SETTINGS = {
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    # Without it, a click on the operator's monitor minimises the show on the other one.
    "SDL_VIDEO_MINIMIZE_ON_FOCUS_LOSS": "0",
    "SDL_VIDEO_ALLOW_SCREENSAVER": "0",
    # Otherwise Alt+Tab minimises a kiosk, which has taken the desktop's keys.
    "SDL_ALLOW_ALT_TAB_WHILE_GRABBED": "0",
    # Otherwise SDL may take a signal in the first seconds, before the show listens.
    "SDL_NO_SIGNAL_HANDLERS": "1",
    "SDL_APP_NAME": "liveflight",
    "SDL_VIDEO_X11_WMCLASS": "liveflight",
    "SDL_VIDEO_WAYLAND_WMCLASS": "liveflight",
    # Otherwise Windows enlarges a smaller picture and reports the display's size in its units.
    "SDL_WINDOWS_DPI_AWARENESS": "permonitorv2",
    # Otherwise SDL makes GL contexts of its own for windows that the processor draws.
    "SDL_FRAMEBUFFER_ACCELERATION": "0",
}
for _name, _value in _SETTINGS.items():
    os.environ.setdefault(_name, _value)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pygame 2.6 imports pkg_resources, which is deprecated
    import pygame

__all__ = ["pygame", "sdl_window"]


def sdl_window() -> Any:
    """Return SDL's own window of pygame's display.

    Keep it as long as the window: events refer to the object."""
    from pygame._sdl2 import video

    return video.Window.from_display_module()
