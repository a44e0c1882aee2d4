"""Write each tile of a wall into a video or a folder of its own."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.sinks import is_video, open_sink
from liveflight.outputs.sinks.frame_sink import FrameSink, Picture, cannot_write
from liveflight.outputs.sinks.video_encoding import Soundtrack
from liveflight.storage.new_files import IfTaken
from liveflight.wall.tiles import Wall


def tile_paths(path: Path, wall: Wall) -> list[Path]:
    """Return where each tile is written: wall_tile0.mp4 for wall.mp4, wall/tile0 for a folder.

    Raises LiveflightError for a name that is neither."""
    if is_video(path):
        return [path.with_stem(f"{path.stem}_tile{rank}") for rank in wall.ranks]
    return [path / f"tile{rank}" for rank in wall.ranks]


class TileSinks(FrameSink):
    """Cut frames of the whole canvas into what each display shows, upright, without soft edges."""

    name = "the tiles' files"

    def __init__(
        self,
        path: Path,
        wall: Wall,
        fps: float,
        sound: Soundtrack | None = None,
        if_taken: IfTaken = "next",
    ) -> None:
        """Open a sink for each tile; the first has the sound. Raises what `open_sink` raises."""
        places = tile_paths(path, wall)
        if not is_video(path):
            try:
                path.mkdir(exist_ok=True)
            except OSError as error:
                raise cannot_write(path, error) from error
        self._parts = [tile.shown for tile in wall.tiles]
        self._sinks = []
        try:
            for rank, each in enumerate(places):
                heard, size = None if rank else sound, self._parts[rank].size
                self._sinks.append(open_sink(each, size, fps, heard, if_taken))
        except LiveflightError as error:
            self._drop()
            raise LiveflightError(f"tile {len(self._sinks)}: {error}") from error
        except BaseException:
            self._drop()
            raise

    @property
    def path(self) -> Path:
        """Return where the first tile is written."""
        return self._sinks[0].path

    def write(self, picture: Picture) -> None:
        for part, sink in zip(self._parts, self._sinks, strict=True):
            cut = picture[part.top : part.bottom, part.left : part.right]
            sink.write(np.ascontiguousarray(cut))

    def close(self, *, whole: bool = True) -> None:
        """Close all, though one fails; then raise what it raised."""
        with ExitStack() as closing:
            for sink in self._sinks:
                closing.callback(partial(sink.close, whole=whole))

    def _drop(self) -> None:
        """Close what is open after a failure, which says more than one of closing."""
        self.__exit__(Exception)
