"""Ranks as processes of their own, which are killed, stopped and restarted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from wall_jobs import members, send_junk
from wall_ranks import RankProcess, free_port, together

from liveflight.wall.membership import Membership

LIMIT_S = 0.6


class Wall:
    """Ranks at one port; all of them are ended after the test."""

    def __init__(self, world: int) -> None:
        self.port = free_port()
        self.world = world
        self.started: list[RankProcess] = []

    def start(self, rank: int, **options: object) -> RankProcess:
        given = {"world": self.world, "limit_s": LIMIT_S, "card": {"version": 1}} | options
        process = RankProcess(rank, port=self.port, **given)  # type: ignore[arg-type]
        self.started.append(process)
        return process

    def flying(self) -> list[RankProcess]:
        ranks = [self.start(rank) for rank in range(self.world)]
        for each in ranks:
            each.flying(*range(self.world))
        return ranks


@pytest.fixture
def wall() -> Iterator[Callable[[int], Wall]]:
    walls: list[Wall] = []

    def make(world: int) -> Wall:
        walls.append(Wall(world))
        return walls[-1]

    yield make
    for each in (process for made in walls for process in made.started):
        each.kill()


def test_a_killed_rank_is_left_behind_and_taken_back(wall: Callable[[int], Wall]) -> None:
    made = wall(3)
    leader, killed, other = made.flying()
    killed.kill()
    generations = [each.flying(0, 2).detail for each in (leader, other)]
    restarted = made.start(1)
    again = [each.flying(0, 1, 2).detail for each in (leader, restarted, other)]
    assert generations[0] == generations[1]
    assert again[0] == again[1] == again[2]
    assert again[0] > generations[0]


def test_a_stopped_rank_rejoins(wall: Callable[[int], Wall]) -> None:
    made = wall(3)
    leader, stopped, other = made.flying()
    stopped.stop()
    for each in (leader, other):
        each.flying(0, 2)
    stopped.resume()
    for each in (leader, stopped, other):
        each.flying(0, 1, 2)


def test_a_stopped_rank_0_is_missed_and_found_again(wall: Callable[[int], Wall]) -> None:
    made = wall(2)
    leader, follower = made.flying()
    leader.stop()
    follower.next("lost")
    leader.resume()
    for each in (leader, follower):
        each.flying(0, 1)


def test_a_rank_comes_back_while_another_is_lost(wall: Callable[[int], Wall]) -> None:
    made = wall(3)
    leader, first, second = made.flying()
    first.kill()
    leader.flying(0, 2)
    restarted = made.start(1)
    second.kill()
    for each in (leader, restarted):
        each.flying(0, 1)


def test_what_no_rank_sent_changes_nothing(wall: Callable[[int], Wall]) -> None:
    made = wall(2)
    ranks = made.flying()
    together(ranks, partial(send_junk, made.port))
    assert together(ranks, members) == [(0, 1), (0, 1)]
    ranks[1].kill()
    for each in (ranks[0], made.start(1)):
        each.flying(0, 1)


def test_all_meet_again_when_rank_0_is_back(wall: Callable[[int], Wall]) -> None:
    made = wall(3)
    leader, *others = made.flying()
    leader.kill()
    for each in others:
        each.next("lost")
    restarted = made.start(0)
    for each in (restarted, *others):
        each.flying(0, 1, 2)


def test_rank_0_that_is_back_goes_on_without_a_dead_rank(wall: Callable[[int], Wall]) -> None:
    made = wall(3)
    leader, dead, other = made.flying()
    leader.kill()
    dead.kill()
    restarted = made.start(0)
    for each in (restarted, other):
        each.flying(0, 2)


def test_notes_reach_rank_0_from_ranks_that_fly() -> None:
    port = free_port()
    made = [Membership(rank, 2, ("127.0.0.1", port), {}, lambda cards: "") for rank in (0, 1)]
    leader, follower = made
    try:
        follower.note({"key": "before"})
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda each: each.first(60.0), made))
        told = [{"key": "a", "repeat": False}, {"quit": True}]
        for each in told:
            follower.note(each)
        found: list[object] = []
        end = time.monotonic() + 30
        while len(found) < 2 and time.monotonic() < end:
            found += leader.notes()
        assert found == told
    finally:
        for each in made:
            each.close()


def test_rank_0_flies_alone_until_others_are_back(wall: Callable[[int], Wall]) -> None:
    made = wall(3)
    leader, first, second = made.flying()
    first.kill()
    second.kill()
    leader.flying(0)
    for each in (leader, made.start(1)):
        each.flying(0, 1)
    for each in (leader, made.start(2)):
        each.flying(0, 1, 2)


def test_a_second_process_of_a_rank_is_refused_and_the_others_fly_on(
    wall: Callable[[int], Wall],
) -> None:
    made = wall(2)
    ranks = made.flying()
    second = made.start(1)
    assert second.next("refused").detail == (
        "rank 1 is there already: give every process a --rank of its own"
    )
    assert second.ended() == 2
    assert together(ranks, members) == [(0, 1), (0, 1)]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {"world": 4},
            "rank 1 was started for a wall of 4 ranks, rank 0 for 2: start every rank with the same"
            " --world, and --rank from 0 to one less",
        ),
        ({"card": {"version": 2}}, "rank 1 has version 2"),
    ],
)
def test_a_rank_that_does_not_fit_refuses_the_wall(
    wall: Callable[[int], Wall], options: dict[str, object], line: str
) -> None:
    made = wall(2)
    ranks = [made.start(0), made.start(1, **options)]
    assert [each.next("refused").detail for each in ranks] == [line, line]
    assert [each.ended() for each in ranks] == [2, 2]


def test_missing_ranks_are_named(wall: Callable[[int], Wall]) -> None:
    made = wall(4)
    ranks = [made.start(0, first_s=3), made.start(2)]
    line = (
        "ranks 1, 3 of a wall of 4 did not come within 3 seconds: start every rank with the same"
        " --world and --master"
    )
    assert [each.next("refused").detail for each in ranks] == [line, line]


def test_a_rank_without_rank_0(wall: Callable[[int], Wall]) -> None:
    made = wall(2)
    assert made.start(1, first_s=0.5).next("refused").detail == (
        f"rank 0 of the wall at 127.0.0.1:{made.port} does not answer, for 0.5 seconds now:"
        " start every rank with the same --world and --master"
    )


def test_two_ranks_0_at_one_port(wall: Callable[[int], Wall]) -> None:
    made = wall(1)
    made.start(0).flying(0)
    second = made.start(0)
    assert second.next("refused").detail == (
        f"rank 0 of the wall cannot listen at 127.0.0.1:{made.port}: Address already in use;"
        " --master takes an address of this machine and a free port"
    )
