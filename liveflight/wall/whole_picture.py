"""Put the pictures of all tiles of a wall together, on rank 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from liveflight.wall.link import Commands, Link
from liveflight.wall.tiles import Wall


class WholePicture:
    """The whole canvas as uint8 (H, W, 3); what no tile shows, behind bezels, is black."""

    def __init__(self, wall: Wall, link: Link, commands: Commands) -> None:
        self._wall, self._link, self._commands = wall, link, commands
        self._whole = np.zeros((*wall.canvas[::-1], 3), np.uint8)

    def gather(self, command: str, own: Callable[[], np.ndarray]) -> np.ndarray:
        """Have the others give a picture of what they show, and return all, with rank 0's own.

        `own` is called while they draw theirs. Those that are lost stay as they were. The memory is
        reused by the next call."""
        self._commands.say(command)
        self._commands.send()
        drawn = own()
        there = set(self._link.members) - {0}
        shapes = {
            tile.rank: ((tile.shown.height, tile.shown.width, 3), np.dtype(np.uint8))
            for tile in self._wall.tiles
            if tile.rank in there
        }
        pictures = self._link.exchange({}, shapes)
        if not self._link.lost:
            self._paste(pictures)
        self._paste({0: drawn})
        return self._whole

    def _paste(self, pictures: dict[int, np.ndarray]) -> None:
        for rank, picture in pictures.items():
            shown = self._wall.tiles[rank].shown
            self._whole[shown.top : shown.bottom, shown.left : shown.right] = picture
