"""Blend a picture from outside into the canvas, for the ascent to grow on."""

from __future__ import annotations

import moderngl
import numpy as np
from PIL import Image

from liveflight.render import mesa_fences
from liveflight.render.passes import Pass
from liveflight.render.present import Fit
from liveflight.render.warp import columns, in_pixels


class ImageBlend:
    """A picture of any size and how to draw it; its texture is made at the first `show`."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._pass = Pass(ctx, "seed.frag", filtering="mipmaps")
        self._driver_mipmaps = not mesa_fences.needed(ctx)
        self.texture: moderngl.Texture | None = None

    def show(self, picture: np.ndarray) -> None:
        """Take this picture: uint8 (H, W, 3), row 0 at the top."""
        picture = self._reduced(picture)
        size = (picture.shape[1], picture.shape[0])
        new = self.texture is None or self.texture.size != size
        if new:
            made = self._ctx.texture(size, 3, alignment=1)  # if this fails, the old one stays
            if self.texture:
                self.texture.release()
            self.texture = made
        assert self.texture
        self.texture.write(np.ascontiguousarray(picture))
        if new or self._driver_mipmaps:  # moderngl has no other way to allocate mipmaps
            self.texture.build_mipmaps()
        else:
            self._write_mipmaps(Image.fromarray(picture))

    def lay(
        self, framebuffer: moderngl.Framebuffer, share: float, fit: Fit, moved: np.ndarray
    ) -> None:
        """Blend the framebuffer towards the picture by `share`, 0..1; without one, do nothing.

        `cover` fills the framebuffer with the picture; `contain` shows all of it and leaves the
        rest of the framebuffer unchanged. `moved` maps places of the framebuffer to places of the
        screen, on which the picture stands still, in heights."""
        if self.texture is None or share <= 0:
            return
        width, height = framebuffer.size
        wider = (width / height) / (self.texture.width / self.texture.height)
        across = max(wider, 1.0) if fit == "contain" else min(wider, 1.0)
        uniforms = {"size": (width, height), "reach": (across, across / wider), "share": share}
        uniforms["moved"] = columns(in_pixels(moved, height))
        self._pass.lay(framebuffer, (0, 0, width, height), self.texture, uniforms)

    def _reduced(self, picture: np.ndarray) -> np.ndarray:
        """Return the picture, reduced to the largest texture size if necessary."""
        height, width = picture.shape[:2]
        largest = self._ctx.info["GL_MAX_TEXTURE_SIZE"]
        scale = largest / max(width, height)
        if scale >= 1:
            return picture
        size = (max(int(width * scale), 1), max(int(height * scale), 1))
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))

    def _write_mipmaps(self, image: Image.Image) -> None:
        """Write the mipmaps from the host: drawing them would need fences, see `mesa_fences`."""
        assert self.texture
        for level in range(1, max(image.size).bit_length()):
            half = (max(image.width // 2, 1), max(image.height // 2, 1))
            even = (half[0] * 2, half[1] * 2) == image.size
            image = image.reduce(2) if even else image.resize(half, Image.Resampling.BOX)
            self.texture.write(image.tobytes(), level=level)

    def release(self) -> None:
        self._pass.release()
        if self.texture:
            self.texture.release()
            self.texture = None
