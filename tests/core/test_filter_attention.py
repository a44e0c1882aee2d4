"""What stands out of a row of answers."""

import numpy as np
import pytest

from liveflight.core.filter_attention import AVERAGING_S, FilterAttention


def answers(*strong: tuple[int, float]) -> np.ndarray:
    row = np.full(12, -1.0, np.float32)
    for number, score in strong:
        row[number] = score
    return row


def test_the_strongest_of_the_first_picture_is_chosen() -> None:
    attention = FilterAttention()
    assert attention.choose(range(12), ()) is None
    attention.see(answers((4, 30.0), (7, 20.0)), 1.0)
    assert attention.choose(range(12), ()) == 4
    assert attention.choose([1, 7, 40], ()) == 7, "of those asked for"
    assert attention.choose([], ()) is None


def test_what_answers_to_everything_stands_out_of_nothing() -> None:
    attention = FilterAttention()
    attention.see(answers((4, 40.0), (7, 30.0)), 1.0)
    attention.see(answers((4, 40.0), (9, 25.0)), 1.0)
    assert attention.choose(range(12), ()) == 9


def test_in_front_of_the_same_picture_the_strongest_take_turns() -> None:
    attention, flown, seen = FilterAttention(), [-1, -1, -1], []
    for _ in range(60):
        attention.see(
            answers((4, 40.0), (7, 30.0), (9, 25.0), (2, 21.0), (5, 3.0)), AVERAGING_S / 3
        )
        chosen = attention.choose(range(12), flown[-3:])
        assert chosen is not None
        flown.append(chosen)
        seen.append(chosen)
    assert set(seen) == {4, 7, 9, 2}, "5 answers too little"
    assert seen[:4] == [4, 7, 9, 2]


def test_what_was_flown_comes_again_only_where_nothing_else_answers() -> None:
    attention = FilterAttention()
    attention.see(answers((4, 30.0), (7, 20.0)), 1.0)
    assert attention.choose(range(12), [4]) == 7
    assert attention.choose(range(12), [4, 7]) == 4


@pytest.mark.parametrize("strongest", [1.0, -3.0])
def test_where_nothing_answers_nothing_is_chosen(strongest: float) -> None:
    attention = FilterAttention()
    attention.see(answers((4, strongest)), 1.0)
    assert attention.choose(range(12), ()) is None


def test_what_an_earlier_picture_silenced_is_not_thereby_an_answer() -> None:
    attention = FilterAttention()
    attention.see(answers((4, 30.0), (7, -90.0)), 1.0)
    attention.see(answers((4, 30.0), (7, 16.0), (9, 29.0)), 1.0)
    assert attention.choose(range(12), ()) == 9


def test_after_a_while_what_was_usual_is_so_no_more() -> None:
    attention = FilterAttention()
    attention.see(answers((4, 40.0)), 1.0)
    for _ in range(int(3 * AVERAGING_S)):
        attention.see(answers((9, 30.0)), 1.0)
    attention.see(answers((4, 40.0), (9, 30.0)), 1.0)
    assert attention.choose(range(12), ()) == 4


def test_another_network_begins_anew() -> None:
    attention = FilterAttention()
    attention.see(answers((4, 40.0)), 1.0)
    attention.see(np.array([0.0, 8.0], np.float32), 1.0)
    assert attention.choose(range(12), ()) == 1
