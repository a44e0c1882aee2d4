"""Keep a small picture of each preset, taken from the show as it passes.

They lie in the user's cache folder as JPEGs. Presets of the installation have theirs from the
start, chosen by eye.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from liveflight.core.contracts import Size, Value
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Message, Nudge, Set, Trigger
from liveflight.system import folders, package_data

log = logging.getLogger(__name__)

SIZE: Size = (240, 135)
"""Width and height of a preset's picture."""
SETTLED_S = 20.0
"""Seconds for which a preset has been flown, after its morph, when its picture is taken."""
QUALITY = 70
MAX_BYTES = 64 * 1024
MAX_FILES = 400
"""Pictures that are kept; the oldest go first."""


class PictureTaker:
    """Find the moment when the picture shows a preset as it is: flown for a while, untouched."""

    def __init__(self) -> None:
        self._preset = ""
        self._since = 0.0
        self._touched = False
        self._taken: set[str] = set()

    def hear(self, heard: Sequence[Message]) -> None:
        """Take a frame's messages: who moves a control makes another look of the preset."""
        for message in heard:
            match message:
                case Set(key) | Nudge(key):
                    self._touched |= CONTROLS[key].saved or CONTROLS[key].group in ("mix", "pad")
                case Trigger(key):
                    self._touched |= CONTROLS[key].group == "mix" or key == "show.reseed"

    def due(self, now: float, values: Mapping[str, Value]) -> str:
        """Return the preset whose picture is to be taken now; empty for none."""
        preset = str(values.get("show.preset", ""))
        if preset != self._preset:
            self._preset, self._since, self._touched = preset, now, False
        wait = SETTLED_S + float(values.get("morph.time", 0.0))
        if not preset or self._touched or now - self._since < wait:
            return ""
        if preset in self._taken or preset in _shipped() or not preset.isprintable():
            return ""  # no address can have a name that is not printable
        dark = values.get("show.blackout") or float(values.get("show.master", 1.0)) < 0.9
        return "" if dark or values.get("show.freeze") else preset

    def took(self, preset: str) -> None:
        """Take no other picture of this preset in this show."""
        self._taken.add(preset)


def jpeg(picture: np.ndarray, size: Size | None = None, quality: int = QUALITY) -> bytes:
    """Return a picture, uint8 (H, W, 3), as a JPEG; cropped and shrunk to `size` if given."""
    image = Image.fromarray(picture)
    if size:
        scale = max(size[0] / image.width, size[1] / image.height)
        across, down = size[0] / scale, size[1] / scale
        left, top = (image.width - across) / 2, (image.height - down) / 2
        image = image.resize(size, Image.Resampling.BOX, (left, top, left + across, top + down))
    written = io.BytesIO()
    image.save(written, "JPEG", quality=quality)
    return written.getvalue()


def write(preset: str, picture: bytes) -> None:
    """Keep a preset's picture; a cache that cannot be written keeps none."""
    try:
        folder = folders.private(folders.caches() / "presets")
        folders.write(folder / _file(preset), picture)
        kept = sorted(folder.glob("*.jpg"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-MAX_FILES]:
            path.unlink(missing_ok=True)
    except OSError as error:
        log.info("no picture of preset %s: %s", preset, error)


def known() -> Callable[[str], bool]:
    """Return a function that says whether a preset has a picture."""
    kept: set[str] = set()
    with suppress(OSError):
        kept = set(os.listdir(folders.caches() / "presets"))
    return lambda preset: preset in _shipped() or _file(preset) in kept


def read(preset: str) -> bytes | None:
    """Return the JPEG of a preset, the performer's own before the installation's."""
    with suppress(OSError):
        return folders.read(folders.caches() / "presets" / _file(preset), MAX_BYTES)
    with suppress(OSError):
        if path := _shipped().get(preset):
            return path.read_bytes()
    return None


@cache
def _shipped() -> Mapping[str, Path]:
    return {path.stem: path for path in (package_data.folder("presets") / "pictures").glob("*.jpg")}


def _file(preset: str) -> str:
    # A digest: a name is never used as a path.
    return f"{hashlib.sha256(preset.encode(errors='surrogatepass')).hexdigest()[:16]}.jpg"
