"""Picture files to begin from: any format that Pillow reads, upright, of a sane size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from liveflight.core.contracts import Canvas, LiveflightError
from liveflight.core.noise import opaque

MOST_PIXELS = 100_000_000
"""Of a file; it is refused before more than its head is read."""

_LARGEST = 2048
"""Pixels to which the longer side is reduced: no canvas shows more."""


def read(path: Path) -> np.ndarray:
    """uint8 (H, W, 3), row 0 at the top, turned as the camera was held; what is transparent is mid
    grey. Raises LiveflightError where it is no picture, or too large."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise LiveflightError(
                    f"image {str(path)!r} has {image.width}x{image.height} pixels; "
                    f"up to {MOST_PIXELS // 1_000_000} million are allowed: reduce it"
                )
            image.draft("RGB", (_LARGEST, _LARGEST))
            upright = ImageOps.exif_transpose(image).convert("RGBA")
    except LiveflightError:
        raise
    except Exception as error:  # Pillow's readers raise a dozen kinds
        reason = getattr(error, "strerror", None) or "it is no picture, or damaged"
        raise LiveflightError(f"image {str(path)!r} cannot be read: {reason.lower()}") from error
    upright.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS)
    ground = Image.new("RGBA", upright.size, (128, 128, 128, 255))
    return np.asarray(Image.alpha_composite(ground, upright).convert("RGB"))


def canvas(picture: np.ndarray, size: tuple[int, int]) -> Canvas:
    """The picture as a canvas of that width and height, which it fills: what sticks out is cut."""
    fitted = ImageOps.fit(Image.fromarray(picture), size, Image.Resampling.LANCZOS)
    return opaque(np.asarray(fitted, np.float32) / 255)
