"""From rates per second to one tick's ascent. Pure: time comes in as dt."""

from __future__ import annotations

import math

from liveflight.core.contracts import Ascent
from liveflight.core.controls import Controls

_STABLE = 0.2
"""Diffusion to four neighbours starts to ring above a quarter."""

LONGEST = 0.125
"""Seconds one tick may stand for, unless frames are that slow: a longer way in one step would throw
the picture about, so below eight ticks a second it grows more slowly than was asked."""


def ascent(controls: Controls, dt: float, steps: int) -> Ascent:
    """What `dt` seconds of ascent in so many steps amount to. Noise adds up by its variance, hence
    the square root."""
    return Ascent(
        amount=controls.number("ascent.rate") * dt,
        steps=steps,
        objective=controls.word("ascent.objective"),
        normalise=controls.flag("ascent.normalise"),
        jitter=controls.whole("ascent.jitter"),
        octaves=controls.number("ascent.octaves"),
        smoothing=controls.number("ascent.smoothing"),
        decorrelation=controls.number("ascent.decorrelation"),
        soften=min(controls.number("ascent.soften") * dt / 4, _STABLE),
        noise=controls.number("ascent.noise") * math.sqrt(dt),
        brightness=controls.number("colour.brightness"),
        contrast=controls.number("colour.contrast"),
        pull=1 - math.exp(-controls.number("colour.pull") * dt),
    )
