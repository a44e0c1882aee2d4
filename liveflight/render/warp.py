"""The pass that moves, folds and colours a picture, and the mathematics of it."""

from __future__ import annotations

import math

import moderngl
import numpy as np

from liveflight.core.contracts import Warp
from liveflight.render.passes import Pass, RenderTarget

_WAVES = np.array(
    # turns per height (x, y), share of the longest way, radians per second, radians at the start
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
"""The drift's stream function: plane waves, long and slow to short and quick, whose directions and
tempi share no common period."""


def waves(flow: float, phase: float) -> np.ndarray:
    """The drift `phase` seconds on, nowhere longer than `flow` heights, as warp.frag takes it:
    float32 (8, 4), wave vector in radians per height (x, y), longest way over that vector's length,
    phase in radians."""
    vectors = 2 * math.pi * _WAVES[:, :2]
    reach = flow * _WAVES[:, 2] / np.linalg.norm(vectors, axis=1)
    # Reduced here in float64: after hours in flight a float32 has no small angles left.
    phases = (_WAVES[:, 3] * phase + _WAVES[:, 4]) % (2 * math.pi)
    return np.column_stack([vectors, reach, phases]).astype(np.float32)


def folds(mirror_x: bool, mirror_y: bool, kaleidoscope: int) -> np.ndarray:
    """The lines through the middle that the picture is folded on, one after the other: float32
    (7, 2), unit vectors across them towards the side that is folded over, 0 where there are fewer.

    A kaleidoscope's wedges are measured from the upward axis, so it is left-right symmetric;
    folding the half circle in half as often as it takes leaves one half wedge."""
    lines = [(1.0, 0.0)] * mirror_x + [(0.0, -1.0)] * mirror_y
    if kaleidoscope >= 2:
        lines.append((-1.0, 0.0))
        half_wedges = kaleidoscope
        while half_wedges > 1:
            half_wedges = (half_wedges + 1) // 2
            angle = math.pi * half_wedges / kaleidoscope
            lines.append((math.cos(angle), -math.sin(angle)))
    return np.array(lines + [(0.0, 0.0)] * (7 - len(lines)), np.float32)


def colour_matrix(hue: float, saturation: float, decay: float) -> np.ndarray:
    """RGB to RGB, float32 (3, 3), to which `decay / 2` is to be added: a turn by `hue` radians
    round the grey axis (positive from red over green to blue; Rodrigues' formula), `saturation` as
    a factor on the distance from the channels' mean, the part `decay` of the way to mid grey.

    Exactly the identity for (0, 1, 0)."""
    mean = np.full((3, 3), 1 / 3)
    cross = np.array([(0, -1, 1), (1, 0, -1), (-1, 1, 0)]) / math.sqrt(3)
    c, s = math.cos(hue), math.sin(hue)
    turn = c * np.eye(3) + s * cross + (1 - c) * mean
    vivid = saturation * turn + (1 - saturation) * mean
    return ((1 - decay) * vivid).astype(np.float32)


class WarpPass:
    """Draws one picture, moved, into another surface of the same size."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._still = Pass(ctx, "warp.frag")
        self._flowing = Pass(ctx, "warp.frag", "FLOWING")

    def draw(self, onto: RenderTarget, texture: moderngl.Texture, warp: Warp, seed: int) -> None:
        """`seed` is that of the rounding. An identity leaves every bit as it is. A fold that still
        dissolves in takes a second pass."""
        width, height = onto.size
        whole = (0, 0, width, height)
        lines = folds(warp.mirror_x, warp.mirror_y, warp.kaleidoscope)
        # The shader measures in pixels: a whole step then is whole in floating point, too.
        to_pixels = np.diag([height, height, 1.0])
        matrix = to_pixels @ warp.matrix @ np.diag([1 / height, 1 / height, 1.0])
        uniforms = {
            "matrix": _columns(matrix),
            "folds": lines,
            "swirl": warp.swirl,
            "colour": _columns(colour_matrix(warp.hue, warp.saturation, warp.decay)),
            "grey": warp.decay / 2,
            "seed": seed,
            "share": 1.0,
        }
        if warp.flow:
            uniforms["waves"] = waves(warp.flow, warp.phase)
        kind = self._flowing if warp.flow else self._still
        if warp.folded >= 1 or not lines.any():
            kind.draw(onto.framebuffer, whole, texture, uniforms)
            return
        kind.draw(onto.framebuffer, whole, texture, uniforms | {"folds": np.zeros_like(lines)})
        kind.lay(onto.framebuffer, whole, texture, uniforms | {"share": warp.folded})

    def release(self) -> None:
        self._still.release()
        self._flowing.release()


def _columns(matrix: np.ndarray) -> tuple[float, ...]:
    return tuple(matrix.T.ravel().tolist())
