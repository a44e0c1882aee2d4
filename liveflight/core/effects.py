"""List the effects of the feedback loop that have a strength, in the order they are applied.

To add one, write its control row in `core.controls`, an `Effect` here, and its shader
`shaders/effects/NAME.glsl`; nothing else. Mirrors and wedges are no effects of this kind: they fold
the picture, and dissolve in (see `core.camera`). Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import add, mul
from typing import Any, Literal

import numpy as np

from liveflight.core.contracts import Warp


def combined_share(first: float, second: float) -> float:
    """Return the share that is done after one share, and then another share of the rest."""
    return first + second - first * second


@dataclass(frozen=True, slots=True)
class Effect:
    """Describe how a control's value becomes an amount per frame, and the amount uniforms.

    The shader declares the uniforms and defines one function. Kind `place`: it maps the place that
    a pixel takes its colour from, `vec2 NAME_effect(vec2 p, float height)`, all in pixels, from the
    middle, y up; smooth, as it is computed on a coarse grid. Kind `colour`: it maps that colour,
    `vec3 NAME_effect(vec3 colour)`, 0..1. Kind `matrix` has no shader:
    `render.warp.colour_matrix` applies it."""

    name: str
    control: str
    """Key of the control."""
    kind: Literal["place", "colour", "matrix"]
    amount: Callable[[float, float, float], float]
    """Amount in a frame, from the control's value, the frame's seconds times `camera.speed`, and
    its seconds."""
    combine: Callable[[float, float], float] = add
    """Amount of two movements after each other, from the amounts of both."""
    neutral: float = 0.0
    """Amount that changes nothing."""
    uniforms: Callable[[float, float], Mapping[str, Any]] | None = None
    """Uniforms, from the amount and `Warp.phase`; by default one, NAME, the amount."""


_WAVES = np.array(
    # cycles per height (x, y), share of the largest drift, radians per second, initial radians
    [
        (0.53, 0.31, 0.24, 0.23, 0.0),
        (-0.37, 0.71, 0.20, -0.19, 2.1),
        (0.97, -0.83, 0.15, 0.31, 4.4),
        (1.13, 0.89, 0.12, -0.29, 1.3),
        (-0.41, 1.67, 0.10, 0.37, 5.2),
        (2.11, 0.29, 0.08, -0.43, 3.7),
        (-1.61, -2.03, 0.06, 0.53, 0.9),
        (2.83, 1.93, 0.05, -0.61, 2.8),
    ]
)
"""Plane waves of the drift's stream function, from long and slow to short and fast.

Their directions and speeds have no common period."""


def waves(flow: float, phase: float) -> np.ndarray:
    """Return the drift's waves for flow.glsl, `phase` seconds on, at most `flow` heights long.

    float32 (8, 4): wave vector in radians per height (x, y), largest drift divided by that vector's
    length, phase in radians."""
    vectors = 2 * math.pi * _WAVES[:, :2]
    reach = flow * _WAVES[:, 2] / np.linalg.norm(vectors, axis=1)
    # Reduced here in float64: after hours a float32 cannot resolve small angles.
    phases = (_WAVES[:, 3] * phase + _WAVES[:, 4]) % (2 * math.pi)
    return np.column_stack([vectors, reach, phases]).astype(np.float32)


EFFECTS = (
    Effect("swirl", "warp.swirl", "place", lambda value, moved, dt: math.radians(value) * moved),
    Effect(
        "flow",
        "warp.flow",
        "place",
        lambda value, moved, dt: value * moved,
        uniforms=lambda flow, phase: {"waves": waves(flow, phase)},
    ),
    Effect("hue", "colour.hue", "matrix", lambda value, moved, dt: math.radians(value) * moved),
    Effect(
        "saturation", "colour.saturation", "matrix", lambda value, moved, dt: value**dt, mul, 1.0
    ),
    Effect(
        "decay",
        "colour.decay",
        "matrix",
        lambda value, moved, dt: 1 - math.exp(-value * dt),
        combined_share,
    ),
)


def amounts(warp: Warp) -> dict[str, float]:
    """Return the amount of every effect in a warp; neutral where the warp has none."""
    return {effect.name: warp.amounts.get(effect.name, effect.neutral) for effect in EFFECTS}


def active(warp: Warp) -> list[Effect]:
    """Return the effects that change something in a warp."""
    amount = amounts(warp)
    return [effect for effect in EFFECTS if amount[effect.name] != effect.neutral]
