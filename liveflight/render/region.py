"""Say which part of the canvas a texture holds: all of it, or a tile of a wall and its margin."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from liveflight.core.contracts import Size
from liveflight.core.rect import Rect


class Region(NamedTuple):
    """A part of the canvas."""

    rect: Rect
    """In canvas pixels."""
    canvas: Size
    """Width and height of the whole canvas."""

    @classmethod
    def whole(cls, canvas: Size) -> Region:
        """Return all of a canvas of this width and height."""
        return cls(Rect.whole(canvas), canvas)

    def of(self, picture: np.ndarray) -> np.ndarray:
        """Return this part of a picture of the whole canvas, (H, W, C)."""
        rect = self.rect
        return np.ascontiguousarray(picture[rect.top : rect.bottom, rect.left : rect.right])

    @property
    def edges(self) -> tuple[int, int, int, int]:
        """Return its left, top, right and bottom."""
        return self.rect.left, self.rect.top, self.rect.right, self.rect.bottom

    @property
    def uniforms(self) -> dict[str, Any]:
        """Return the uniforms of shaders that read a texture of this region."""
        return {"canvas_size": self.canvas, "corner": self.rect[:2]}
