from __future__ import annotations

import pytest

from liveflight.core.autopilot import Autopilot
from liveflight.core.contracts import Target


def target(number: int | None) -> Target:
    return Target("vgg16", "conv4_1", number)


A, B, C = target(1), target(2), target(3)


def test_a_journey_goes_round_in_order() -> None:
    autopilot = Autopilot(0)
    autopilot.follow([A, B, C])
    assert autopilot.stops == (A, B, C)
    here, seen = C, []
    for _ in range(6):
        here = autopilot.onward(here, [])
        seen.append(here)
    assert seen == [A, B, C, A, B, C]


def test_a_journey_that_begins_here_goes_on_to_the_next_stop() -> None:
    autopilot = Autopilot(0)
    autopilot.follow([A, B])
    assert autopilot.onward(A, []) == B
    assert autopilot.onward(B, []) == A


def test_a_new_journey_begins_at_its_start() -> None:
    autopilot = Autopilot(0)
    autopilot.follow([A, B, C])
    autopilot.onward(C, [])
    autopilot.follow([B, C])
    assert autopilot.onward(A, []) == B


@pytest.mark.parametrize("stops", [[A], [A, A], [A] * 2000])
def test_a_journey_of_one_place_stays_there(stops: list[Target]) -> None:
    autopilot = Autopilot(0)
    autopilot.follow(stops)
    assert autopilot.onward(A, [5, 6]) == A
    assert autopilot.onward(B, [5, 6]) == A


def test_without_a_list_it_wanders_among_the_living() -> None:
    autopilot = Autopilot(0)
    here, active_filters = A, [1, 4, 7, 9]
    for _ in range(50):
        there = autopilot.onward(here, active_filters)
        assert there.filter in active_filters and there != here
        assert (there.network, there.layer) == ("vgg16", "conv4_1")
        here = there


def test_wandering_reaches_all_that_lives() -> None:
    autopilot = Autopilot(3)
    assert {autopilot.wander(A, [1, 4, 7, 9]).filter for _ in range(100)} == {4, 7, 9}


def test_wandering_from_a_whole_layer_finds_a_filter() -> None:
    assert Autopilot(0).wander(target(None), [5]) == target(5)


@pytest.mark.parametrize("active_filters", [[], [1]])
def test_where_nothing_else_lives_it_stays(active_filters: list[int]) -> None:
    assert Autopilot(0).wander(A, active_filters) == A


def test_a_seed_gives_the_same_way_and_another_seed_another() -> None:
    def way(seed: int) -> list[Target]:
        autopilot, here, seen = Autopilot(seed), A, []
        for _ in range(20):
            here = autopilot.wander(here, range(500))
            seen.append(here)
        return seen

    assert way(7) == way(7)
    assert way(7) != way(8)
    assert all(type(one.filter) is int for one in way(7))


def test_wandering_keeps_away_from_the_last_places_of_this_layer_alone() -> None:
    autopilot, here = Autopilot(1), A
    way = [here := autopilot.wander(here, range(14)) for _ in range(13)]
    assert len(set(way[:12])) == 12 and A not in way[:12]
    elsewhere = Target("vgg19", "conv4_1", 5)
    assert {autopilot.wander(elsewhere, [5, 1, 2, 3, 4]).filter for _ in range(50)} == {1, 2, 3, 4}


@pytest.mark.parametrize("active_filters", [2, 3, 6, 12])
def test_among_few_filters_it_makes_rounds(active_filters: int) -> None:
    autopilot, here = Autopilot(1), target(0)
    likeness = [0.4 if number < 2 else 0.9 for number in range(active_filters)]
    way = [
        here := autopilot.wander(here, range(active_filters), likeness)
        for _ in range(10 * active_filters)
    ]
    counts = [way.count(target(number)) for number in range(active_filters)]
    assert min(counts) >= 8


def test_the_best_neighbour_of_a_handful_is_neither_the_same_nor_a_stranger() -> None:
    likeness = [0.99, 1.0, 0.95, 0.45, -0.2, 0.0]
    assert Autopilot(2).wander(A, range(6), likeness) == target(3)
