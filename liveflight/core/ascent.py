"""Turn rates per second into the ascent of one tick. Pure: time comes in as dt."""

from __future__ import annotations

import math

from liveflight.core.contracts import Ascent
from liveflight.core.controls import Controls

_MAX_SOFTEN = 0.2
"""Largest stable share per tick: diffusion to four neighbours starts to ring above a quarter."""

LONGEST_TICK_S = 0.125
"""Seconds that one tick may stand for, unless single frames are slower.

A larger step would make the picture jump. Below eight ticks a second it therefore grows more slowly
than was asked."""


def ascent(controls: Controls, dt: float, steps: int) -> Ascent:
    """Return the settings for `dt` seconds of ascent in `steps` steps.

    Noise adds up by its variance, hence the square root."""
    return Ascent(
        amount=controls.number("ascent.rate") * dt,
        steps=steps,
        objective=controls.word("ascent.objective"),
        normalise=controls.flag("ascent.normalise"),
        jitter=controls.whole("ascent.jitter"),
        octaves=controls.number("ascent.octaves"),
        smoothing=controls.number("ascent.smoothing"),
        decorrelation=controls.number("ascent.decorrelation"),
        soften=min(controls.number("ascent.soften") * dt / 4, _MAX_SOFTEN),
        noise=controls.number("ascent.noise") * math.sqrt(dt),
        brightness=controls.number("colour.brightness"),
        contrast=controls.number("colour.contrast"),
        pull=1 - math.exp(-controls.number("colour.pull") * dt),
    )
