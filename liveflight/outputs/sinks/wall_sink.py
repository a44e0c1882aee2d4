"""Put the frames of all ranks of a wall together, on rank 0."""

from __future__ import annotations

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.sinks.frame_sink import FrameSink, Picture
from liveflight.wall.link import Commands, Link
from liveflight.wall.tiles import Wall
from liveflight.wall.whole_picture import WholePicture


class WallSink(FrameSink):
    """Give another sink the whole canvas."""

    name = "the whole wall"

    def __init__(self, sink: FrameSink, wall: Wall, link: Link, commands: Commands) -> None:
        self._sink, self._link = sink, link
        self._whole = WholePicture(wall, link, commands)

    def write(self, picture: Picture) -> None:
        """Take rank 0's tile, and fetch the others'. Raises LiveflightError where one is lost."""
        whole = self._whole.gather("give_frame", lambda: picture)
        if self._link.lost:
            raise LiveflightError("a rank of the wall was lost: start all of them again")
        self._sink.write(whole)

    def close(self, *, whole: bool = True) -> None:
        """Close the other sink."""
        self._sink.close(whole=whole)
