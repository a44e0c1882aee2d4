from __future__ import annotations

import pytest

from liveflight.core.contracts import LiveflightError, Mix, Target
from liveflight.core.target_history import MAX_MIXES, SHORTEST_STAY_S, TargetHistory


def mix(number: int) -> Mix:
    return {Target("vgg16", "conv4_1", number): 1.0}


def flown(*numbers: int, stayed: float = SHORTEST_STAY_S) -> TargetHistory:
    history, before = TargetHistory(), {}
    for number in numbers:
        history.arrived(before, mix(number), stayed)
        before = mix(number)
    return history


def test_it_leads_back_and_forth_and_ends_at_both_ends() -> None:
    history = flown(1, 2, 3)
    for way, number, before in [(-1, 2, 3), (-1, 1, 2), (1, 2, 1), (1, 3, 2)]:
        assert history.step(way) == mix(number)
        history.arrived(mix(before), mix(number), 0.0)
    with pytest.raises(LiveflightError, match="nothing was flown after this"):
        history.step(1)
    with pytest.raises(LiveflightError, match="nothing was flown before this"):
        flown(1).step(-1)


def test_several_steps_need_not_wait_for_each_other() -> None:
    history = flown(1, 2, 3, 4)
    assert [history.step(-1) for _ in range(3)] == [mix(3), mix(2), mix(1)]
    history.arrived(mix(4), mix(1), 9.0)
    assert history.step(1) == mix(2)


def test_what_is_chosen_anew_ends_what_came_after() -> None:
    history = flown(1, 2, 3)
    history.step(-1)
    history.arrived(mix(3), mix(2), 9.0)
    history.arrived(mix(2), mix(7), 9.0)
    assert history.step(-1) == mix(2)
    with pytest.raises(LiveflightError):
        flown(1, 2).step(1)


def test_a_step_that_leads_nowhere_is_forgotten() -> None:
    history = flown(1, 2, 3)
    assert history.step(-1) == mix(2)  # and then the performer takes another
    history.arrived(mix(3), mix(8), 9.0)
    assert history.step(-1) == mix(3)


def test_what_is_only_passed_on_the_way_is_not_kept() -> None:
    history = flown(1)
    for before, number in [(1, 2), (2, 3), (3, 4)]:
        history.arrived(mix(before), mix(number), 9.0 if before == 1 else 0.1)
    assert history.step(-1) == mix(1)
    with pytest.raises(LiveflightError):
        history.step(-1)


def test_what_was_gone_back_to_stays_however_short() -> None:
    history = flown(1, 2)
    history.step(-1)
    history.arrived(mix(2), mix(1), 9.0)
    history.arrived(mix(1), mix(5), 0.0)
    assert history.step(-1) == mix(1)


def test_a_mix_comes_back_with_the_weights_that_it_had_in_the_end() -> None:
    one, other = Target("vgg16", "conv4_1", 1), Target("vgg16", "conv5_1", 2)
    history = TargetHistory()
    history.arrived({}, {one: 0.5, other: 0.5}, 0.0)
    history.arrived({one: 0.9, other: 0.1}, mix(3), 9.0)
    assert history.step(-1) == {one: 0.9, other: 0.1}


def test_it_has_a_bound() -> None:
    history = flown(*range(MAX_MIXES + 50))
    for number in reversed(range(50, MAX_MIXES + 49)):
        assert history.step(-1) == mix(number)
    with pytest.raises(LiveflightError):
        history.step(-1)
