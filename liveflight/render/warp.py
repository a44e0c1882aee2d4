"""Warp a picture on the GPU: move, fold and colour it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import moderngl
import numpy as np

from liveflight.core import effects
from liveflight.core.camera import IDENTITY, fold_lines
from liveflight.core.contracts import Warp
from liveflight.core.effects import Effect, active, amounts
from liveflight.core.noise import periodic_noise
from liveflight.render.passes import Filtering, Pass, RenderTarget, Viewport, source
from liveflight.render.region import Region

_NOISE_SIDE = 256
"""Pixels of the noise's tile; a tile covers a square of a canvas's height."""

_MAX_FOLDS = 7


def folds(warp: Warp) -> np.ndarray:
    """Return `core.camera.fold_lines` as a uniform: float32 (7, 2), padded with zeros."""
    lines = fold_lines(warp)
    return np.array(lines + [(0.0, 0.0)] * (_MAX_FOLDS - len(lines)), np.float32)


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


PLACES = tuple(effect for effect in effects.EFFECTS if effect.kind == "place")
COLOURS = tuple(effect for effect in effects.EFFECTS if effect.kind == "colour")

_DISPLACEMENT_CELLS = (128, 72)
"""Width and height of the grid on which displacements are computed."""


def motion_uniforms(warp: Warp, height: int) -> dict[str, Any]:
    """Return the uniforms of motion.glsl, for a canvas of this height in pixels."""
    # The shader measures in pixels, so that whole steps are exact in floating point.
    return {"matrix": columns(in_pixels(warp.matrix, height))} | fold_uniforms(warp)


def fold_uniforms(warp: Warp) -> dict[str, Any]:
    """Return the folds among the uniforms of motion.glsl."""
    return {"folds": folds(warp), "fold_count": len(fold_lines(warp))}


def bends(warp: Warp) -> bool:
    """Return whether effects move places."""
    return any(effect.kind == "place" for effect in active(warp))


class DisplacementPass:
    """Compute how far the effects move each place: see displacement.frag."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._pass = compiled(ctx, "displacement.frag", PLACES)
        self._texture = ctx.texture(_DISPLACEMENT_CELLS, 2, dtype="f4")
        self._framebuffer = ctx.framebuffer([self._texture])
        self._drawn: tuple[Warp | None, float] = None, 0.0
        """The last warp and shape: a preview of the same frame needs no other displacements."""

    def draw(self, warp: Warp, aspect: float) -> moderngl.Texture:
        """Return the displacements, valid until the next call; `aspect`: width / height."""
        if self._drawn[0] is warp and self._drawn[1] == aspect:
            return self._texture
        self._drawn = warp, aspect
        amount = amounts(warp)
        uniforms: dict[str, Any] = {"cells": _DISPLACEMENT_CELLS, "aspect": aspect}
        for effect in PLACES:
            uniforms |= _uniforms(effect, amount[effect.name], warp.phase)
        self._pass.draw(self._framebuffer, (0, 0, *_DISPLACEMENT_CELLS), None, uniforms)
        return self._texture

    def release(self) -> None:
        self._pass.release()
        self._framebuffer.release()
        self._texture.release()


def tone_uniforms(warp: Warp) -> dict[str, Any]:
    """Return the uniforms of tone.glsl."""
    amount = amounts(warp)
    decay = amount["decay"]
    uniforms: dict[str, Any] = {
        "colour": columns(
            warp.tone.gain * colour_matrix(amount["hue"], amount["saturation"], decay)
        ),
        "grey": warp.tone.gain * decay / 2 + warp.tone.offset,
    }
    for effect in COLOURS:
        uniforms |= _uniforms(effect, amount[effect.name], warp.phase)
    return uniforms


def in_pixels(matrix: np.ndarray, height: float, source: float | None = None) -> np.ndarray:
    """Return a map between places in heights as one between pixels of pictures that high.

    `source`: the height of the picture that it maps to, if that is another."""
    source = height if source is None else source
    return np.diag([source, source, 1.0]) @ matrix @ np.diag([1 / height, 1 / height, 1.0])


def compiled(
    ctx: moderngl.Context,
    name: str,
    chosen: Iterable[Effect],
    *defined: str,
    filtering: Filtering = "bilinear",
) -> Pass:
    """Return a pass whose shader contains these effects."""
    generated = {"effects.glsl": effects_shader(chosen)}
    return Pass(ctx, name, *defined, filtering=filtering, generated=generated)


@dataclass(frozen=True, slots=True)
class Texture:
    """Say how the finest detail of a warped picture changes."""

    soften: float = 0.0
    """0 keeps it, 1 smooths it as a B-spline does."""
    noise: float = 0.0
    """Standard deviation of the noise that is added."""


PLAIN = Texture()

_BENT = replace(IDENTITY, amounts={effect.name: 1e-9 for effect in PLACES})
WARM_UP = (IDENTITY, _BENT, replace(IDENTITY, mirror_x=True), replace(_BENT, mirror_x=True))
"""A warp for each variant of a shader with motion.glsl."""


class MotionPasses:
    """A shader with motion.glsl, compiled for each kind of motion at its first use."""

    def __init__(
        self, ctx: moderngl.Context, name: str, *defined: str, filtering: Filtering = "bilinear"
    ) -> None:
        self._ctx, self._name, self._defined = ctx, name, defined
        self._filtering = filtering
        self._passes: dict[tuple[bool, bool], Pass] = {}

    def chosen(self, bent: bool, folded: bool) -> Pass:
        """Return the shader for places that effects move, or folds."""
        if (bent, folded) not in self._passes:
            kinds = ["BENT"] * bent + ["FOLDED"] * folded
            self._passes[bent, folded] = compiled(
                self._ctx, self._name, COLOURS, *self._defined, *kinds, filtering=self._filtering
            )
        return self._passes[bent, folded]

    def draw(
        self,
        warp: Warp,
        framebuffer: moderngl.Framebuffer,
        where: Viewport,
        texture: moderngl.Texture,
        uniforms: Mapping[str, Any],
        more: Mapping[str, moderngl.Texture],
    ) -> None:
        """Do as `Pass.draw`; folds that dissolve in take a second pass, by the uniform `share`."""
        bent, share = bends(warp), warp.folded if fold_lines(warp) else 0.0
        complete = self.chosen(bent, share >= 1)
        complete.draw(framebuffer, where, texture, uniforms, more)
        if 0 < share < 1:
            partly = {**uniforms, "share": share}
            self.chosen(bent, True).lay(framebuffer, where, texture, partly, more)

    def release(self) -> None:
        for each in self._passes.values():
            each.release()
        self._passes.clear()


class WarpPass:
    """Draw a warped picture, or a part of it, into another render target."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._pass = MotionPasses(ctx, "warp.frag", filtering="texels")
        self._displacements = DisplacementPass(ctx)
        self._noise = noise_tile(ctx)

    def draw(
        self,
        onto: RenderTarget,
        texture: moderngl.Texture,
        warp: Warp,
        seed: int,
        detail: Texture = PLAIN,
        rows: range | None = None,
        held: Region | None = None,
        drawn: Region | None = None,
    ) -> None:
        """Draw `texture` into `onto`; an identity leaves every bit unchanged.

        `seed` is the seed of the random rounding and noise. `rows`: those of `onto` that are drawn,
        all by default. `held` and `drawn`: the parts of the canvas in `texture` and `onto`, all of
        it by default. A fold that is still dissolving in needs a second pass."""
        rows = range(onto.size[1]) if rows is None else rows
        where = (0, rows.start, onto.size[0], len(rows))
        held = held or Region.whole(texture.size)
        width, height = held.canvas
        begins = np.random.default_rng(seed).random(2).tolist()
        uniforms = motion_uniforms(warp, height) | tone_uniforms(warp)
        uniforms |= {"seed": seed, "share": 1.0, "soften": detail.soften}
        uniforms |= {"grain": (*begins, detail.noise)} | held.uniforms
        uniforms |= {"onto": drawn.rect[:2] if drawn else (0, 0)}
        more = {"noise": self._noise}
        if bends(warp):
            more["displacements"] = self._displacements.draw(warp, width / height)
        self._pass.draw(warp, onto.framebuffer, where, texture, uniforms, more)

    def warm_up(self, onto: RenderTarget, texture: moderngl.Texture) -> None:
        """Draw with every shader: drivers compile at first use."""
        for warp in WARM_UP:
            self.draw(onto, texture, warp, 0)

    def release(self) -> None:
        self._pass.release()
        self._displacements.release()
        self._noise.release()


def noise_tile(ctx: moderngl.Context) -> moderngl.Texture:
    """Return a texture of noise of mean 0 and deviation 1 that repeats without a seam."""
    field = periodic_noise(_NOISE_SIDE)
    rgba = np.ones((_NOISE_SIDE, _NOISE_SIDE, 4), np.float16)
    rgba[..., :3] = field
    return ctx.texture((_NOISE_SIDE, _NOISE_SIDE), 4, rgba.tobytes(), dtype="f2")


def _uniforms(effect: Effect, amount: float, phase: float) -> Mapping[str, Any]:
    if effect.kind == "matrix":
        return {}
    return effect.uniforms(amount, phase) if effect.uniforms else {effect.name: amount}


def columns(matrix: np.ndarray) -> tuple[float, ...]:
    """Return a matrix as a uniform, column by column."""
    return tuple(matrix.T.ravel().tolist())
