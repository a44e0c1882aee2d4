from __future__ import annotations

import shutil
from pathlib import Path

import moderngl
import numpy as np
import pytest

from liveflight.core import effects
from liveflight.core.camera import IDENTITY, Camera, compose
from liveflight.core.contracts import LiveflightError, Warp
from liveflight.core.controls import Controls
from liveflight.core.effects import Effect
from liveflight.render import passes, warp
from liveflight.render.canvas import CanvasRenderer
from liveflight.system.package_data import folder

pytestmark = pytest.mark.gl

INVERT = """uniform float invert;
vec3 invert_effect(vec3 colour) {
    return mix(colour, 1.0 - colour, invert);
}
"""
SHIFT = """uniform float shift;
vec2 shift_effect(vec2 p, float height) {
    return p + vec2(shift * height, 0.0);
}
"""


@pytest.fixture
def shaders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of effects in a copy of the shaders."""
    copy = tmp_path / "shaders"
    shutil.copytree(folder("shaders"), copy)
    monkeypatch.setattr(passes, "folder", lambda name: tmp_path / name)
    return copy / "effects"


def add(monkeypatch: pytest.MonkeyPatch, *added: Effect) -> None:
    monkeypatch.setattr(effects, "EFFECTS", (*effects.EFFECTS, *added))
    for kind, name in (("place", "PLACES"), ("colour", "COLOURS")):
        chosen = tuple(effect for effect in effects.EFFECTS if effect.kind == kind)
        monkeypatch.setattr(warp, name, chosen)


def seen(renderer: CanvasRenderer, moved: Warp) -> np.ndarray:
    """Return the canvas after a warp, which is undone again."""
    before = renderer.texture.read()
    renderer.warp(moved)
    canvas = np.frombuffer(renderer.texture.read(), np.float16).reshape(8, 16, 4)
    renderer.texture.write(before)
    return canvas[..., :3].astype(float)


@pytest.mark.parametrize("flow", [0.0, 0.05])
def test_an_effect_is_one_shader_and_one_entry(
    ctx: moderngl.Context, shaders: Path, monkeypatch: pytest.MonkeyPatch, flow: float
) -> None:
    (shaders / "invert.glsl").write_text(INVERT)
    (shaders / "shift.glsl").write_text(SHIFT)
    invert = Effect("invert", "colour.decay", "colour", lambda value, moved, dt: min(value * dt, 1))
    shift = Effect("shift", "camera.speed", "place", lambda value, moved, dt: 0.125 * value * dt)
    add(monkeypatch, invert, shift)
    controls = Controls()
    for key, value in (("camera.zoom", 1.0), ("colour.decay", 0.0), ("warp.flow", flow)):
        controls.set(key, value)
    controls.jump()
    renderer = CanvasRenderer(ctx, (16, 8))
    try:
        picture = np.random.default_rng(3).random((8, 16, 4)).astype(np.float16)
        renderer.renew(lambda texture: texture.write(picture))
        camera = Camera()
        moved = compose(camera.warp(controls, 1.0, 2.0), camera.warp(controls, 0.0, 2.0))
        if not flow:  # an eighth of the height is one pixel
            expected = picture[:, 1:, :3].astype(float)
            np.testing.assert_allclose(seen(renderer, moved)[:, :-1], expected, atol=1e-3)
        plain, inverted = (
            seen(renderer, Warp(IDENTITY.matrix, amounts={"flow": flow, "invert": amount}))
            for amount in (0.0, 1.0)
        )
        np.testing.assert_allclose(inverted, 1 - plain, atol=2e-3)
        assert np.abs(inverted - plain).max() > 0.1
    finally:
        renderer.release()


def test_a_mistake_in_an_effect_is_named_with_its_line(
    ctx: moderngl.Context, shaders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shaders / "invert.glsl").write_text(INVERT.replace("mix(", "mixed("))
    add(monkeypatch, Effect("invert", "colour.decay", "colour", lambda value, moved, dt: value))
    with pytest.raises(LiveflightError, match=r"^shader warp\.frag: .*\b3\b.*mixed"):
        CanvasRenderer(ctx, (16, 8))
