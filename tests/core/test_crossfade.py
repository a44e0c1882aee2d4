from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveflight.core.contracts import Mix, Target
from liveflight.core.crossfade import Crossfade


def target(number: int | None) -> Target:
    return Target("vgg16", "conv4_1", number)


A, B, C = target(1), target(2), target(3)


def total(mix: Mix) -> float:
    return sum(mix.values())


def test_before_the_first_target_there_is_none() -> None:
    crossfade = Crossfade()
    assert crossfade.goal == {}
    assert crossfade.mix(0.0) == crossfade.mix(99.0) == {}


def test_the_first_target_is_there_at_once() -> None:
    crossfade = Crossfade()
    crossfade.go({A: 3.0}, 10.0, 5.0)
    assert crossfade.mix(10.0) == {A: 1.0}


def test_weights_ramp_from_one_target_into_the_next() -> None:
    crossfade = Crossfade()
    crossfade.go({A: 1.0}, 0.0, 0.0)
    crossfade.go({B: 1.0}, 10.0, 4.0)
    assert crossfade.goal == {B: 1.0}
    assert crossfade.mix(10.0) == {A: 1.0}
    assert crossfade.mix(12.0) == pytest.approx({A: 0.5, B: 0.5})
    assert crossfade.mix(14.0) == crossfade.mix(99.0) == {B: 1.0}
    grown = [crossfade.mix(10 + step / 8).get(B, 0.0) for step in range(33)]
    assert grown == sorted(grown)
    assert max(after - before for before, after in itertools.pairwise(grown)) < 0.05


def test_the_ramp_begins_and_ends_gently() -> None:
    crossfade = Crossfade()
    crossfade.go({A: 1.0}, 0.0, 0.0)
    crossfade.go({B: 1.0}, 0.0, 1.0)
    assert crossfade.mix(0.25)[B] == pytest.approx(0.15625)  # smoothstep: 3 x^2 - 2 x^3
    assert crossfade.mix(0.75)[B] == pytest.approx(1 - 0.15625)


def test_without_crossfade_it_is_a_cut() -> None:
    crossfade = Crossfade()
    crossfade.go({A: 1.0}, 0.0, 0.0)
    crossfade.go({B: 1.0}, 3.0, 0.0)
    assert crossfade.mix(3.0) == {B: 1.0}


def test_an_interrupted_crossfade_goes_on_from_where_it_was() -> None:
    crossfade = Crossfade()
    crossfade.go({A: 1.0}, 0.0, 0.0)
    crossfade.go({B: 1.0}, 0.0, 4.0)
    before = crossfade.mix(2.0)
    crossfade.go({C: 1.0}, 2.0, 4.0)
    assert crossfade.mix(2.0) == pytest.approx(before)
    after = crossfade.mix(2.1)
    assert after.get(C, 0.0) < 0.03
    for one in (A, B):
        assert after[one] == pytest.approx(before[one], abs=0.02)
    assert crossfade.mix(6.0) == {C: 1.0}


def test_a_crossfade_back_and_a_crossfade_to_itself() -> None:
    crossfade = Crossfade()
    crossfade.go({A: 1.0}, 0.0, 0.0)
    crossfade.go({B: 1.0}, 0.0, 2.0)
    crossfade.go({A: 1.0}, 1.0, 2.0)
    assert crossfade.mix(1.0) == pytest.approx({A: 0.5, B: 0.5})
    assert crossfade.mix(2.0) == pytest.approx({A: 0.75, B: 0.25})
    crossfade.go({A: 1.0}, 9.0, 2.0)
    assert crossfade.mix(10.0) == {A: 1.0}


def test_a_mix_keeps_its_proportions() -> None:
    crossfade = Crossfade()
    crossfade.go({A: 3.0, B: 1.0}, 0.0, 0.0)
    assert crossfade.goal == crossfade.mix(0.0) == {A: 0.75, B: 0.25}


def test_at_most_six_targets_the_strongest() -> None:
    asked = {target(number): 1.0 + number for number in range(40)}
    crossfade = Crossfade()
    crossfade.go(asked, 0.0, 0.0)
    assert list(crossfade.mix(0.0)) == [target(number) for number in (39, 38, 37, 36, 35, 34)]
    assert crossfade.goal == crossfade.mix(0.0)
    assert total(crossfade.goal) == pytest.approx(1)


def test_the_six_that_a_crossfade_comes_from_stay_as_long_as_it_lasts() -> None:
    here, there = (
        {target(first + number): 1.0 + number for number in range(6)} for first in (0, 6)
    )
    crossfade = Crossfade()
    crossfade.go(here, 0.0, 0.0)
    crossfade.go(there, 0.0, 2.0)
    assert crossfade.mix(0.0).keys() == here.keys()
    for moment in (0.1, 1.0, 1.9):
        assert crossfade.mix(moment).keys() == here.keys() | there.keys()
    assert crossfade.mix(2.0).keys() == there.keys()


def test_an_interrupted_crossfade_leaves_the_weak_behind_from_the_next_moment_on() -> None:
    here, there = (
        {target(first + number): 1.0 + number for number in range(6)} for first in (0, 6)
    )
    crossfade = Crossfade()
    crossfade.go(here, 0.0, 0.0)
    crossfade.go(there, 0.0, 2.0)
    crossfade.go({A: 1.0}, 1.0, 2.0)
    assert crossfade.mix(1.0).keys() == here.keys() | there.keys()
    assert crossfade.mix(1.1).keys() == crossfade.start(1.0).keys() | {A}
    assert len(crossfade.start(1.0)) == 6


def test_what_is_too_faint_to_be_seen_costs_nothing() -> None:
    crossfade = Crossfade()
    crossfade.go({A: 1.0, B: 0.001}, 0.0, 0.0)
    assert crossfade.mix(0.0) == {A: 1.0}


def test_while_a_crossfade_lasts_the_faint_stay() -> None:
    crossfade = Crossfade()
    crossfade.go({A: 1.0}, 0.0, 0.0)
    crossfade.go({B: 1.0}, 0.0, 10.0)
    for step in range(1, 100):
        assert crossfade.mix(step / 10).keys() == {A, B}
    assert crossfade.start(0.3) == {A: 1.0}
    assert crossfade.start(5.0).keys() == {A, B}
    assert crossfade.mix(10.0).keys() == {B}


def test_elapsed_counts_from_the_last_change() -> None:
    crossfade = Crossfade()
    crossfade.go({A: 1.0}, 5.0, 3.0)
    assert crossfade.elapsed(7.5) == 2.5


CHANGES = st.tuples(
    st.dictionaries(st.integers(0, 50).map(target), st.floats(1e-6, 100), min_size=1, max_size=9),
    st.floats(0, 5),
    st.floats(0, 3),
)


@given(st.lists(CHANGES, min_size=1, max_size=12))
def test_no_weight_is_below_0_and_all_are_together_1_whatever_is_drummed(
    changes: Sequence[tuple[Mix, float, float]],
) -> None:
    crossfade, now = Crossfade(), 0.0
    for goal, seconds, pause in changes:
        crossfade.go(goal, now, seconds)
        for moment in (now, now + pause / 2, now + pause):
            mix = crossfade.mix(moment)
            assert 1 <= len(mix) <= 12
            assert len(crossfade.goal) <= 6
            assert min(mix.values()) >= 0
            assert total(mix) == pytest.approx(1)
        now += pause
    assert set(crossfade.mix(now + 10)) == set(crossfade.goal)
