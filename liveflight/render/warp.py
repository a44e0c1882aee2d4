"""Warp a picture on the GPU: move, fold and colour it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import moderngl
import numpy as np

from liveflight.core import effects
from liveflight.core.camera import IDENTITY
from liveflight.core.contracts import Warp
from liveflight.core.effects import Effect, active, amounts
from liveflight.render.passes import Pass, RenderTarget, source


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


def effects_shader(chosen: Iterable[Effect]) -> str:
    """Return GLSL with these effects' shaders, and the functions that apply them in order."""
    texts, calls = [], {"place": "", "colour": ""}
    for number, effect in enumerate(one for one in chosen if one.kind != "matrix"):
        # Compilers then name the line of the effect's own file.
        texts.append(f"#line 1 {number + 2}\n" + source(f"effects/{effect.name}.glsl"))
        height = ", height" if effect.kind == "place" else ""
        calls[effect.kind] += f"    value = {effect.name}_effect(value{height});\n"
    return (
        "\n".join(texts)
        + f"\nvec2 displaced(vec2 value, float height) {{\n{calls['place']}    return value;\n}}\n"
        + f"\nvec3 recoloured(vec3 value) {{\n{calls['colour']}    return value;\n}}\n"
    )


class WarpPass:
    """Draw a warped picture into another render target of the same size."""

    def __init__(self, ctx: moderngl.Context) -> None:
        """Compile one shader without the costly effects, and one with all effects."""
        self._cheap_effects = [effect for effect in effects.EFFECTS if not effect.costly]
        self._cheap = _compiled(ctx, self._cheap_effects)
        self._full = _compiled(ctx, effects.EFFECTS)

    def draw(self, onto: RenderTarget, texture: moderngl.Texture, warp: Warp, seed: int) -> None:
        """Draw `texture` into `onto`; an identity leaves every bit unchanged.

        `seed` is the seed of the random rounding. A fold that is still dissolving in needs a second
        pass."""
        costly = any(effect.costly for effect in active(warp))
        self._draw(onto, texture, warp, seed, full=costly)

    def warm_up(self, onto: RenderTarget, texture: moderngl.Texture) -> None:
        """Draw with both shaders: drivers compile at first use."""
        for full in (False, True):
            self._draw(onto, texture, IDENTITY, 0, full=full)

    def release(self) -> None:
        self._cheap.release()
        self._full.release()

    def _draw(
        self, onto: RenderTarget, texture: moderngl.Texture, warp: Warp, seed: int, *, full: bool
    ) -> None:
        width, height = onto.size
        whole = (0, 0, width, height)
        lines = folds(warp.mirror_x, warp.mirror_y, warp.kaleidoscope)
        amount = amounts(warp)
        decay = amount["decay"]
        # The shader measures in pixels, so that whole steps are exact in floating point.
        to_pixels = np.diag([height, height, 1.0])
        matrix = to_pixels @ warp.matrix @ np.diag([1 / height, 1 / height, 1.0])
        uniforms: dict[str, Any] = {
            "matrix": _columns(matrix),
            "folds": lines,
            "colour": _columns(colour_matrix(amount["hue"], amount["saturation"], decay)),
            "grey": decay / 2,
            "seed": seed,
            "share": 1.0,
        }
        for effect in effects.EFFECTS if full else self._cheap_effects:
            uniforms |= _uniforms(effect, amount[effect.name], warp.phase)
        chosen = self._full if full else self._cheap
        if warp.folded >= 1 or not lines.any():
            chosen.draw(onto.framebuffer, whole, texture, uniforms)
            return
        chosen.draw(onto.framebuffer, whole, texture, uniforms | {"folds": np.zeros_like(lines)})
        chosen.lay(onto.framebuffer, whole, texture, uniforms | {"share": warp.folded})


def _compiled(ctx: moderngl.Context, chosen: Iterable[Effect]) -> Pass:
    return Pass(ctx, "warp.frag", generated={"effects.glsl": effects_shader(chosen)})


def _uniforms(effect: Effect, amount: float, phase: float) -> Mapping[str, Any]:
    if effect.kind == "matrix":
        return {}
    return effect.uniforms(amount, phase) if effect.uniforms else {effect.name: amount}


def _columns(matrix: np.ndarray) -> tuple[float, ...]:
    return tuple(matrix.T.ravel().tolist())
