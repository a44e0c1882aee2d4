"""Draw frames without a window."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import moderngl

from liveflight.core.contracts import Event, LiveflightError, Size
from liveflight.outputs import before_gl


class Offscreen:
    """An offscreen RGBA8 framebuffer of a fixed size with its own GL 3.3 context.

    Raises LiveflightError where the machine has no GL 3.3."""

    bottom_up = False
    vsync = False
    fullscreen = False

    def __init__(self, size: Size) -> None:
        """Open a framebuffer of this width and height in pixels."""
        self.ctx = _standalone_context()
        limit = self.ctx.info["GL_MAX_TEXTURE_SIZE"]
        if not all(0 < side <= limit for side in size):
            self.ctx.release()
            raise LiveflightError(
                f"size {size[0]}x{size[1]}: this graphics driver allows sides of 1 to {limit}"
            )
        self._size = size
        self._colour = self.ctx.texture(size, 4)
        self._framebuffer = self.ctx.framebuffer([self._colour])
        self._open = True

    @property
    def size(self) -> Size:
        return self._size

    @property
    def framebuffer(self) -> moderngl.Framebuffer:
        return self._framebuffer

    def events(self) -> Sequence[Event]:
        return ()

    def show(self) -> None:
        """Do nothing: there is no screen. Frame sinks read the framebuffer."""

    def toggle_fullscreen(self) -> None:
        """Do nothing: there is no screen."""

    def show_pointer(self, wanted: bool) -> None:
        """Do nothing: there is no mouse."""

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._framebuffer.release()
        self._colour.release()
        self.ctx.release()


def _standalone_context() -> moderngl.Context:
    # EGL needs no display server. Naming the libraries avoids a search through ldconfig, which
    # small containers lack.
    linux = {"backend": "egl", "libegl": "libEGL.so.1", "libgl": "libGL.so.1"}
    settings: dict[str, Any] = linux if sys.platform.startswith("linux") else {}
    before_gl()
    try:
        return moderngl.create_context(require=330, standalone=True, **settings)
    except Exception as error:  # glcontext raises bare Exception, moderngl ValueError
        raise LiveflightError(
            f"no OpenGL 3.3 without a window ({error}); update the graphics driver, "
            "or on Debian and Ubuntu: apt install libegl1 libgl1 libgl1-mesa-dri"
        ) from error
