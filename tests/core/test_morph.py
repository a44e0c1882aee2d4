from __future__ import annotations

import pytest

from liveflight.core.controls import CONTROLS
from liveflight.core.morph import CURVES, Morph, eased

ZOOM, STEPS, MIRROR = (CONTROLS[key] for key in ("camera.zoom", "ascent.steps", "warp.mirror"))


@pytest.mark.parametrize("curve", CURVES)
def test_every_curve_begins_at_0_ends_at_1_and_never_turns_back(curve: str) -> None:
    way = [eased(curve, step / 64) for step in range(65)]
    assert (way[0], way[-1]) == (0.0, 1.0)
    assert way == sorted(way)
    assert (eased(curve, -1.0), eased(curve, 2.0)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("curve", "quarter"),
    [("smooth", 0.15625), ("linear", 0.25), ("slow start", 0.0625), ("slow end", 0.4375)],
)
def test_a_quarter_of_each_curve(curve: str, quarter: float) -> None:
    assert eased(curve, 0.25) == quarter


def test_faders_move_whole_numbers_and_choices_change_once_at_the_middle() -> None:
    ways = [(ZOOM, 1.0, 4.0), (STEPS, 1, 5), (MIRROR, "off", "both")]
    morph = Morph(ways, 4.0, "linear")
    seen = [morph.advance(1.0) for _ in range(4)]
    # Zoom is geometric: the middle of the way from 1 to 4 is 2.
    assert [row["camera.zoom"] for row in seen] == pytest.approx([2**0.5, 2, 2**1.5, 4])
    assert [row["ascent.steps"] for row in seen] == [1, 5, 5, 5]
    assert [row["warp.mirror"] for row in seen] == ["off", "both", "both", "both"]
    assert morph.advance(1.0) == {}


def test_what_is_released_stays_and_the_rest_arrives() -> None:
    morph = Morph([(ZOOM, 1.0, 4.0), (STEPS, 1, 5)], 2.0)
    morph.advance(1.0)
    morph.release("camera.zoom")
    assert morph.advance(1.0) == {"ascent.steps": 5}


def test_without_time_it_is_there_at_once() -> None:
    assert Morph([(ZOOM, 1.0, 4.0)]).advance(0.0) == {"camera.zoom": 4.0}
