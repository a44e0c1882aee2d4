from __future__ import annotations

import pytest

from liveflight.core.controls import CONTROLS
from liveflight.core.double_press import DOUBLE_PRESS_S
from liveflight.core.panic import SAFE, Panic


def test_what_moves_or_bends_the_picture_is_at_its_default() -> None:
    for row in CONTROLS.values():
        if row.group in ("camera", "warp", "colour", "ascent"):
            assert SAFE[row.key] == row.default


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("show.freeze", False),
        ("show.blackout", False),
        ("show.master", 1.0),
        ("show.governor", True),
        ("show.autopilot", False),
    ],
)
def test_the_output_is_open(key: str, value: object) -> None:
    assert SAFE[key] == value


@pytest.mark.parametrize(
    "key",
    [
        "mix.target",
        "show.preset",
        "tempo.bpm",
        "show.hud",
        "show.fit",
        "morph.time",
        "cue.loop",
        "cue.hold",
    ],
)
def test_what_is_excited_and_how_it_is_shown_stays(key: str) -> None:
    assert key not in SAFE


def test_twice_is_black_and_later_it_is_not() -> None:
    panic = Panic()
    assert panic.press(10.0) == SAFE
    black = {**SAFE, "show.blackout": True}
    assert panic.press(10.0 + DOUBLE_PRESS_S) == black
    assert panic.press(10.5 + DOUBLE_PRESS_S) == black, (
        "whoever hammers the key does not want light"
    )
    assert panic.press(10.6 + 2 * DOUBLE_PRESS_S) == SAFE
