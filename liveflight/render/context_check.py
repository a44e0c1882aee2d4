"""Notice that a GL context has lost what it held, as after a reset of the graphics driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import moderngl

_PIXEL = bytes((0x5A, 0xC3, 0x0F, 0x96))


class ContextCheck:
    """A texture of one pixel whose value is known. A lost context reports no error by itself."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._texture = ctx.texture((1, 1), 4, _PIXEL)

    def is_lost(self) -> bool:
        """Return whether the pixel has changed; waits until the GPU has done what it was given."""
        return bool(self._texture.read() != _PIXEL)

    def release(self) -> None:
        self._texture.release()
