"""Read the page's files into memory: nothing is looked up on the disk by a name from outside."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parent / "page"
_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}


class PageFile(NamedTuple):
    """Hold a file and its content type."""

    content: bytes
    kind: str


@cache
def load() -> Mapping[str, PageFile]:
    """Return the files by their names."""
    return {
        path.name: PageFile(path.read_bytes(), _KINDS[path.suffix])
        for path in sorted(_FOLDER.iterdir())
        if path.suffix in _KINDS
    }
