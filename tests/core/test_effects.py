from __future__ import annotations

import pytest

from liveflight.core.camera import IDENTITY
from liveflight.core.contracts import Warp
from liveflight.core.controls import CONTROLS
from liveflight.core.effects import EFFECTS, active, amounts
from liveflight.system.package_data import folder


def test_every_effect_has_a_control_that_leaves_it_off_by_default() -> None:
    for effect in EFFECTS:
        control = CONTROLS[effect.control]
        assert control.kind == "float", effect.name
        assert effect.amount(float(control.default), 0.25, 0.25) == effect.neutral, effect.name


def test_every_effect_has_a_shader_and_every_shader_an_effect() -> None:
    shaders = {path.stem for path in (folder("shaders") / "effects").iterdir()}
    assert shaders == {effect.name for effect in EFFECTS if effect.kind != "matrix"}


def test_two_movements_are_one_whatever_is_neutral() -> None:
    for effect in EFFECTS:
        for amount in (0.1, 0.7):
            assert effect.combine(effect.neutral, amount) == amount, effect.name
            assert effect.combine(amount, effect.neutral) == pytest.approx(amount), effect.name


def test_what_a_warp_does_not_say_is_off() -> None:
    assert active(IDENTITY) == []
    assert amounts(IDENTITY) == {effect.name: effect.neutral for effect in EFFECTS}
    (swirl,) = active(Warp(IDENTITY.matrix, amounts={"swirl": 0.1}))
    assert swirl.name == "swirl"
