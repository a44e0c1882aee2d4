"""Test that the pictures of all tiles are put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from liveflight.wall.group import Kind
from liveflight.wall.layout import Layout, Length
from liveflight.wall.link import Commands, Link
from liveflight.wall.whole_picture import WholePicture

WALL = Layout(3, 1, gaps=(Length(2), Length(0))).wall((52, 16))
"""Three tiles of 16x16, with two columns behind bezels between them."""


class OtherRanks:
    """Ranks that give pictures of their own numbers."""

    def __init__(self) -> None:
        self.members = (0, 1, 2)
        self.lost = False
        self.asked: list[bytes] = []

    def broadcast(self, message: bytes) -> None:
        self.asked.append(message)

    def exchange(
        self, sent: Mapping[int, np.ndarray], expected: Mapping[int, Kind]
    ) -> dict[int, np.ndarray]:
        assert not sent and set(expected) == set(self.members) - {0}
        return {rank: np.full(shape, rank, kind) for rank, (shape, kind) in expected.items()}


def test_tiles_lie_in_their_places_and_those_lost_stay_as_they_were() -> None:
    others = OtherRanks()
    link = cast(Link, others)
    whole = WholePicture(WALL, link, Commands(link))
    own = np.full((16, 16, 3), 9, np.uint8)
    expected = [9] * 16 + [0] * 2 + [1] * 16 + [0] * 2 + [2] * 16
    assert (whole.gather("give", lambda: own) == np.array(expected)[None, :, None]).all()
    assert others.asked == [b'[["give"]]']
    others.members = (0, 2)
    own[:] = 7
    expected[:16] = [7] * 16
    assert (whole.gather("give", lambda: own) == np.array(expected)[None, :, None]).all()
    others.members, others.lost = (0,), True
    assert (whole.gather("give", lambda: own) == np.array(expected)[None, :, None]).all()
