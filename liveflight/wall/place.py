"""Hold one rank's place in a wall: what its process has to know to take part."""

from __future__ import annotations

from dataclasses import dataclass

from liveflight.wall.tiles import Tile, Wall

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 29500
"""TCP port of the rendezvous, as torch.distributed has it."""


@dataclass(frozen=True)
class WallPlace:
    """Name a rank, and where it meets the others."""

    wall: Wall
    rank: int
    master: tuple[str, int] = (LOOPBACK, DEFAULT_PORT)
    """Host and TCP port at which rank 0 is met."""
    interface: str = LOOPBACK
    """This machine's own address, to which everything binds."""
    local_rank: int = 0
    """Its number among the ranks of its own machine: which GPU and, by default, which display."""
    windows: bool = False
    """Whether the tile is shown in a window, where it would fill its display."""
    allow_unequal: bool = False
    """Whether GPUs may differ from rank 0's."""
    safe: bool = False
    """Whether it is in the safe look."""

    @property
    def world(self) -> int:
        """Return the number of ranks."""
        return len(self.wall.tiles)

    @property
    def leads(self) -> bool:
        """Return whether this is rank 0, which runs the show."""
        return self.rank == 0

    @property
    def tile(self) -> Tile:
        """Return the rank's own tile."""
        return self.wall.tiles[self.rank]
