"""Recognise files that cannot be used as pictures, and advise what to do."""

from __future__ import annotations

import re
from pathlib import Path

_HEAD_BYTES = 1024
"""Bytes of a file's beginning that are examined."""

RAW = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2"
    " .rwl .sr2 .srf .srw .x3f".split()
)
"""Suffixes of cameras' raw files. Pillow would open many as their small embedded preview."""

_CONVERT = "save it as JPEG or PNG"
_RAW = f"it is a camera's raw file: develop it, and {_CONVERT}"
_HEIC = f"it is a HEIC photo: {_CONVERT} (an iPhone takes JPEGs by Settings, Camera, Formats)"
VIDEO = "it is a video: give it to --camera"
_KINDS = tuple(
    (re.compile(pattern, re.DOTALL | re.IGNORECASE), advice)
    for pattern, advice in (
        (rb"\Z", "it is empty"),
        (rb"\x00\x05\x16\x07", "it is only macOS's note on a file: take the one without ._"),
        (rb".{4}ftyp(?:hei|hev|mif1|msf1)", _HEIC),
        (rb".{4}ftypcrx|II\*\0.{4}CR|FUJIFILMCCD-RAW|IIR[OS]|IIU\0|FOVb", _RAW),
        (
            rb".{4}ftyp(?!avi[fs]|M4[AB])|\x1a\x45\xdf\xa3|RIFF.{4}AVI |.{4}(?:moov|mdat|wide)",
            VIDEO,
        ),
        (rb"%PDF", "it is a PDF: export its page as PNG"),
        (rb"%!PS|\xc5\xd0\xd3\xc6", "it is PostScript, a program, which is not run: export a PNG"),
        (rb"\xff\x0a|\0{3}\x0cJXL ", f"it is a JPEG XL picture: {_CONVERT}"),
        (rb"gimp xcf", "it is a GIMP file: export it as PNG"),
        (rb"\W*(?:<\?xml.*|<!--.*|<!DOCTYPE svg.*)?<svg", "it is an SVG drawing: export it as PNG"),
        (rb"\W*<(?:!doctype )?html", "it is a web page: download the picture itself"),
    )
)
"""Patterns of files' first bytes, and advice; formats that Pillow reads are left out."""


def advice(path: Path) -> str:
    """Return advice on a file that cannot be read as a picture; empty for an unknown kind.

    Raises OSError."""
    if path.suffix.lower() in RAW:
        return _RAW
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for pattern, words in _KINDS:
        if pattern.match(head):
            return words
    return "it is a zipped SVG drawing: export it as PNG" if path.suffix.lower() == ".svgz" else ""
