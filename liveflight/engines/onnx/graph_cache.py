"""Keep gradient graphs on disk, so that the next flight need not build them again.

Reading one takes 1 ms, building it some 15 ms, and a mix of layers takes one for each size at which
it sees the picture. Graphs hold no weights: those come with the installation or were downloaded,
and lie in memory once for all graphs. A file holds a header line, the SHA-256 of the graph, and the
graph.
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
_MAX_FILES = 512
_MAX_FILE_BYTES = 1 << 20
"""The largest graph has a tenth of it."""


class GraphCache:
    """Keep graphs in a folder, by a key that says what they are made of.

    Without an error where the folder cannot be used. A damaged or foreign file is written anew with
    one warning, one of another version silently. The least recently used are dropped first."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or folders.caches() / "graphs"

    def find(self, key: str) -> bytes | None:
        """Return the graph kept for a key, or None."""
        path = self.path(key)
        try:
            path.lstat()  # raises before the folder is made for nothing
            folders.private(self.folder)
        except OSError:
            return None
        try:
            content = folders.read(path, _MAX_FILE_BYTES)
        except PermissionError:
            _say_damaged(self.folder)
            return None
        except OSError:
            return None
        if content.startswith(_KIND) and not content.startswith(_MAGIC):
            return None
        magic, rest = content[: len(_MAGIC)], content[len(_MAGIC) :]
        digest, graph = rest[:32], rest[32:]
        if magic != _MAGIC or hashlib.sha256(graph).digest() != digest:
            _say_damaged(self.folder)
            return None
        with suppress(OSError):
            os.utime(path)
        return graph

    def keep(self, key: str, graph: bytes) -> None:
        """Keep a graph, wholly or not at all. Other programs may keep the same one meanwhile."""
        try:
            folders.private(self.folder)
            folders.write(self.path(key), _MAGIC + hashlib.sha256(graph).digest() + graph)
            self._drop_oldest()
        except OSError as error:
            log.debug("cannot keep a graph: %s", error)

    def path(self, key: str) -> Path:
        """Return the file of a key."""
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()}.graph"

    def _drop_oldest(self) -> None:
        files = [entry for entry in self.folder.iterdir() if entry.suffix in (".graph", ".part")]
        if len(files) > _MAX_FILES:
            files.sort(key=lambda path: path.stat().st_mtime)
            for path in files[: len(files) - _MAX_FILES]:
                path.unlink(missing_ok=True)


@lru_cache
def _say_damaged(folder: Path) -> None:
    log.warning(
        "gradient graphs in %s are damaged, or others could change them: they are written anew",
        folder,
    )
