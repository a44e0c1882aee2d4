from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from liveflight.core.contracts import Mix, Target
from liveflight.core.views import MASK_MARGIN, View, level_count, level_shares, mask, widest_scale

MIX: Mix = {Target("vgg16", "conv4_1", 3): 1.0}


@pytest.mark.parametrize(
    ("canvas", "view", "levels"),
    [
        ((320, 180), (320, 180), 1),
        ((640, 360), (320, 180), 2),
        ((1280, 720), (320, 180), 3),
        ((3840, 2160), (320, 180), 4),
        ((3840, 2160), (960, 540), 3),
        ((160, 90), (320, 180), 1),
        ((596, 335), (320, 180), 1),
        ((598, 336), (320, 180), 2),
        ((90, 160), (54, 54), 2),
    ],
)
def test_levels_go_on_until_a_pixel_is_about_one_of_the_canvas(
    canvas: tuple[int, int], view: tuple[int, int], levels: int
) -> None:
    assert level_count(canvas, view) == levels
    assert widest_scale(canvas, view) / 2 ** (levels - 1) >= 2**-0.1 or levels == 1
    assert widest_scale(canvas, view) / 2**levels < 2**-0.1


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("detail", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_shares_are_a_whole_and_fall_or_rise_evenly(detail: float, count: int) -> None:
    shares = level_shares(detail, count)
    assert len(shares) == count and sum(shares) == pytest.approx(1)
    ratios = [after / before if before else 0.0 for before, after in itertools.pairwise(shares)]
    assert ratios[2:] == pytest.approx(ratios[1:-1]) if detail else not any(ratios)


def test_detail_goes_from_the_whole_to_the_finest() -> None:
    assert level_shares(0.0, 4) == [1, 0, 0, 0]
    assert level_shares(1.0, 3)[2] > 0.85
    finest = [level_shares(detail / 10, 3)[2] for detail in range(11)]
    assert finest == sorted(finest)


def test_the_mask_is_flat_inside_and_nothing_at_the_border() -> None:
    assert MASK_MARGIN == 0.25
    places = np.array([-0.6, -0.5, -0.375, -0.25, 0.0, 0.25, 0.375, 0.5, 0.6])
    np.testing.assert_allclose(mask(places), [0, 0, 0.5, 1, 1, 1, 0.5, 0, 0], atol=1e-12)


def test_the_matrix_maps_the_middle_the_top_and_the_right_of_a_view() -> None:
    turned = View(0.3, -0.2, span=0.5, rotation=math.radians(90))
    places = {(0.3, -0.2): (0, 0), (0.05, -0.2): (0, 0.5), (0.3, 0.05): (0.5, 0)}
    for canvas, view in places.items():
        assert turned.matrix @ (*canvas, 1) == pytest.approx((*view, 1))


def test_only_parts_are_filtered_and_only_what_has_finer_ones_below_is_smoothed() -> None:
    whole, part, finest = View(0, 0, 1), View(0, 0, 0.5, level=1), View(0, 0, 0.25, 0, 2, True)
    assert [view.step(MIX).high_pass > 0 for view in (whole, part, finest)] == [False, True, True]
    assert [view.step(MIX).low_pass > 0 for view in (whole, part, finest)] == [True, True, False]
    assert whole.step(MIX).smoothing == 1.0 > part.step(MIX).smoothing
    assert whole.chroma == 1.0
    assert finest.chroma == pytest.approx(part.chroma**2) and part.chroma < 1
    assert all(view.step(MIX).mix is MIX for view in (whole, part, finest))


def test_a_part_takes_no_large_step() -> None:
    whole, part, finest = View(0, 0, 1), View(0, 0, 0.5, level=1), View(0, 0, 0.25, 0, 2, True)
    assert [whole.amount(rms) for rms in (0.0, 0.01, 9.0)] == [0.0, 0.01, 9.0]
    for view in (part, finest):
        steps = [view.amount(rms) for rms in (0.0, 0.01, 0.02, 0.1, 1.0, 9.0)]
        assert steps[0] == 0 and steps[2] == pytest.approx(2 * steps[1])
        assert steps[3:] == [max(steps)] * 3 and steps[3] <= 0.1
