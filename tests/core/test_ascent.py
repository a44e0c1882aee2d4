from __future__ import annotations

import math

import pytest

from liveflight.core.ascent import Upkeep, amount, ascent, upkeep, view_settings
from liveflight.core.contracts import Ascent, Value
from liveflight.core.controls import Controls
from liveflight.core.views import ViewSettings


def controls(settings: dict[str, Value]) -> Controls:
    flown = Controls()
    for key, value in settings.items():
        flown.set(key, value)
    flown.jump()
    return flown


def test_every_control_arrives() -> None:
    flown = controls(
        {
            "ascent.rate": 2.0,
            "ascent.objective": "neuron",
            "ascent.normalise": False,
            "ascent.detail": 0.75,
            "ascent.jitter": 18,
            "ascent.octaves": 1.25,
            "ascent.smoothing": 2.5,
            "ascent.decorrelation": 0.75,
            "ascent.soften": 2.0,
            "ascent.noise": 0.5,
            "colour.brightness": 0.625,
            "colour.contrast": 0.375,
            "colour.pull": 4.0,
            "pad.spread": 0.25,
            "pad.on": True,
        }
    )
    assert amount(flown, 0.25) == 0.5
    assert ascent(flown) == Ascent("neuron", False, 2.5, 0.75)
    assert upkeep(flown) == Upkeep(0.625, 0.375, 4.0, 2.0, 0.5)
    assert view_settings(flown) == ViewSettings(0.75, 1.25, 9.0, 0.25)


def test_without_the_pad_no_view_of_the_whole_is_left_out() -> None:
    assert view_settings(controls({"pad.spread": 0.25, "pad.on": False})).spread == 0.0


def test_a_second_of_small_frames_amounts_to_a_second_of_large_ones() -> None:
    flown = controls({"ascent.noise": 0.3, "ascent.soften": 4.0})
    assert amount(flown, 1 / 30) == pytest.approx(2 * amount(flown, 1 / 60))
    kept = upkeep(flown)
    assert kept.grain(1 / 30) ** 2 == pytest.approx(2 * kept.grain(1 / 60) ** 2)  # variances
    assert 1 - kept.softened(1 / 30) == pytest.approx((1 - kept.softened(1 / 60)) ** 2)


def test_softening_never_exceeds_the_smoothest_kernel() -> None:
    assert Upkeep(soften=2.0).softened(0.5) == pytest.approx(1 - math.exp(-0.05))
    assert 0.99 < Upkeep(soften=20.0).softened(10.0) <= 1


def test_everything_can_be_switched_off() -> None:
    off: dict[str, Value] = {
        f"ascent.{name}": 0.0
        for name in ("rate", "detail", "octaves", "smoothing", "decorrelation", "soften", "noise")
    }
    off |= {"ascent.jitter": 0, "ascent.normalise": False, "colour.pull": 0.0, "pad.on": False}
    plain = controls(off)
    assert amount(plain, 1 / 30) == 0
    assert ascent(plain) == Ascent("channel", False, 0.0, 0.0)
    assert view_settings(plain) == ViewSettings(0.0, 0.0, 0.0, 0.0)
    kept = upkeep(plain)
    assert (kept.softened(1.0), kept.grain(1.0), kept.pull) == (0, 0, 0)
