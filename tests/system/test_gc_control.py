from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator

import pytest

from liveflight.system import gc_control


class Knot:
    """Garbage that only the collector can let go of."""

    def __init__(self) -> None:
        self.itself = self


def knotted() -> weakref.ref[Knot]:
    return weakref.ref(Knot())


@pytest.fixture(autouse=True)
def _thresholds() -> Iterator[None]:
    gc.collect()
    before = gc.get_threshold()
    gc.set_threshold(200, 10, 10)
    yield
    gc.set_threshold(*before)


def test_garbage_waits_for_a_rest() -> None:
    with gc_control.manual_collection():
        knot = knotted()
        kept = [Knot() for _ in range(400)]
        assert knot(), "in the midst of a frame"
        gc_control.collect(0.001, lambda: None)
        assert knot(), "there is no time for it"
        gc_control.collect(0.02, lambda: None)
        assert not knot()
    assert len(kept) == 400


def test_little_garbage_is_left() -> None:
    with gc_control.manual_collection():
        gc.collect()
        knot = knotted()
        gc_control.collect(0.02, lambda: None)
        assert knot()


def test_a_show_that_never_rests_collects_what_piles_up() -> None:
    with gc_control.manual_collection():
        knot = knotted()
        kept = [Knot() for _ in range(60 * 200)]
        gc_control.collect(0.0, lambda: None)
        assert not knot()
    assert kept


def test_what_is_let_go_of_waits_for_a_rest() -> None:
    done: list[str] = []
    gc_control.collect(0.001, lambda: done.append("early"))
    gc_control.collect(0.02, lambda: done.append("late"))
    assert done == ["late"]


def test_python_goes_on_as_before() -> None:
    interval = sys.getswitchinterval()
    with pytest.raises(ZeroDivisionError), gc_control.manual_collection():
        assert not gc.isenabled()
        assert sys.getswitchinterval() == pytest.approx(0.001)
        1 / 0  # noqa: B018
    assert gc.isenabled()
    assert sys.getswitchinterval() == pytest.approx(interval)
