from __future__ import annotations

from collections.abc import Iterable

import pytest
from each import each

from liveflight.controllers.midi.bindings import Binding, Sort, Source, Turn
from liveflight.controllers.midi.learn import Learner, steps
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS, ROWS

LEARNABLE = [row for row in ROWS if row.settable or row.kind == "trigger"]


def source(number: int = 7, sort: Sort = "cc", channel: int = 1) -> Source:
    return Source("Launch Control", sort, channel, number)


def learned(
    values: Iterable[int], at: Source | None = None, key: str = "camera.zoom"
) -> Binding | None:
    """Return what is bound once all of these were heard, half a frame apart."""
    learner = Learner(CONTROLS[key])
    for number, value in enumerate(values):
        binding = learner.hear(at or source(), value, number * 0.01)
        if binding:
            return binding
    return None


@each(LEARNABLE)
def test_every_control_learns_a_knob_and_a_pad(row: Control) -> None:
    value = "reef" if row.kind == "text" else ""
    learner = Learner(row, value)
    bindings = [learner.hear(source(), value, 0.1 * value) for value in range(0, 128, 5)]
    found = next(binding for binding in bindings if binding)
    assert found == Binding(source(), row.key, value=value)
    pad = Learner(row, value).hear(source(36, "note"), 100, 0.0)
    assert pad == Binding(source(36, "note"), row.key, value=value)


def test_a_knob_that_trembles_is_not_meant() -> None:
    assert learned([60, 64, 60, 63, 68, 60, 61]) is None
    assert learned([30, 34, 39]) == Binding(source(), "camera.zoom")


def test_the_one_that_moves_is_meant_not_the_one_that_spoke_first() -> None:
    learner = Learner(CONTROLS["camera.zoom"])
    assert learner.hear(source(1), 40, 0.0) is None
    for number in range(4):
        found = learner.hear(source(2), 40 + 4 * number, 0.1 * number)
    assert found == Binding(source(2), "camera.zoom")


@pytest.mark.parametrize(
    ("values", "turn"),
    [
        ([65, 65, 63, 65], "offset"),
        ([66, 63, 63, 62, 63], "offset"),
        ([1, 1, 2, 127, 1], "twos"),
        ([127, 127, 126, 127], "twos"),
        ([1, 1, 65, 1], "sign"),
    ],
)
def test_an_encoder_is_told_by_both_its_turns(values: list[int], turn: Turn) -> None:
    assert learned(values) == Binding(source(), "camera.zoom", turn)


@pytest.mark.parametrize("values", [[1] * 9, [65] * 9, [1, 2, 1, 1]])
def test_one_turn_that_two_kinds_of_encoder_share_does_not_decide(values: list[int]) -> None:
    assert learned(values) is None


def test_a_fader_from_its_bottom_is_no_encoder() -> None:
    assert learned(range(0, 30)) == Binding(source(), "camera.zoom")


def test_two_halves_that_come_together_are_one_controller_of_14_bits() -> None:
    learner = Learner(CONTROLS["camera.zoom"])
    for number in range(12):
        found = learner.hear(source(7), 40 + 3 * number, number * 0.02)
        found = found or learner.hear(source(39), 17 * number % 128, number * 0.02 + 0.001)
        if found:
            break
    assert found == Binding(source(7, "cc14"), "camera.zoom")


def test_a_wheel_is_learned_and_a_key_let_go_is_not() -> None:
    assert learned([8192, 8400, 9300], source(0, "pitch")) == Binding(
        source(0, "pitch"), "camera.zoom"
    )
    assert learned([0], source(36, "note")) is None


def test_a_button_that_sends_a_controller_is_learned_by_one_press() -> None:
    assert learned([127], key="mix.random") == Binding(source(), "mix.random")
    assert learned([0], key="mix.random") is None


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ("offset", {64: 0, 65: 1, 63: -1, 70: 6, 58: -6}),
        ("twos", {0: 0, 1: 1, 127: -1, 5: 5, 120: -8}),
        ("sign", {0: 0, 1: 1, 65: -1, 5: 5, 70: -6}),
    ],
)
def test_what_an_encoder_says(turn: Turn, said: dict[int, int]) -> None:
    assert {value: steps(turn, value) for value in said} == said
