"""Put the frames of all ranks of a wall together, on rank 0."""

from __future__ import annotations

import numpy as np

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.sinks.frame_sink import FrameSink, Picture
from liveflight.wall.link import Commands, Link
from liveflight.wall.tiles import Wall


class WallSink(FrameSink):
    """Give another sink the whole canvas; what no tile shows, behind bezels, is black."""

    name = "the whole wall"

    def __init__(self, sink: FrameSink, wall: Wall, link: Link, commands: Commands) -> None:
        self._sink, self._wall = sink, wall
        self._link, self._commands = link, commands
        self._whole = np.zeros((*wall.canvas[::-1], 3), np.uint8)

    def write(self, picture: Picture) -> None:
        """Take rank 0's tile, and fetch the others'. Raises LiveflightError where one is lost."""
        self._commands.say("give_picture")
        self._commands.send()
        shapes = {
            tile.rank: ((tile.shown.height, tile.shown.width, 3), np.dtype(np.uint8))
            for tile in self._wall.tiles[1:]
        }
        pictures = {0: picture, **self._link.exchange({}, shapes)}
        if self._link.lost:
            raise LiveflightError("a rank of the wall was lost: start all of them again")
        for tile in self._wall.tiles:
            rows = slice(tile.shown.top, tile.shown.bottom)
            self._whole[rows, tile.shown.left : tile.shown.right] = pictures[tile.rank]
        self._sink.write(self._whole)

    def close(self, *, whole: bool = True) -> None:
        """Close the other sink."""
        self._sink.close(whole=whole)
