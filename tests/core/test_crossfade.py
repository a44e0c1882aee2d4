from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveflight.core.contracts import Mix, Target
from liveflight.core.crossfade import Autopilot, Crossfade


def target(number: int | None) -> Target:
    return Target("vgg16", "conv4_1", number)


A, B, C = target(1), target(2), target(3)


def total(mix: Mix) -> float:
    return sum(mix.values())


# The mix of every instant


def test_before_the_first_target_there_is_none() -> None:
    schedule = Crossfade()
    assert schedule.goal == {}
    assert schedule.mix(0.0) == schedule.mix(99.0) == {}


def test_the_first_target_is_there_at_once() -> None:
    schedule = Crossfade()
    schedule.go({A: 3.0}, 10.0, 5.0)
    assert schedule.mix(10.0) == {A: 1.0}


def test_weights_ramp_from_one_target_into_the_next() -> None:
    schedule = Crossfade()
    schedule.go({A: 1.0}, 0.0, 0.0)
    schedule.go({B: 1.0}, 10.0, 4.0)
    assert schedule.goal == {B: 1.0}
    assert schedule.mix(10.0) == {A: 1.0}
    assert schedule.mix(12.0) == pytest.approx({A: 0.5, B: 0.5})
    assert schedule.mix(14.0) == schedule.mix(99.0) == {B: 1.0}
    grown = [schedule.mix(10 + step / 8).get(B, 0.0) for step in range(33)]
    assert grown == sorted(grown)
    assert max(after - before for before, after in itertools.pairwise(grown)) < 0.05


def test_the_ramp_begins_and_ends_gently() -> None:
    schedule = Crossfade()
    schedule.go({A: 1.0}, 0.0, 0.0)
    schedule.go({B: 1.0}, 0.0, 1.0)
    assert schedule.mix(0.25)[B] == pytest.approx(0.15625)  # smoothstep: 3 x^2 - 2 x^3
    assert schedule.mix(0.75)[B] == pytest.approx(1 - 0.15625)


def test_without_crossfade_it_is_a_cut() -> None:
    schedule = Crossfade()
    schedule.go({A: 1.0}, 0.0, 0.0)
    schedule.go({B: 1.0}, 3.0, 0.0)
    assert schedule.mix(3.0) == {B: 1.0}


def test_an_interrupted_crossfade_goes_on_from_where_it_was() -> None:
    schedule = Crossfade()
    schedule.go({A: 1.0}, 0.0, 0.0)
    schedule.go({B: 1.0}, 0.0, 4.0)
    before = schedule.mix(2.0)
    schedule.go({C: 1.0}, 2.0, 4.0)
    assert schedule.mix(2.0) == pytest.approx(before)
    after = schedule.mix(2.1)
    assert after.get(C, 0.0) < 0.03
    for one in (A, B):
        assert after[one] == pytest.approx(before[one], abs=0.02)
    assert schedule.mix(6.0) == {C: 1.0}


def test_a_crossfade_back_and_a_crossfade_to_itself() -> None:
    schedule = Crossfade()
    schedule.go({A: 1.0}, 0.0, 0.0)
    schedule.go({B: 1.0}, 0.0, 2.0)
    schedule.go({A: 1.0}, 1.0, 2.0)
    assert schedule.mix(1.0) == pytest.approx({A: 0.5, B: 0.5})
    assert schedule.mix(2.0) == pytest.approx({A: 0.75, B: 0.25})
    schedule.go({A: 1.0}, 9.0, 2.0)
    assert schedule.mix(10.0) == {A: 1.0}


def test_a_mix_keeps_its_proportions() -> None:
    schedule = Crossfade()
    schedule.go({A: 3.0, B: 1.0}, 0.0, 0.0)
    assert schedule.goal == schedule.mix(0.0) == {A: 0.75, B: 0.25}


def test_at_most_six_targets_the_strongest() -> None:
    asked = {target(number): 1.0 + number for number in range(40)}
    schedule = Crossfade()
    schedule.go(asked, 0.0, 0.0)
    assert list(schedule.mix(0.0)) == [target(number) for number in (39, 38, 37, 36, 35, 34)]
    assert schedule.goal == schedule.mix(0.0)
    assert total(schedule.goal) == pytest.approx(1)


def test_the_six_that_a_crossfade_comes_from_stay_as_long_as_it_lasts() -> None:
    here, there = (
        {target(first + number): 1.0 + number for number in range(6)} for first in (0, 6)
    )
    schedule = Crossfade()
    schedule.go(here, 0.0, 0.0)
    schedule.go(there, 0.0, 2.0)
    assert schedule.mix(0.0).keys() == here.keys()
    for moment in (0.1, 1.0, 1.9):
        assert schedule.mix(moment).keys() == here.keys() | there.keys()
    assert schedule.mix(2.0).keys() == there.keys()


def test_an_interrupted_crossfade_leaves_the_weak_behind_from_the_next_moment_on() -> None:
    here, there = (
        {target(first + number): 1.0 + number for number in range(6)} for first in (0, 6)
    )
    schedule = Crossfade()
    schedule.go(here, 0.0, 0.0)
    schedule.go(there, 0.0, 2.0)
    schedule.go({A: 1.0}, 1.0, 2.0)
    assert schedule.mix(1.0).keys() == here.keys() | there.keys()
    assert schedule.mix(1.1).keys() == schedule.start(1.0).keys() | {A}
    assert len(schedule.start(1.0)) == 6


def test_what_is_too_faint_to_be_seen_costs_nothing() -> None:
    schedule = Crossfade()
    schedule.go({A: 1.0, B: 0.001}, 0.0, 0.0)
    assert schedule.mix(0.0) == {A: 1.0}


def test_while_a_crossfade_lasts_the_faint_stay() -> None:
    schedule = Crossfade()
    schedule.go({A: 1.0}, 0.0, 0.0)
    schedule.go({B: 1.0}, 0.0, 10.0)
    for step in range(1, 100):
        assert schedule.mix(step / 10).keys() == {A, B}
    assert schedule.start(0.3) == {A: 1.0}
    assert schedule.start(5.0).keys() == {A, B}
    assert schedule.mix(10.0).keys() == {B}


def test_elapsed_counts_from_the_last_change() -> None:
    schedule = Crossfade()
    schedule.go({A: 1.0}, 5.0, 3.0)
    assert schedule.elapsed(7.5) == 2.5


CHANGES = st.tuples(
    st.dictionaries(st.integers(0, 50).map(target), st.floats(1e-6, 100), min_size=1, max_size=9),
    st.floats(0, 5),
    st.floats(0, 3),
)


@given(st.lists(CHANGES, min_size=1, max_size=12))
def test_no_weight_is_below_0_and_all_are_together_1_whatever_is_drummed(
    changes: Sequence[tuple[Mix, float, float]],
) -> None:
    schedule, now = Crossfade(), 0.0
    for goal, crossfade, pause in changes:
        schedule.go(goal, now, crossfade)
        for moment in (now, now + pause / 2, now + pause):
            mix = schedule.mix(moment)
            assert 1 <= len(mix) <= 12
            assert len(schedule.goal) <= 6
            assert min(mix.values()) >= 0
            assert total(mix) == pytest.approx(1)
        now += pause
    assert set(schedule.mix(now + 10)) == set(schedule.goal)


# The autopilot's way


def test_a_journey_goes_round_in_order() -> None:
    journey = Autopilot(0)
    journey.follow([A, B, C])
    assert journey.stops == (A, B, C)
    here, seen = C, []
    for _ in range(6):
        here = journey.onward(here, [])
        seen.append(here)
    assert seen == [A, B, C, A, B, C]


def test_a_journey_that_begins_here_goes_on_to_the_next_stop() -> None:
    journey = Autopilot(0)
    journey.follow([A, B])
    assert journey.onward(A, []) == B
    assert journey.onward(B, []) == A


def test_a_new_journey_begins_at_its_start() -> None:
    journey = Autopilot(0)
    journey.follow([A, B, C])
    journey.onward(C, [])
    journey.follow([B, C])
    assert journey.onward(A, []) == B


@pytest.mark.parametrize("stops", [[A], [A, A], [A] * 2000])
def test_a_journey_of_one_place_stays_there(stops: list[Target]) -> None:
    journey = Autopilot(0)
    journey.follow(stops)
    assert journey.onward(A, [5, 6]) == A
    assert journey.onward(B, [5, 6]) == A


def test_without_a_list_it_wanders_among_the_living() -> None:
    journey = Autopilot(0)
    here, active_filters = A, [1, 4, 7, 9]
    for _ in range(50):
        there = journey.onward(here, active_filters)
        assert there.filter in active_filters and there != here
        assert (there.network, there.layer) == ("vgg16", "conv4_1")
        here = there


def test_wandering_reaches_all_that_lives() -> None:
    journey = Autopilot(3)
    assert {journey.wander(A, [1, 4, 7, 9]).filter for _ in range(100)} == {4, 7, 9}


def test_wandering_from_a_whole_layer_finds_a_filter() -> None:
    assert Autopilot(0).wander(target(None), [5]) == target(5)


@pytest.mark.parametrize("active_filters", [[], [1]])
def test_where_nothing_else_lives_it_stays(active_filters: list[int]) -> None:
    assert Autopilot(0).wander(A, active_filters) == A


def test_a_seed_gives_the_same_way_and_another_seed_another() -> None:
    def way(seed: int) -> list[Target]:
        journey, here, seen = Autopilot(seed), A, []
        for _ in range(20):
            here = journey.wander(here, range(500))
            seen.append(here)
        return seen

    assert way(7) == way(7)
    assert way(7) != way(8)
    assert all(type(one.filter) is int for one in way(7))


def test_wandering_keeps_away_from_the_last_places_of_this_layer_alone() -> None:
    journey, here = Autopilot(1), A
    way = [here := journey.wander(here, range(14)) for _ in range(13)]
    assert len(set(way[:12])) == 12 and A not in way[:12]
    elsewhere = Target("vgg19", "conv4_1", 5)
    assert {journey.wander(elsewhere, [5, 1, 2, 3, 4]).filter for _ in range(50)} == {1, 2, 3, 4}


@pytest.mark.parametrize("active_filters", [2, 3, 6, 12])
def test_among_few_filters_it_makes_rounds(active_filters: int) -> None:
    journey, here = Autopilot(1), target(0)
    likeness = [0.4 if number < 2 else 0.9 for number in range(active_filters)]
    way = [
        here := journey.wander(here, range(active_filters), likeness)
        for _ in range(10 * active_filters)
    ]
    counts = [way.count(target(number)) for number in range(active_filters)]
    assert min(counts) >= 8


def test_the_best_neighbour_of_a_handful_is_neither_the_same_nor_a_stranger() -> None:
    likeness = [0.99, 1.0, 0.95, 0.45, -0.2, 0.0]
    assert Autopilot(2).wander(A, range(6), likeness) == target(3)
