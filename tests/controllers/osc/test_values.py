from __future__ import annotations

import math

import pytest
from each import each

from liveflight.controllers.osc.addresses import Form
from liveflight.controllers.osc.values import (
    LARGEST_STEP,
    Argument,
    to_argument,
    to_message,
)
from liveflight.core.contracts import LiveflightError
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Nudge, Set, Trigger

REMOTE = [row for row in ROWS if row.remote]
FADERS = [row for row in REMOTE if row.settable and row.kind != "text"]
TOLD = [row for row in REMOTE if row.kind in ("told", "meter")]
TRIGGERS = [row for row in REMOTE if row.kind == "trigger"]
TEXTS = [row for row in REMOTE if row.kind == "text"]
FORMS: list[Form] = ["plain", "raw", "add"]


def value(key: str, form: Form, argument: Argument) -> object:
    message = to_message(CONTROLS[key], form, argument)
    assert isinstance(message, Set) and message.key == key
    return message.value


@each(FADERS)
def test_the_plain_address_takes_a_fader_position(row: Control) -> None:
    for unit in (0.0, 0.25, 0.5, 1.0):
        assert to_message(row, "plain", unit) == Set(row.key, row.from_position(unit))
    assert to_message(row, "plain", 1.001) == Set(row.key, row.from_position(1.0))
    assert to_message(row, "plain", -0.001) == Set(row.key, row.from_position(0.0))


@each([row for row in FADERS if row.kind != "enum"])
def test_a_position_beyond_the_ends_is_the_end(row: Control) -> None:
    assert to_message(row, "plain", 9.5) == Set(row.key, row.from_position(1.0))
    assert to_message(row, "plain", -9.5) == Set(row.key, row.from_position(0.0))


@each([row for row in FADERS if row.kind == "enum"])
def test_floats_choose_by_number_at_raw_and_are_told_so(row: Control) -> None:
    for number, choice in enumerate(row.choices):
        assert to_message(row, "raw", float(number)) == Set(row.key, choice)
    for number in (2.0, -1.0, 1.5):
        with pytest.raises(LiveflightError, match=f"{row.address}/raw counts by floats too"):
            to_message(row, "plain", number)
    with pytest.raises(LiveflightError, match=f"or 0 to {len(row.choices) - 1}$"):
        to_message(row, "raw", float(len(row.choices)))


@each([row for row in FADERS if row.kind != "enum"])
def test_whole_numbers_and_truth_stand_for_the_ends_of_a_fader(row: Control) -> None:
    for argument in (1, True, 2**62):
        assert to_message(row, "plain", argument) == Set(row.key, row.from_position(1.0))
    for argument in (0, False, -(2**62)):
        assert to_message(row, "plain", argument) == Set(row.key, row.from_position(0.0))


def test_raw_takes_the_unit_of_the_control() -> None:
    assert value("camera.zoom", "raw", 2.5) == 2.5
    assert value("camera.rotation", "raw", -90) == -90.0
    assert value("warp.kaleidoscope", "raw", 6) == 6
    assert value("warp.kaleidoscope", "raw", 5.8) == 6
    assert value("camera.speed", "raw", True) == 1.0
    assert value("show.blackout", "raw", 1) is True
    assert value("show.blackout", "raw", 0.0) is False


def test_raw_numbers_out_of_range_are_brought_into_it() -> None:
    assert value("camera.zoom", "raw", 99.0) == 5.0
    assert value("camera.zoom", "raw", False) == 0.2
    assert value("warp.kaleidoscope", "raw", 1e300) == 16
    assert value("ascent.steps", "raw", -(2**62)) == 0


def test_choices_by_name_by_index_and_by_fader() -> None:
    for form in ("plain", "raw"):
        assert value("warp.mirror", form, "Vertical") == "vertical"
        assert value("warp.mirror", form, 1) == "horizontal"
        assert value("warp.mirror", form, True) == "horizontal"
    assert value("warp.mirror", "plain", 0.6) == "vertical"
    assert value("warp.mirror", "plain", 1.0) == "both"
    assert value("warp.mirror", "raw", 2.0) == "vertical"


@pytest.mark.parametrize("index", [-1, 4, 2**62])
def test_an_index_beyond_the_choices_is_refused_with_all_of_them(index: int) -> None:
    with pytest.raises(
        LiveflightError, match=r"allowed is off, horizontal, vertical, both, an int 0 to 3"
    ):
        to_message(CONTROLS["warp.mirror"], "plain", index)


@each(TEXTS)
def test_texts_are_taken_as_they_are_and_whole_numbers_by_their_digits(row: Control) -> None:
    for form in ("plain", "raw"):
        assert value(row.key, form, "vgg16:conv4_1:7") == "vgg16:conv4_1:7"
        assert value(row.key, form, 3) == "3"
        assert value(row.key, form, 3.0) == "3"
        for refused in (True, 2.5, "two\nlines", "x" * 201, 1e300):
            with pytest.raises(LiveflightError, match=row.key):
                to_message(row, form, refused)


@each(TRIGGERS)
def test_triggers_fire_on_a_press_and_not_on_a_release(row: Control) -> None:
    for form in ("plain", "raw"):
        for press in (None, True, 1, 1.0, 0.3, -1):
            assert to_message(row, form, press) == Trigger(row.key)
        for release in (0, 0.0, False):
            assert to_message(row, form, release) is None
        with pytest.raises(LiveflightError, match=row.key):
            to_message(row, form, "now")


@each(FADERS)
def test_add_is_a_step(row: Control) -> None:
    assert to_message(row, "add", 0.125) == Nudge(row.key, 0.125)
    assert to_message(row, "add", -2) == Nudge(row.key, -2.0)
    assert to_message(row, "add", True) == Nudge(row.key, 1.0)
    assert to_message(row, "add", 1e300) == Nudge(row.key, LARGEST_STEP)
    assert to_message(row, "add", -(2**62)) == Nudge(row.key, -LARGEST_STEP)
    for refused in ("1", None):
        with pytest.raises(LiveflightError, match=row.key):
            to_message(row, "add", refused)


@each(TEXTS + TRIGGERS)
def test_there_is_no_step_of_a_text_or_a_trigger(row: Control) -> None:
    with pytest.raises(LiveflightError, match="no step"):
        to_message(row, "add", 1)


@each(TOLD)
@pytest.mark.parametrize("form", FORMS)
def test_what_is_only_told_takes_nothing(row: Control, form: Form) -> None:
    for argument in (0.5, 1, True, "text", None):
        refused = f"{row.key} = .*it reports a state and cannot be set"
        with pytest.raises(LiveflightError, match=refused):
            to_message(row, form, argument)
    value = 29.5 if row.kind == "meter" else "2 of 3 steps"
    assert to_argument(row, "plain", value) == to_argument(row, "raw", value) == value


@each(REMOTE)
@pytest.mark.parametrize("form", FORMS)
def test_no_control_takes_what_is_not_finite(row: Control, form: Form) -> None:
    for number in (math.nan, math.inf, -math.inf):
        with pytest.raises(LiveflightError) as refused:
            to_message(row, form, number)
        assert str(refused.value).startswith(f"{row.key} = {number}: allowed is ")


@each([row for row in FADERS if row.kind != "enum"])
def test_a_text_that_looks_like_a_number_is_none(row: Control) -> None:
    for form in FORMS:
        with pytest.raises(LiveflightError, match=f"{row.key} = '0.5': allowed is "):
            to_message(row, form, "0.5")


@each(FADERS + TEXTS)
def test_what_needs_a_value_refuses_none(row: Control) -> None:
    with pytest.raises(LiveflightError, match=f"{row.key} = no value: allowed is "):
        to_message(row, "plain", None)


def test_a_refusal_says_what_is_allowed() -> None:
    with pytest.raises(LiveflightError, match=r"camera.zoom = 'fast': allowed is 0.2 to 5 x/s"):
        to_message(CONTROLS["camera.zoom"], "raw", "fast")
    with pytest.raises(LiveflightError, match=r"camera.zoom = 'fast': allowed is a number from 0"):
        to_message(CONTROLS["camera.zoom"], "plain", "fast")


@each(FADERS + TEXTS)
@pytest.mark.parametrize("form", ["plain", "raw"])
def test_an_answer_sent_back_changes_nothing(row: Control, form: Form) -> None:
    settings = [row.default] if row.kind == "text" else [row.from_position(u) for u in (0, 0.3, 1)]
    for setting in settings:
        message = to_message(row, form, to_argument(row, form, setting))
        assert isinstance(message, Set)
        assert message.value == (pytest.approx(setting) if row.kind == "float" else setting)


def test_answers_in_both_forms() -> None:
    assert to_argument(CONTROLS["camera.rotation"], "plain", 0.0) == 0.5
    assert to_argument(CONTROLS["camera.rotation"], "raw", 0.0) == 0.0
    assert to_argument(CONTROLS["warp.mirror"], "plain", "both") == 1.0
    assert to_argument(CONTROLS["warp.mirror"], "raw", "both") == "both"
    assert to_argument(CONTROLS["show.preset"], "plain", "dusk") == "dusk"
    assert to_argument(CONTROLS["show.freeze"], "plain", True) == 1.0
    switch = to_argument(CONTROLS["show.freeze"], "raw", True)
    assert switch == 1 and not isinstance(switch, bool)
