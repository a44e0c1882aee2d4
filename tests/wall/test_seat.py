"""What the frame thread and the membership thread of a rank share."""

from __future__ import annotations

import pytest

from liveflight.wall.group import Group, RankLostError
from liveflight.wall.seat import Generation, Seat, WallRefusedError


def generation(number: int) -> Generation:
    return Generation(number, (0,), Group(0, (0,), None, 1.0), Group(0, (0,), None, 1.0))


def ended(each: Generation) -> bool:
    try:
        each.frames.barrier()
        each.ascent.barrier()
    except RankLostError:
        return True
    return False


def test_a_generation_is_adopted_once_it_is_offered_and_ends_the_one_before() -> None:
    seat, first, second = Seat(1.0), generation(1), generation(2)
    assert seat.keep(first, losses=0)
    assert seat.look() is None
    seat.offer(1)
    assert seat.look() is first
    assert seat.adopt(1) is seat.flying is first
    assert seat.look() is None
    assert seat.keep(second, losses=0)
    seat.offer(2)
    assert seat.adopt(2) is second
    assert (ended(first), ended(second)) == (True, False)


def test_a_loss_ends_what_flies_and_what_was_formed_before_it() -> None:
    seat, flying, formed, late = Seat(1.0), generation(1), generation(2), generation(3)
    seat.keep(flying, losses=0)
    seat.adopt(1)
    seat.keep(formed, losses=0)
    seat.offer(2)
    seat.lose()
    assert not seat.keep(late, losses=0)
    assert (seat.flying, seat.look()) == (None, None)
    assert [ended(each) for each in (flying, formed, late)] == [True, True, True]
    with pytest.raises(RankLostError, match="generation 2 of the wall is not formed here"):
        seat.adopt(2)


def test_a_generation_that_is_not_here_is_not_offered() -> None:
    seat = Seat(1.0)
    seat.offer(4)
    assert seat.wait(0.0) is None


def test_a_refusal_is_raised_on_the_frame_thread() -> None:
    seat = Seat(1.0)
    seat.refuse("rank 1 has other weights")
    for look in (seat.look, lambda: seat.wait(9.0)):
        with pytest.raises(WallRefusedError, match="rank 1 has other weights"):
            look()


def test_the_limit_reaches_every_group() -> None:
    seat, flying, formed = Seat(1.0), generation(1), generation(2)
    seat.keep(flying, losses=0)
    seat.adopt(1)
    seat.keep(formed, losses=0)
    seat.limit(30.0)
    groups = [flying.frames, flying.ascent, formed.frames, formed.ascent]
    assert [group.limit_s for group in groups] == [30.0] * 4
    assert seat.limit_s == 30.0
