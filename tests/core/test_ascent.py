from __future__ import annotations

import math

import pytest

from liveflight.core.ascent import ascent
from liveflight.core.contracts import Value
from liveflight.core.controls import Controls


def controls(settings: dict[str, Value]) -> Controls:
    flown = Controls()
    for key, value in settings.items():
        flown.set(key, value)
    flown.jump()
    return flown


def test_every_control_arrives() -> None:
    settings: dict[str, Value] = {
        "ascent.rate": 2.0,
        "ascent.objective": "neuron",
        "ascent.normalise": False,
        "ascent.jitter": 17,
        "ascent.octaves": 1.25,
        "ascent.smoothing": 2.5,
        "ascent.decorrelation": 0.75,
        "ascent.soften": 2.0,
        "ascent.noise": 0.5,
        "colour.brightness": 0.625,
        "colour.contrast": 0.375,
        "colour.pull": 4.0,
    }
    asked = ascent(controls(settings), 0.25, 3)
    assert asked.amount == 0.5
    assert asked.steps == 3
    assert asked.objective == "neuron"
    assert asked.normalise is False
    assert asked.jitter == 17
    assert (asked.octaves, asked.smoothing, asked.decorrelation) == (1.25, 2.5, 0.75)
    assert asked.soften == 0.125
    assert asked.noise == 0.25
    assert (asked.brightness, asked.contrast) == (0.625, 0.375)
    assert asked.pull == pytest.approx(1 - math.exp(-1))


def test_a_second_of_small_frames_amounts_to_a_second_of_large_ones() -> None:
    flown = controls({"ascent.noise": 0.3, "colour.pull": 3.0, "ascent.soften": 4.0})
    large, small = ascent(flown, 1 / 30, 2), ascent(flown, 1 / 60, 2)
    assert large.amount == pytest.approx(2 * small.amount)
    assert large.noise**2 == pytest.approx(2 * small.noise**2)  # variances add up
    assert 1 - large.pull == pytest.approx((1 - small.pull) ** 2)
    assert large.soften == pytest.approx(2 * small.soften)


def test_diffusion_stays_where_it_does_not_ring() -> None:
    assert ascent(controls({"ascent.soften": 20.0}), 0.1, 1).soften == 0.2


def test_everything_can_be_switched_off() -> None:
    off: dict[str, Value] = {
        f"ascent.{name}": 0.0
        for name in ("rate", "octaves", "smoothing", "decorrelation", "soften", "noise")
    }
    off |= {"ascent.jitter": 0, "ascent.normalise": False, "colour.pull": 0.0}
    plain = ascent(controls(off), 1 / 30, 0)
    assert (plain.amount, plain.steps, plain.jitter, plain.normalise) == (0, 0, 0, False)
    assert (plain.octaves, plain.smoothing, plain.decorrelation) == (0, 0, 0)
    assert (plain.soften, plain.noise, plain.pull) == (0, 0, 0)
