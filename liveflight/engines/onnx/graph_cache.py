"""Graphs kept on disk, so that the next flight need not write them again: reading one takes 1 ms,
writing it some 15, and a mix of layers takes one for each size at which it sees the picture.

Weights are not in them: they come with the installation or were downloaded, and lie in memory once
for all graphs. A file holds a line that says what it is, the SHA-256 of the rest, and the rest.
"""

from __future__ import annotations

import hashlib
import logging
import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import onnx
import onnxruntime

from liveflight.engines.onnx.layouts import OPSET, VERSION
from liveflight.system import folders

log = logging.getLogger("liveflight.engines")

_KIND = b"liveflight gradient graph "
_MAGIC = (
    _KIND
    + (
        f"{VERSION}, opset {OPSET}, onnx {onnx.__version__}, "
        f"onnxruntime {onnxruntime.__version__}\n"
    ).encode()
)
_MOST_FILES = 512
_MOST_BYTES = 1 << 20
"""Of one file; the largest graph has a tenth of it."""


class GraphCache:
    """A folder of graphs by what they are made of. One that cannot be read or written is done
    without; a damaged or foreign file is written anew, and silently one of other versions. Those
    not used for longest go first."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or folders.caches() / "graphs"

    def find(self, key: str) -> bytes | None:
        path = self._path(key)
        try:
            path.lstat()  # else the folder need not be made
            folders.private(self._folder)
        except OSError:
            return None
        try:
            content = folders.read(path, _MOST_BYTES)
        except PermissionError:
            _say_damaged(self._folder)
            return None
        except OSError:
            return None
        if content.startswith(_KIND) and not content.startswith(_MAGIC):
            return None
        magic, rest = content[: len(_MAGIC)], content[len(_MAGIC) :]
        digest, graph = rest[:32], rest[32:]
        if magic != _MAGIC or hashlib.sha256(graph).digest() != digest:
            _say_damaged(self._folder)
            return None
        with suppress(OSError):
            os.utime(path)
        return graph

    def keep(self, key: str, graph: bytes) -> None:
        """Leaves the whole file or none. Other programs may keep the same one at once."""
        try:
            folders.private(self._folder)
            folders.write(self._path(key), _MAGIC + hashlib.sha256(graph).digest() + graph)
            self._drop_oldest()
        except OSError as error:
            log.debug("cannot keep a graph: %s", error)

    def _path(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()}.graph"

    def _drop_oldest(self) -> None:
        files = [entry for entry in self._folder.iterdir() if entry.suffix in (".graph", ".part")]
        if len(files) > _MOST_FILES:
            files.sort(key=lambda path: path.stat().st_mtime)
            for path in files[: len(files) - _MOST_FILES]:
                path.unlink(missing_ok=True)


@lru_cache
def _say_damaged(folder: Path) -> None:
    log.warning(
        "gradient graphs in %s are damaged, or others could change them: they are written anew",
        folder,
    )
