"""From rates per second to this frame's movement. Pure: time comes in as dt."""

from __future__ import annotations

import cmath
import math

import numpy as np

from liveflight.core.contracts import Warp
from liveflight.core.controls import Controls


def matrix(zoom: float, clockwise: float, right: float, up: float) -> np.ndarray:
    """Where a place of the new picture was in the old one: float32 (3, 3), homogeneous.

    The picture grows by the factor `zoom` and turns by `clockwise` radians about its middle while
    the camera moves by `right` and `up` picture heights, all of it evenly: two halves of a movement
    after each other are the whole. Coordinates as in `contracts.Warp`."""
    # On the complex plane the place w flows along w' = growth * w + pan; this is its solution.
    growth = complex(-math.log(zoom), clockwise)
    turn = cmath.exp(growth)
    shift = complex(right, up) * ((turn - 1) / growth if abs(growth) > 1e-9 else 1)
    rows = [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag], [0, 0, 1]]
    return np.array(rows, np.float32)


class Camera:
    """What moves the canvas. Its only memory is how far the liquid drift has come."""

    def __init__(self) -> None:
        self._phase = 0.0

    def warp(self, controls: Controls, dt: float, aspect: float) -> Warp:
        """The movement of `dt` seconds; `aspect` is width / height of the canvas."""
        way = dt * controls.number("camera.speed")
        self._phase += way
        mirror = controls.word("warp.mirror")
        return Warp(
            matrix=matrix(
                controls.number("camera.zoom") ** way,
                math.radians(controls.number("camera.rotation")) * way,
                controls.number("camera.pan_x") * way * aspect,
                controls.number("camera.pan_y") * way,
            ),
            mirror_x=mirror in ("horizontal", "both"),
            mirror_y=mirror in ("vertical", "both"),
            kaleidoscope=controls.whole("warp.kaleidoscope"),
            swirl=math.radians(controls.number("warp.swirl")) * way,
            flow=controls.number("warp.flow") * way,
            phase=self._phase,
            hue=math.radians(controls.number("colour.hue")) * way,
            saturation=controls.number("colour.saturation") ** dt,
            decay=1 - math.exp(-controls.number("colour.decay") * dt),
        )
