from __future__ import annotations

import pytest
from each import each


@each([1, 2, 3, 4])
@pytest.mark.parametrize("odd", [0, 1])
def check(number: int, odd: int) -> None:
    assert number % 2 == odd


def test_all_that_fail_are_named_and_the_first_is_the_cause() -> None:
    with pytest.raises(AssertionError, match=r"^2 of 4 fail: 1, 3$") as failed:
        check(odd=0)
    assert "assert (1 % 2) == 0" in str(failed.value.__cause__)
    assert [mark.name for mark in check.pytestmark] == ["parametrize"]  # type: ignore[attr-defined]


def test_nothing_to_check_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="nothing to check"):
        each([])


@each(["raises", "does not"])
def raising(item: str) -> None:
    with pytest.raises(ValueError):
        int("1" if item == "does not" else "one")


def test_a_failure_of_pytests_own_counts_too() -> None:
    with pytest.raises(AssertionError, match=r"^1 of 2 fail: does not$") as failed:
        raising()
    assert "DID NOT RAISE" in str(failed.value.__cause__)
