"""Say which part of the canvas a texture holds: all of it, or a tile of a wall and its margin."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from liveflight.core.contracts import Size


class Region(NamedTuple):
    """A rectangle of the canvas, in its pixels, measured from its top left corner."""

    left: int
    top: int
    width: int
    height: int
    canvas: Size
    """Width and height of the whole canvas."""

    @classmethod
    def whole(cls, canvas: Size) -> Region:
        """Return all of a canvas of this width and height."""
        return cls(0, 0, *canvas, canvas)

    @property
    def size(self) -> Size:
        """Return its width and height in pixels."""
        return self.width, self.height

    @property
    def corner(self) -> Size:
        """Return its left and top."""
        return self.left, self.top

    def of(self, picture: np.ndarray) -> np.ndarray:
        """Return this part of a picture of the whole canvas, (H, W, C)."""
        rows = slice(self.top, self.top + self.height)
        columns = slice(self.left, self.left + self.width)
        return np.ascontiguousarray(picture[rows, columns])

    @property
    def edges(self) -> tuple[int, int, int, int]:
        """Return its left, top, right and bottom."""
        return self.left, self.top, self.left + self.width, self.top + self.height

    @property
    def uniforms(self) -> dict[str, Any]:
        """Return the uniforms of shaders that read a texture of this region."""
        return {"canvas_size": self.canvas, "corner": self.corner}
