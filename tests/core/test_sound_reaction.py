from __future__ import annotations

import math
from itertools import pairwise

import pytest

from liveflight.core.controls import CONTROLS, Controls
from liveflight.core.modulation import Modulation, ModulationRow
from liveflight.core.sound_reaction import _ROWS, SoundReaction

OWN = ModulationRow("camera.speed", "lfo", 0.1, hertz=0.7, smooth=0.0)


def played(react: str, seconds: float = 6.0, *, loud: bool = True) -> list[Controls]:
    """Return the controls after each frame of two beats a second, with a modulation of its own."""
    controls, modulation, reaction = Controls(), Modulation(), SoundReaction()
    modulation.follow([OWN])
    controls.set("sound.react", react)
    seen = []
    for frame in range(round(seconds * 60)):
        since = frame / 60 % 0.5
        for band in ("level", "low", "mid", "high"):
            controls.set(f"sound.{band}", math.exp(-since / 0.12) if loud else 0.0)
        controls.set("sound.onset", float(loud and frame % 30 == 0))
        modulation.advance(1 / 60, 0.0, controls)
        reaction.advance(1 / 60, modulation.offsets, controls)
        kept = Controls()
        kept.offsets = dict(controls.offsets)
        seen.append(kept)
    return seen


def test_off_and_silence_leave_a_presets_own_modulation_as_it_is() -> None:
    controls, modulation = Controls(), Modulation()
    modulation.follow([OWN])
    for off, silent in zip(played("off"), played("strong", loud=False), strict=True):
        modulation.advance(1 / 60, 0.0, controls)
        assert off.offsets == controls.offsets
        assert silent.number("camera.speed") == controls.number("camera.speed")


def test_strong_moves_more_than_gentle_and_both_in_the_beat() -> None:
    for key in {row.control for row in _ROWS["strong"]}:
        still, gentle, strong = (
            [each.number(key) for each in played(react)] for react in ("off", "gentle", "strong")
        )
        moved = [
            sum(abs(one - other) for one, other in zip(way, still, strict=True))
            for way in (gentle, strong)
        ]
        assert 0 < 1.5 * moved[0] < moved[1], key


def test_it_glides_and_changes_neither_brightness_nor_contrast() -> None:
    assert {row.control.partition(".")[0] for row in _ROWS["strong"]} == {
        *("camera", "ascent", "colour")
    }
    assert not {row.control for row in _ROWS["strong"]} & {"colour.brightness", "colour.contrast"}
    for key in {row.control for row in _ROWS["strong"]}:
        way = [CONTROLS[key].to_position(each.number(key)) for each in played("strong")]
        steps = [abs(after - before) for before, after in pairwise(way)]
        assert max(steps) < 0.05, f"{key} leaps"


def test_switched_off_it_dies_away_within_two_seconds() -> None:
    controls, reaction = Controls(), SoundReaction()
    controls.set("sound.react", "strong")
    controls.set("sound.low", 1.0)
    for _ in range(60):
        reaction.advance(1 / 60, {}, controls)
    assert controls.number("camera.speed") == pytest.approx(1 + 4 * 0.3, abs=0.05)
    controls.set("sound.react", "off")
    ways = []
    for _ in range(180):
        reaction.advance(1 / 60, {}, controls)
        ways.append(controls.number("camera.speed"))
    assert ways[0] > 2.0 and ways == sorted(ways, reverse=True) and ways[-1] == 1.0


def test_it_says_how_to_get_sound_until_some_is_heard() -> None:
    controls, reaction = Controls(), SoundReaction()
    assert reaction.advice(controls) == ""
    controls.set("sound.react", "gentle")
    assert "--sound default" in reaction.advice(controls)
    controls.set("sound.level", 0.01)
    reaction.advance(0.1, {}, controls)
    assert reaction.advice(controls) == ""
