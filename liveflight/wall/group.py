"""Move data between the members of one generation of a wall, each time within a limit.

The processes are connected by Gloo, torch's library for CPUs. It knows no passwords: whoever
reaches the sockets can take part. Everything is sent as plain bytes, straight from one member to
another: Gloo's own collective operations pass through more processes and threads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributed import Store

Kind = tuple[tuple[int, ...], np.dtype]
"""Shape and element type of an array."""

_BLOCK = 4096
"""Bytes that a broadcast sends at once; a longer message takes a second broadcast."""

_KINDS, _MOST_CALLS = 8, 2**20
"""Tags of a call, and calls until they begin again.

Gloo ends a process that gets more bytes than it expects, so members out of step must not meet."""

_HEADER = 8
"""Bytes of the message's length, at the start of the block."""


class RankLostError(Exception):
    """Report that another member is gone, or later than the limit: the generation is broken."""


class Group:
    """Connect the members of a generation, for one thread.

    All members call the same methods in the same order. Each raises RankLostError after `limit_s`
    seconds, or as soon as a member's connection breaks, and so does every call after it. With one
    member nothing is sent. `close` may be called from any thread."""

    def __init__(self, rank: int, members: tuple[int, ...], gloo: Any, limit_s: float) -> None:
        """Take ranks of the wall in ascending order, which Gloo numbers from 0.

        `gloo` is a ProcessGroupGloo, whose methods torch's types leave out; None for one member."""
        self.rank = rank
        self.members = members
        self.leader = rank == members[0]
        self.limit_s = limit_s
        """Seconds that a call may take. All members change it between the same two calls."""
        self.bytes_sent = 0
        """Bytes that this process has given to others."""
        self._gloo = gloo
        self._closed = False
        self._calls = 0

    def broadcast(self, message: bytes = b"") -> bytes:
        """Return the leader's message, of any length; what others pass is ignored."""
        block = np.zeros(_BLOCK, np.uint8)
        if self.leader:
            start = len(message).to_bytes(_HEADER, "big") + message[: _BLOCK - _HEADER]
            block[: len(start)] = np.frombuffer(start, np.uint8)
        block = self._from_leader(block)
        size = int.from_bytes(block[:_HEADER].tobytes(), "big")
        start = block[_HEADER : _HEADER + size].tobytes()
        if size == len(start):
            return start
        rest = np.empty(size - len(start), np.uint8)
        if self.leader:
            rest[:] = np.frombuffer(message, np.uint8, offset=len(start))
        return start + self._from_leader(rest).tobytes()

    def exchange(
        self, sent: Mapping[int, np.ndarray], expected: Mapping[int, Kind]
    ) -> dict[int, np.ndarray]:
        """Send an array to each member named, and return those of the members expected.

        Both sides know shape and type beforehand. Empty arrays are not sent."""
        return self._exchange(sent, expected, tag=1)

    def total(self, numbers: np.ndarray) -> np.ndarray:
        """Return the sum of all members' numbers as float64: the same bits on every rank."""
        mine = np.array(numbers, np.float64)
        return np.sum([*self._of_all(mine, tag=3).values()], axis=0)

    def barrier(self) -> None:
        """Return once every member has called this."""
        self._of_all(np.zeros(1, np.uint8), tag=4)

    def close(self) -> None:
        """Break the connections, so that the others see it at once."""
        self._closed = True
        self._gloo = None

    def _exchange(
        self, sent: Mapping[int, np.ndarray], expected: Mapping[int, Kind], tag: int
    ) -> dict[int, np.ndarray]:
        """Send and receive; the tag keeps members that are out of step from reading each other."""
        gloo, end = self._gloo, monotonic() + self.limit_s
        self._calls = (self._calls + 1) % _MOST_CALLS
        tag += _KINDS * self._calls
        if self._closed:
            raise RankLostError("this generation of the wall has ended")
        received = {rank: np.empty(shape, dtype) for rank, (shape, dtype) in expected.items()}
        places = [self.members.index(rank) for rank in (*received, *sent)]
        buffers = [_bytes_of(array) for array in (*received.values(), *sent.values())]
        try:
            calls = [gloo.recv] * len(received) + [gloo.send] * len(sent) if places else []
            works = [
                call([buffer], place, tag)
                for call, buffer, place in zip(calls, buffers, places, strict=True)
                if buffer.numel()
            ]
            for work in works:
                # Gloo takes a time of zero for none.
                work.wait(timedelta(seconds=max(end - monotonic(), 0.001)))
        except RuntimeError as error:
            self.close()
            reason = str(error).rpartition("] ")[2].partition(". ")[0]
            raise RankLostError(f"the wall is broken: {reason}") from error
        self.bytes_sent += sum(array.nbytes for array in sent.values())
        return received

    def _from_leader(self, array: np.ndarray) -> np.ndarray:
        leader, *others = self.members
        if self.leader:
            self._exchange(dict.fromkeys(others, array), {}, tag=2)
            return array
        return self._exchange({}, {leader: (array.shape, array.dtype)}, tag=2)[leader]

    def _of_all(self, mine: np.ndarray, tag: int) -> dict[int, np.ndarray]:
        """Return each member's array, by ascending rank."""
        others = [rank for rank in self.members if rank != self.rank]
        kind = mine.shape, mine.dtype
        theirs = self._exchange(dict.fromkeys(others, mine), dict.fromkeys(others, kind), tag)
        return dict(sorted((theirs | {self.rank: mine}).items()))


def connect(
    rank: int, members: tuple[int, ...], store: Store, address: str, limit_s: float, within_s: float
) -> Group:
    """Connect the members, who find each other in the store, from this machine's address.

    All of them call this. Blocks until all are there; raises RuntimeError after `within_s`."""
    if len(members) == 1:
        return Group(rank, members, None, limit_s)
    from torch import distributed

    process_group: Any = distributed.ProcessGroupGloo
    options = process_group._Options()
    options._devices = [process_group.create_device(hostname=address)]
    options._timeout = timedelta(seconds=within_s)
    options._threads = 1
    gloo = process_group(store, members.index(rank), len(members), options)
    return Group(rank, members, gloo, limit_s)


def _bytes_of(array: np.ndarray) -> Tensor:
    """Return an array's memory as a tensor; of a copy where it has gaps or must not be written."""
    import torch

    whole = np.require(array, requirements=["C", "W"])
    return torch.from_numpy(whole.reshape(-1).view(np.uint8))
