"""Filters found by showing a picture."""

import numpy as np
import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.show import filter_ranking

LITE = "efficientnet_lite0"


def stripes(height: int, width: int) -> np.ndarray:
    wave = np.sin(np.arange(width) * 0.9) * 100 + 128
    return np.broadcast_to(wave[None, :, None], (height, width, 3)).astype(np.uint8)


def test_filters_that_answer_most_come_first():
    found = filter_ranking.find(LITE, stripes(60, 90), ["stem", "block5"], most=4)
    assert [each.target.layer for each in found] == ["block5"] * 4 + ["stem"] * 4
    for layer in ("block5", "stem"):
        scores = [each.score for each in found if each.target.layer == layer]
        assert scores == sorted(scores, reverse=True) and scores[0] > 3


def test_what_is_turned_is_seen_by_others():
    upright = filter_ranking.find(LITE, stripes(80, 80), ["block5"], most=3)
    turned = filter_ranking.find(LITE, np.rot90(stripes(80, 80)).copy(), ["block5"], most=3)
    assert [one.target for one in upright] != [one.target for one in turned]


def test_classes_have_names():
    (found,) = filter_ranking.find(LITE, stripes(64, 64), ["class"], most=1)
    assert found.name and found.target.layer == "class"


@pytest.mark.parametrize(
    ("size", "expected"), [((90, 60), (224, 149)), ((1000, 10), (224, 64)), ((1, 1), (224, 224))]
)
def test_a_picture_is_shown_at_the_networks_size(size, expected):
    shown = filter_ranking.reduced(stripes(size[1], size[0]))
    assert shown.shape == (expected[1], expected[0], 3) and shown.dtype == np.float32
    assert 0 <= shown.min() and shown.max() <= 1


def test_an_unknown_layer_is_refused():
    with pytest.raises(LiveflightError, match="has no layer 'conv9'"):
        filter_ranking.find("vgg16", stripes(9, 9), ["conv9"])
