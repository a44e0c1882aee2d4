"""Write each tile of a wall into a video or a folder of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from liveflight.outputs.sinks import open_sink
from liveflight.outputs.sinks.frame_sink import FrameSink, Picture, cannot_write
from liveflight.outputs.sinks.video_encoding import Soundtrack
from liveflight.storage.new_files import IfTaken
from liveflight.wall.tiles import Wall


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
        """Open a sink for each tile, named after its rank: wall_0.mp4 for wall.mp4, or wall/0.

        The first has the sound. Raises what `open_sink` raises."""
        if not path.suffix:
            try:
                path.mkdir(exist_ok=True)
            except OSError as error:
                raise cannot_write(path, error) from error
        self._parts = [tile.shown for tile in wall.tiles]
        self._sinks = []
        try:
            for rank, part in enumerate(self._parts):
                name = path.with_name(f"{path.stem}_{rank}{path.suffix}")
                name = name if path.suffix else path / str(rank)
                heard = None if rank else sound
                self._sinks.append(open_sink(name, part.size, fps, heard, if_taken))
        except BaseException:
            self.close(whole=False)
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
        for sink in self._sinks:
            sink.close(whole=whole)
