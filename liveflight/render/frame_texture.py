"""Keep the finished frame as a texture that other programs can share."""

from __future__ import annotations

import moderngl

from liveflight.core.contracts import Size


class FrameTexture:
    """An RGBA8 texture of the output's size."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._texture: moderngl.Texture | None = None

    def copy(self, framebuffer: moderngl.Framebuffer, size: Size) -> moderngl.Texture:
        """Copy a framebuffer, of which this width and height are shown, within the GPU.

        Row 0 stays row 0."""
        if self._texture is None or self._texture.size != size:
            self.release()
            self._texture = self._ctx.texture(size, 4)
        self._ctx.copy_framebuffer(self._texture, framebuffer)
        return self._texture

    def release(self) -> None:
        if self._texture:
            self._texture.release()
            self._texture = None
