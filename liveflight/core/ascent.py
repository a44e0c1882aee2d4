"""Turn rates per second into what one tick and one frame do. Pure: time comes in as dt."""

from __future__ import annotations

import math
from dataclasses import dataclass

from liveflight.core.contracts import Ascent
from liveflight.core.controls import Controls
from liveflight.core.views import ViewSettings

LONGEST_TICK_S = 0.125
"""Seconds that one tick may stand for, unless single frames are slower.

A larger step would make the picture jump. Below eight ticks a second it therefore grows more slowly
than was asked."""

_SOFTEN_RATE = 0.05
"""Share of the smoothest kernel per unit of `ascent.soften` and second."""

_MAX_SOFTENED, _MAX_GRAIN = 0.1, 0.02
"""The most smoothing, and the highest deviation of noise, that may come at once unseen."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Hold what the canvas is kept to, as rates per second."""

    brightness: float = 0.5
    """The mean the picture is pulled towards."""
    contrast: float = 0.2
    """The standard deviation the picture is pulled towards."""
    pull: float = 0.0
    """How firmly, 1/s; 0 is off."""
    soften: float = 0.0
    """Smoothing of the finest detail, 1/s; 0 is off."""
    noise: float = 0.0
    """Standard deviation of fresh noise per root of a second; 0 is off."""

    def softened(self, dt: float) -> float:
        """Return how much of the smoothest kernel a warp after `dt` seconds applies, 0..1."""
        return 1 - math.exp(-_SOFTEN_RATE * self.soften * dt)

    def grain(self, dt: float) -> float:
        """Return the deviation of `dt` seconds of noise: it adds up by its variance."""
        return self.noise * math.sqrt(dt)

    def pulses(self, dt: float) -> bool:
        """Return whether smoothing and noise of `dt` seconds at once would be seen as a pulse."""
        return self.softened(dt) > _MAX_SOFTENED or self.grain(dt) > _MAX_GRAIN


def ascent(controls: Controls) -> Ascent:
    """Return what the engine does to gradients."""
    return Ascent(
        objective=controls.word("ascent.objective"),
        normalise=controls.flag("ascent.normalise"),
        smoothing=controls.number("ascent.smoothing"),
        decorrelation=controls.number("ascent.decorrelation"),
    )


def upkeep(controls: Controls) -> Upkeep:
    """Return what the canvas is kept to."""
    return Upkeep(
        brightness=controls.number("colour.brightness"),
        contrast=controls.number("colour.contrast"),
        pull=controls.number("colour.pull"),
        soften=controls.number("ascent.soften"),
        noise=controls.number("ascent.noise"),
    )


def view_settings(controls: Controls) -> ViewSettings:
    """Return where views may lie and how large they may be."""
    return ViewSettings(
        detail=controls.number("ascent.detail"),
        octaves=controls.number("ascent.octaves"),
        jitter=controls.whole("ascent.jitter") / 2,
        spread=controls.number("pad.spread") if controls.flag("pad.on") else 0.0,
    )


def amount(controls: Controls, dt: float) -> float:
    """Return the RMS distance by which a tick of `dt` seconds moves the picture."""
    return controls.number("ascent.rate") * dt
