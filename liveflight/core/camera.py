"""Turn rates per second into a frame's movement, and add movements. Pure: time comes in as dt."""

from __future__ import annotations

import cmath
import math
from dataclasses import replace

import numpy as np

from liveflight.core import effects
from liveflight.core.contracts import Warp
from liveflight.core.controls import Controls
from liveflight.core.effects import active, amounts, combined_share
from liveflight.core.tone import NEUTRAL, Tone

DISSOLVE_S = 0.5
"""Seconds in which new mirrors and wedges dissolve in, where a cut would be hard.

Taking them away changes nothing at once."""

IDENTITY = Warp(np.eye(3, dtype=np.float32))
"""A warp without any movement."""


def matrix(zoom: float, clockwise: float, right: float, up: float) -> np.ndarray:
    """Return the map from places of the new picture to the old one, float32 (3, 3), homogeneous.

    The picture grows by the factor `zoom` and turns by `clockwise` radians about its middle while
    the camera moves by `right` and `up` picture heights. The rates are constant: the map of a time
    is the square of that of half the time. Coordinates as in `contracts.Warp`."""
    # On the complex plane the place w moves along w' = growth * w + pan; this is the solution.
    growth = complex(-math.log(zoom), clockwise)
    turn = cmath.exp(growth)
    shift = complex(right, up) * ((turn - 1) / growth if abs(growth) > 1e-9 else 1)
    rows = [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag], [0, 0, 1]]
    return np.array(rows, np.float32)


def is_identity(warp: Warp) -> bool:
    """Return whether the warp leaves every picture as it is."""
    folds = warp.folded and any(_folds(warp))
    still = np.array_equal(warp.matrix, IDENTITY.matrix)
    return still and warp.tone == NEUTRAL and not (active(warp) or folds)


def compose(first: Warp, second: Warp) -> Warp:
    """Return one movement for `first` and, after it, `second`.

    Exact for the matrix, the colours and the tone. Swirls and drifts are summed, which is right
    while they are small. Folds and the drift's phase are those of `second`."""
    before, after = amounts(first), amounts(second)
    return replace(
        second,
        # Look a place of the newest picture up in the middle one, and from there in the oldest.
        matrix=(first.matrix.astype(np.float64) @ second.matrix).astype(np.float32),
        amounts={
            each.name: each.combine(before[each.name], after[each.name]) for each in effects.EFFECTS
        },
        folded=(
            combined_share(first.folded, second.folded)
            if same_folds(first, second)
            else second.folded
        ),
        tone=_faded(first.tone, after["decay"]).then(second.tone),
    )


def _faded(tone: Tone, share: float) -> Tone:
    """Return the tone for after a fade to mid grey by `share`, where this was the one before it."""
    return Tone(tone.gain, tone.offset * (1 - share) + (1 - tone.gain) * share / 2)


def displacement(warp: Warp, aspect: float) -> float:
    """Return how far the warp moves a corner or the middle at most, in picture heights.

    `aspect`: width / height. Swirl and drift count by their largest displacement, or more."""
    corners = np.array([(0, 0, 1), *((x * aspect / 2, y / 2, 1) for x in (-1, 1) for y in (-1, 1))])
    moved = corners @ warp.matrix.astype(np.float64).T
    away = moved[:, :2] / moved[:, 2:] - corners[:, :2]
    amount = amounts(warp)
    return float(np.hypot(*away.T).max()) + abs(amount["swirl"]) * 0.15 + abs(amount["flow"])


def fold_lines(warp: Warp) -> list[tuple[float, float]]:
    """Return the lines through the middle on which the picture is folded, in order.

    Unit normals towards the side that is folded over. A kaleidoscope's wedges are measured from the
    upward axis, so it is left-right symmetric. Folding the half circle in half repeatedly leaves
    one half wedge."""
    lines = [(1.0, 0.0)] * warp.mirror_x + [(0.0, -1.0)] * warp.mirror_y
    if warp.kaleidoscope >= 2:
        lines.append((-1.0, 0.0))
        half_wedges = warp.kaleidoscope
        while half_wedges > 1:
            half_wedges = (half_wedges + 1) // 2
            angle = math.pi * half_wedges / warp.kaleidoscope
            lines.append((math.cos(angle), -math.sin(angle)))
    return lines


def same_folds(first: Warp, second: Warp) -> bool:
    """Return whether both have the same mirrors and wedges."""
    return _folds(first) == _folds(second)


def _folds(warp: Warp) -> tuple[bool, bool, int]:
    """Return the mirrors and the wedges, 0 where there are none."""
    return warp.mirror_x, warp.mirror_y, warp.kaleidoscope if warp.kaleidoscope >= 2 else 0


class Camera:
    """Move the canvas: keeps the phase of the liquid drift and the folds that dissolve in."""

    def __init__(self) -> None:
        self._phase = 0.0
        self._folds: tuple[bool, bool, int] | None = None
        self._dissolving = 0.0
        """Seconds until the folds are complete."""

    def warp(self, controls: Controls, dt: float, aspect: float) -> Warp:
        """Return the movement of `dt` seconds; `aspect` is width / height of the canvas."""
        moved = dt * controls.number("camera.speed")
        self._phase += moved
        mirror = controls.word("warp.mirror")
        warp = Warp(
            matrix=matrix(
                controls.number("camera.zoom") ** moved,
                math.radians(controls.number("camera.rotation")) * moved,
                controls.number("camera.pan_x") * moved * aspect,
                controls.number("camera.pan_y") * moved,
            ),
            mirror_x=mirror in ("horizontal", "both"),
            mirror_y=mirror in ("vertical", "both"),
            kaleidoscope=controls.whole("warp.kaleidoscope"),
            amounts={
                effect.name: effect.amount(controls.number(effect.control), moved, dt)
                for effect in effects.EFFECTS
            },
            phase=self._phase,
        )
        return replace(warp, folded=self._dissolved(_folds(warp), dt))

    def _dissolved(self, folds: tuple[bool, bool, int], dt: float) -> float:
        """Return the share of the folded picture for a frame of `dt` seconds.

        Alike at every frame rate. The share that is not folded yet falls as a square: at the end
        nothing is left of what grew meanwhile, where a linear fade would end in a jump. A first
        picture is folded at once."""
        if folds != self._folds:
            self._dissolving = DISSOLVE_S if self._folds is not None else 0.0
            self._folds = folds
        left, self._dissolving = self._dissolving, max(self._dissolving - dt, 0.0)
        return 1 - (1 - dt / left) ** 2 if dt < left else 1.0
