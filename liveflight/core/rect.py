"""Define a rectangle of whole pixels. Pure."""

from __future__ import annotations

from typing import NamedTuple

from liveflight.core.contracts import Size


class Rect(NamedTuple):
    """A rectangle of whole pixels, from the top left of a canvas or an output.

    It may reach beyond them."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def whole(cls, size: Size) -> Rect:
        """Return all of a picture of this width and height."""
        return cls(0, 0, *size)

    @property
    def right(self) -> int:
        """Return the column after the last."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """Return the row after the last."""
        return self.top + self.height

    @property
    def size(self) -> Size:
        """Return the width and height."""
        return self.width, self.height

    @property
    def middle(self) -> tuple[float, float]:
        """Return the place of its middle."""
        return self.left + self.width / 2, self.top + self.height / 2

    @property
    def empty(self) -> bool:
        """Return whether there is no pixel in it."""
        return self.width <= 0 or self.height <= 0

    def within(self, other: Rect) -> Rect:
        """Return what the two share; a side that they do not share is 0."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Rect(left, top, max(right - left, 0), max(bottom - top, 0))

    def around(self, other: Rect) -> Rect:
        """Return the smallest rectangle round both."""
        left, top = min(self.left, other.left), min(self.top, other.top)
        right, bottom = max(self.right, other.right), max(self.bottom, other.bottom)
        return Rect(left, top, right - left, bottom - top)

    def grown(self, margin: int, canvas: Size) -> Rect:
        """Return it with `margin` more pixels on each side, as far as the canvas goes."""
        width, height = self.width + 2 * margin, self.height + 2 * margin
        return Rect(self.left - margin, self.top - margin, width, height).within(Rect.whole(canvas))

    def turned(self, turns: int, size: Size) -> Rect:
        """Return where it lies once the output has turned clockwise by quarters, to this size."""
        found = self
        width, height = size[::-1] if turns % 2 else size
        for _ in range(turns):
            found = Rect(height - found.bottom, found.left, found.height, found.width)
            width, height = height, width
        return found
