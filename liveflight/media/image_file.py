"""Read picture files in any format that Pillow reads by itself: upright, in sRGB, reduced."""

from __future__ import annotations

import io
import os
import stat
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from liveflight.core.contracts import Canvas, LiveflightError, Size
from liveflight.core.noise import opaque
from liveflight.media import file_kind

MAX_PIXELS = 100_000_000
"""Pixels of a file; a larger one is refused before more than its header is read."""

_MAX_SIDE_PX = 2048
"""Pixels to which the longer side is reduced: no canvas shows more."""

_QUALITY = 92
"""JPEG quality of encoded pictures: 20 to 50 kB for a small one."""

_PROGRAM_FORMATS = ("EPS",)
"""Formats that are programs: Pillow would run them with Ghostscript."""

_DEEP_MODE_SCALES = {"I;16": 1 / 257, "I;16B": 1 / 257, "I;16L": 1 / 257, "I": 1 / 257, "F": 255.0}
"""Pillow's modes of greys with more than 8 bits, and the factor to bytes.

Pillow itself would cut them off above 255. Floating point is taken as 0..1."""

_OPAQUE_MODES = {
    "1": "L",
    "LA": "L",
    "La": "L",
    "RGBA": "RGB",
    "RGBa": "RGB",
    "P": "RGB",
    "PA": "RGB",
}
"""Pillow's modes with transparency or a palette, and the mode that holds their colours alone."""


def read(path: Path) -> np.ndarray:
    """Return a picture file's pixels: uint8 (H, W, 3), sRGB, row 0 at the top.

    The picture is turned as the camera was held. Transparent parts are mid grey. An animation gives
    its first picture. Raises LiveflightError where it is no picture, or too large."""
    Image.init()
    formats = [name for name in Image.ID if name not in _PROGRAM_FORMATS]
    try:
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise LiveflightError(f"image {str(path)!r} is no file but a device or a pipe")
        if path.suffix.lower() in file_kind.RAW and os.path.isfile(path):
            raise Image.UnidentifiedImageError
        # Pillow warns about large pictures; MAX_PIXELS is the limit here.
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=formats) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(path, f"{image.width}x{image.height}")
            image.draft("RGB", (_MAX_SIDE_PX, _MAX_SIDE_PX))
            upright = _srgb(_eight_bits(ImageOps.exif_transpose(image)))
    except LiveflightError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(path, "far too many") from error
    except Exception as error:  # Pillow's readers raise many kinds
        raise LiveflightError(f"image {str(path)!r} cannot be read: {_why(path, error)}") from error
    upright.thumbnail((_MAX_SIDE_PX, _MAX_SIDE_PX), Image.Resampling.LANCZOS)
    backdrop = Image.new("RGBA", upright.size, (128, 128, 128, 255))
    return np.asarray(Image.alpha_composite(backdrop, upright).convert("RGB"))


def _why(path: Path, error: Exception) -> str:
    reason = getattr(error, "strerror", None)
    if not reason:
        reason = file_kind.advice(path) or "it is no picture, or damaged"
    return reason if reason.startswith("it is") else reason.lower()


def _srgb(image: Image.Image) -> Image.Image:
    """Return the picture as RGBA in sRGB, converted by its embedded profile if that fits."""
    embedded = image.info.get("icc_profile")
    if not embedded:
        return image.convert("RGBA")
    colours = image.convert(_OPAQUE_MODES.get(image.mode, image.mode))
    try:
        profile, srgb = io.BytesIO(embedded), ImageCms.createProfile("sRGB")
        found = ImageCms.profileToProfile(colours, profile, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):  # the profile is for another mode, or damaged
        found = None
    if found is None:
        return image.convert("RGBA")
    if image.has_transparency_data:
        found.putalpha(image.convert("RGBA").getchannel("A"))
    return found.convert("RGBA")


def _eight_bits(image: Image.Image) -> Image.Image:
    factor = _DEEP_MODE_SCALES.get(image.mode)
    if factor is None:
        return image
    levels = np.nan_to_num(np.asarray(image, np.float32) * factor)
    grey = Image.fromarray(levels.round().clip(0, 255).astype(np.uint8))
    grey.info["icc_profile"] = image.info.get("icc_profile")
    return grey


def _too_large(path: Path, pixels: str) -> LiveflightError:
    return LiveflightError(
        f"image {str(path)!r} has {pixels} pixels; "
        f"up to {MAX_PIXELS // 1_000_000} million are allowed: reduce it"
    )


def encode(picture: np.ndarray) -> bytes:
    """Return a picture, uint8 (H, W, 3), as the bytes of a JPEG file with full colour."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=_QUALITY, subsampling=0)
    return file.getvalue()


def decode(data: bytes) -> np.ndarray | None:
    """Return what `encode` encoded, nearly; None where it is no picture of ours."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if max(image.size) <= _MAX_SIDE_PX:
                return np.asarray(image.convert("RGB"))
    except Exception:  # Pillow's readers raise many kinds
        pass
    return None


def canvas(picture: np.ndarray, size: Size) -> Canvas:
    """Return the picture as a canvas of this width and height, scaled to fill it and cropped."""
    fitted = ImageOps.fit(Image.fromarray(picture), size, Image.Resampling.LANCZOS)
    return opaque(np.asarray(fitted, np.float32) / 255)
