"""What the members of a generation send each other, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import wall_jobs
from wall_ranks import RankProcess, free_port, together

from liveflight.wall.group import Group, RankLostError


@pytest.fixture(scope="module")
def ranks() -> Iterator[list[RankProcess]]:
    port = free_port()
    started = [RankProcess(rank, 3, port, limit_s=10) for rank in range(3)]
    for each in started:
        each.flying(0, 1, 2)
    yield started
    for each in started:
        each.kill()


def test_a_message_of_any_length_reaches_everyone(ranks: list[RankProcess]) -> None:
    text = bytes(range(256)) * 79
    sent = [text[:size] for size in (0, 1, 4087, 4088, 4089, 20000)]
    assert together(ranks, wall_jobs.broadcasts) == [sent, sent, sent]


def test_arrays_reach_the_rank_they_are_sent_to(ranks: list[RankProcess]) -> None:
    for rank, (got, sent) in enumerate(together(ranks, wall_jobs.exchanges)):
        before, after = (rank - 1) % 3, (rank + 1) % 3
        np.testing.assert_array_equal(got[1], np.full((2, 3), before, np.float16), strict=True)
        np.testing.assert_array_equal(got[2], np.arange(0, 8, 2) + 10 * after, strict=True)
        assert sent == 2 * 3 * 2 + 4 * 8


def test_a_total_has_the_same_bits_everywhere(ranks: list[RankProcess]) -> None:
    totals = together(ranks, wall_jobs.totals)
    np.testing.assert_allclose(totals[0], [[0.6, 6e16], [1.2, -6e16]], rtol=1e-15)
    assert totals[0].tobytes() == totals[1].tobytes() == totals[2].tobytes()


def test_everything_listens_on_loopback_alone(ranks: list[RankProcess]) -> None:
    assert together(ranks, wall_jobs.listening) == [{"127.0.0.1"}] * 3


def test_one_member_sends_nothing() -> None:
    group = Group(0, (0,), None, 1.0)
    assert group.broadcast(b"x" * 5000) == b"x" * 5000
    assert group.exchange({}, {}) == {}
    np.testing.assert_array_equal(group.total(np.arange(3)), [0.0, 1.0, 2.0])
    group.barrier()
    assert group.bytes_sent == 0
    group.close()
    for call in (group.broadcast, group.barrier, lambda: group.exchange({}, {})):
        with pytest.raises(RankLostError, match="has ended"):
            call()
