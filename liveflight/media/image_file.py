"""Picture files to begin from: any format that Pillow reads by itself, upright, in sRGB, of a sane
size.
"""

from __future__ import annotations

import io
import os
import stat
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from liveflight.core.contracts import Canvas, LiveflightError
from liveflight.core.noise import opaque
from liveflight.media import file_kind

MOST_PIXELS = 100_000_000
"""Of a file; it is refused before more than its head is read."""

_LARGEST = 2048
"""Pixels to which the longer side is reduced: no canvas shows more."""


_PROGRAMS = ("EPS",)
"""Formats that are programs: Pillow would have Ghostscript run them."""

_NO_BYTES = {"I;16": 1 / 257, "I;16B": 1 / 257, "I;16L": 1 / 257, "I": 1 / 257, "F": 255.0}
"""Pillow's modes of deeper greys, which it cuts off above 255, and by what they come to bytes;
floating point is taken for 0..1."""


_COLOURS = {"1": "L", "LA": "L", "La": "L", "RGBA": "RGB", "RGBa": "RGB", "P": "RGB", "PA": "RGB"}
"""Pillow's modes, and by which of its modes their colours go without what is transparent."""


def read(path: Path) -> np.ndarray:
    """uint8 (H, W, 3), sRGB, row 0 at the top, turned as the camera was held; what is transparent
    is mid grey; of an animation, its first picture. Raises LiveflightError where it is no picture,
    or too large."""
    Image.init()
    formats = [name for name in Image.ID if name not in _PROGRAMS]
    try:
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise LiveflightError(f"image {str(path)!r} is no file but a device or a pipe")
        if path.suffix.lower() in file_kind.RAW and os.path.isfile(path):
            raise Image.UnidentifiedImageError
        # What Pillow finds too large for its own taste is ours to judge.
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=formats) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_large(path, f"{image.width}x{image.height}")
            image.draft("RGB", (_LARGEST, _LARGEST))
            upright = _srgb(_bytes(ImageOps.exif_transpose(image)))
    except LiveflightError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(path, "far too many") from error
    except Exception as error:  # Pillow's readers raise a dozen kinds
        raise LiveflightError(f"image {str(path)!r} cannot be read: {_why(path, error)}") from error
    upright.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS)
    ground = Image.new("RGBA", upright.size, (128, 128, 128, 255))
    return np.asarray(Image.alpha_composite(ground, upright).convert("RGB"))


def _why(path: Path, error: Exception) -> str:
    reason = getattr(error, "strerror", None)
    if not reason:
        reason = file_kind.advice(path) or "it is no picture, or damaged"
    return reason if reason.startswith("it is") else reason.lower()


def _srgb(image: Image.Image) -> Image.Image:
    """Return the picture as RGBA in sRGB: by the profile that is embedded in it, where there is one
    that fits its colours."""
    embedded = image.info.get("icc_profile")
    if not embedded:
        return image.convert("RGBA")
    colours = image.convert(_COLOURS.get(image.mode, image.mode))
    try:
        profile, srgb = io.BytesIO(embedded), ImageCms.createProfile("sRGB")
        found = ImageCms.profileToProfile(colours, profile, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):  # of another kind of picture, or damaged
        found = None
    if found is None:
        return image.convert("RGBA")
    if image.has_transparency_data:
        found.putalpha(image.convert("RGBA").getchannel("A"))
    return found.convert("RGBA")


def _bytes(image: Image.Image) -> Image.Image:
    factor = _NO_BYTES.get(image.mode)
    if factor is None:
        return image
    levels = np.nan_to_num(np.asarray(image, np.float32) * factor)
    grey = Image.fromarray(levels.round().clip(0, 255).astype(np.uint8))
    grey.info["icc_profile"] = image.info.get("icc_profile")
    return grey


def _too_large(path: Path, pixels: str) -> LiveflightError:
    return LiveflightError(
        f"image {str(path)!r} has {pixels} pixels; "
        f"up to {MOST_PIXELS // 1_000_000} million are allowed: reduce it"
    )


def canvas(picture: np.ndarray, size: tuple[int, int]) -> Canvas:
    """The picture as a canvas of that width and height, which it fills: what sticks out is cut."""
    fitted = ImageOps.fit(Image.fromarray(picture), size, Image.Resampling.LANCZOS)
    return opaque(np.asarray(fitted, np.float32) / 255)
