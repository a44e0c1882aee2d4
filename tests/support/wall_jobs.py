"""Jobs for ranks of a wall: what each one sends, and what it gets."""

from __future__ import annotations

import numpy as np
import psutil
from torch.distributed import TCPStore

from liveflight.wall.membership import Generation
from liveflight.wall.store import INBOX


def members(generation: Generation) -> tuple[int, ...]:
    return generation.members


def broadcasts(generation: Generation) -> list[bytes]:
    """Return the leader's messages of 0 to 20000 bytes, around the size of one block too."""
    sizes = 0, 1, 4087, 4088, 4089, 20000
    group = generation.ascent
    mine = [bytes(range(256)) * 79 if group.leader else b"ignored" for _ in sizes]
    return [group.broadcast(each[:size]) for each, size in zip(mine, sizes, strict=True)]


def exchanges(generation: Generation) -> tuple[dict[int, np.ndarray], int]:
    """Send a view that cannot be written, one with gaps and an empty one, in a ring and back."""
    group = generation.ascent
    rank, count = group.rank, len(group.members)
    after, before = (rank + 1) % count, (rank - 1) % count
    before_that = group.bytes_sent
    fixed = np.full((2, 3), rank, np.float16)
    fixed.flags.writeable = False
    got = group.exchange({after: fixed}, {before: ((2, 3), np.dtype(np.float16))})
    spaced = np.arange(8, dtype=np.int64)[::2] + 10 * rank
    back = group.exchange({before: spaced}, {after: ((4,), np.dtype(np.int64))})
    empty = group.exchange({after: np.empty((0, 4))}, {before: ((0, 4), np.dtype(np.float64))})
    assert empty[before].shape == (0, 4)
    assert group.exchange({}, {}) == {}
    return {1: got[before], 2: back[after]}, group.bytes_sent - before_that


def totals(generation: Generation) -> np.ndarray:
    """Add numbers whose sum depends on the order of the additions."""
    generation.ascent.barrier()
    return generation.ascent.total(
        np.array([[0.1, 1e16], [0.2, -1e16]]) * (generation.ascent.rank + 1)
    )


def listening(_generation: Generation) -> set[str]:
    """Return the addresses at which this process listens."""
    connections = psutil.Process().net_connections("inet")
    return {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}


def send_junk(port: int, _generation: Generation) -> None:
    """Send rank 0 what is no JSON, no message, or lacks parts of one."""
    store = TCPStore("127.0.0.1", port, wait_for_workers=False)
    for junk in (
        *("", "\\ud800", "[]", "{}", "null", '{"kind": "arrive"}', '{"kind": 3, "ticket": "a"}'),
        '{"kind": "arrive", "ticket": "a", "rank": "1", "world": 2}',
        '{"kind": "arrive", "ticket": "b", "rank": 7, "world": [2]}',
        '{"kind": "here", "ticket": "c", "number": null}',
    ):
        store.append(INBOX, junk + "\n")
