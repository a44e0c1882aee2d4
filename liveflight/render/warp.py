"""Warp a picture on the GPU: move, fold and colour it."""

from __future__ import annotations

import math

import moderngl
import numpy as np

from liveflight.core.contracts import Warp
from liveflight.render.passes import Pass, RenderTarget

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
    """Return the drift's waves for warp.frag, `phase` seconds on, at most `flow` heights long.

    float32 (8, 4): wave vector in radians per height (x, y), largest drift divided by that vector's
    length, phase in radians."""
    vectors = 2 * math.pi * _WAVES[:, :2]
    reach = flow * _WAVES[:, 2] / np.linalg.norm(vectors, axis=1)
    # Reduced here in float64: after hours a float32 cannot resolve small angles.
    phases = (_WAVES[:, 3] * phase + _WAVES[:, 4]) % (2 * math.pi)
    return np.column_stack([vectors, reach, phases]).astype(np.float32)


def folds(mirror_x: bool, mirror_y: bool, kaleidoscope: int) -> np.ndarray:
    """Return the lines through the centre on which the picture is folded, in order.

    float32 (7, 2): unit normals towards the side that is folded over, padded with zeros. A
    kaleidoscope's wedges are measured from the upward axis, so it is left-right symmetric. Folding
    the half circle in half repeatedly leaves one half wedge."""
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
    """Return the RGB to RGB matrix, float32 (3, 3), to whose result `decay / 2` is added.

    `hue`: radians of rotation about the grey axis, positive from red over green to blue (Rodrigues'
    formula). `saturation`: factor on the distance from the channels' mean. `decay`: fraction of the
    way to mid grey. The matrix is exactly the identity for (0, 1, 0)."""
    mean = np.full((3, 3), 1 / 3)
    cross = np.array([(0, -1, 1), (1, 0, -1), (-1, 1, 0)]) / math.sqrt(3)
    c, s = math.cos(hue), math.sin(hue)
    turn = c * np.eye(3) + s * cross + (1 - c) * mean
    vivid = saturation * turn + (1 - saturation) * mean
    return ((1 - decay) * vivid).astype(np.float32)


class WarpPass:
    """Draw a warped picture into another render target of the same size."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._still = Pass(ctx, "warp.frag")
        self._flowing = Pass(ctx, "warp.frag", "FLOWING")

    def draw(self, onto: RenderTarget, texture: moderngl.Texture, warp: Warp, seed: int) -> None:
        """Draw `texture` into `onto`; an identity leaves every bit unchanged.

        `seed` is the seed of the random rounding. A fold that is still dissolving in needs a second
        pass."""
        width, height = onto.size
        whole = (0, 0, width, height)
        lines = folds(warp.mirror_x, warp.mirror_y, warp.kaleidoscope)
        # The shader measures in pixels, so that whole steps are exact in floating point.
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
