from __future__ import annotations

import math
import re

import pytest
from each import each
from hypothesis import given, settings
from hypothesis import strategies as st

from liveflight.core.contracts import LiveflightError, Value, nearest
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS, ROWS, Controls, find

HUGE = 10**400
"""A whole number that no float can hold."""

UNITS = [step / 16 for step in range(17)]


def of_kind(*kinds: str) -> list[Control]:
    return [row for row in ROWS if row.kind in kinds]


# The table


def test_no_two_rows_share_a_key_or_an_address() -> None:
    assert len(CONTROLS) == len(ROWS)
    addresses = [row.address for row in ROWS] + [row.alias for row in ROWS if row.alias]
    assert len(set(addresses)) == len(addresses)


@each(ROWS)
def test_names_are_plain_and_help_is_one_line(row: Control) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", row.group)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", row.name)
    assert row.name not in ("raw", "add"), "an OSC address would be ambiguous"
    assert row.help and row.help.isprintable() and len(row.help) <= 100
    assert not row.help.endswith(".")
    assert re.fullmatch(r"(/liveflight/[a-z]+)?", row.alias)


@each([row for row in ROWS if row.settable])
def test_the_default_is_allowed(row: Control) -> None:
    assert row.check(row.default) == row.default
    assert row.clamp(row.default) == row.default


@each(of_kind("float", "int"))
def test_numbers_have_a_range_and_geometric_ones_stay_above_zero(row: Control) -> None:
    assert row.minimum < row.maximum
    assert row.curve == "linear" or row.minimum > 0


@each(ROWS)
def test_only_floats_glide(row: Control) -> None:
    assert row.glide >= 0
    assert row.kind == "float" or row.glide == 0


@each(of_kind("enum"))
def test_choices_are_lower_case_and_differ(row: Control) -> None:
    assert len(set(row.choices)) == len(row.choices) > 1
    assert all(choice == choice.lower() for choice in row.choices)


# One value


@each(of_kind("float", "int", "bool", "enum"))
def test_a_fader_reaches_both_ends_and_stays_in_range(row: Control) -> None:
    ends: dict[str, tuple[Value, Value]] = {"bool": (False, True)}
    if row.choices:
        ends["enum"] = row.choices[0], row.choices[-1]
    low, high = ends.get(row.kind, (row.minimum, row.maximum))
    assert row.from_position(0.0) == low
    assert row.from_position(1.0) == high
    assert row.from_position(-3.0) == row.from_position(0.0)
    assert row.from_position(7.0) == row.from_position(1.0)
    for unit in UNITS:
        assert row.check(row.from_position(unit)) == row.from_position(unit)


@each(of_kind("float"))
def test_a_float_and_its_fader_position_say_the_same(row: Control) -> None:
    for unit in UNITS:
        assert row.to_position(row.from_position(unit)) == pytest.approx(unit, abs=1e-12)


@each(of_kind("int", "bool", "enum"))
def test_every_step_has_a_fader_position_of_its_own(row: Control) -> None:
    steps: list[Value] = [*row.choices]
    if row.kind == "int":
        steps = [*range(int(row.minimum), int(row.maximum) + 1)]
    if row.kind == "bool":
        steps = [False, True]
    assert [row.from_position(row.to_position(step)) for step in steps] == steps


@each(of_kind("float", "int"))
def test_higher_faders_are_higher_values(row: Control) -> None:
    values = [float(row.from_position(unit)) for unit in UNITS]
    assert values == sorted(values) and values[0] < values[-1]


def test_equal_ways_of_a_geometric_fader_are_equal_ratios() -> None:
    zoom = CONTROLS["camera.zoom"]
    assert zoom.from_position(0.5) == pytest.approx(1.0)
    assert zoom.from_position(0.75) == pytest.approx(math.sqrt(5))


WRONG: dict[str, list[object]] = {
    "float": ["1", True, None, math.nan, math.inf, -math.inf, HUGE, -HUGE, [1.0], b"1"],
    "int": ["1", True, None, 1.5, math.nan, math.inf, HUGE, -HUGE],
    "bool": [0, 1, 0.0, "true", None],
    "enum": [0, "", "sideways", None, True],
    "text": [0, None, "two\nlines", "nul\0", "x" * 201, b"bytes"],
    "trigger": [True, 1, "", None],
    "told": [True, 1, "", "text", None],
    "meter": [True, 1, 0.5, "", None],
}


@each(ROWS)
def test_a_wrong_value_is_refused_by_name_with_what_is_allowed(row: Control) -> None:
    for value in WRONG[row.kind]:
        with pytest.raises(LiveflightError) as refused:
            row.check(value)
        text = str(refused.value)
        allowed = "true or false" if row.kind == "bool" else row.range  # as presets have it
        assert text.startswith(row.key) and allowed in text and "\n" not in text


def test_a_switch_is_on_or_off_and_may_be_set_so() -> None:
    row = CONTROLS["show.hud"]
    assert row.range == "on or off"
    for word, value in (("on", True), ("off", False), ("ON", True)):
        assert row.check(word) is value
        assert row.shown(value) == word.lower()


@each(of_kind("float", "int"))
def test_a_number_out_of_range_is_refused_by_check_and_clipped_by_fit(row: Control) -> None:
    for outside, end in ((row.minimum - 1, row.minimum), (row.maximum + 1, row.maximum)):
        with pytest.raises(LiveflightError, match=re.escape(row.range)):
            row.check(outside)
        assert row.clamp(outside) == end
    assert row.clamp(HUGE) == row.maximum
    assert row.clamp(-HUGE) == row.minimum


@each(of_kind("float", "int"))
def test_fit_still_refuses_what_is_no_number(row: Control) -> None:
    for value in (math.nan, math.inf, -math.inf, "1", True, False, None):
        with pytest.raises(LiveflightError, match=re.escape(row.key)):
            row.clamp(value)


def test_fit_rounds_for_a_whole_number() -> None:
    assert CONTROLS["warp.kaleidoscope"].clamp(5.7) == 6
    assert type(CONTROLS["warp.kaleidoscope"].clamp(99.5)) is int
    assert type(CONTROLS["camera.zoom"].check(1)) is float


def test_choices_are_named_in_any_case() -> None:
    assert CONTROLS["warp.mirror"].check("Both") == "both"


@each(of_kind("float", "int", "bool", "enum"))
def test_a_fader_position_that_is_not_finite_is_refused(row: Control) -> None:
    for unit in (math.nan, math.inf, -math.inf):
        with pytest.raises(LiveflightError, match=re.escape(row.key)):
            row.from_position(unit)


@each(of_kind("text", "trigger", "told", "meter"))
def test_texts_and_triggers_are_no_faders(row: Control) -> None:
    assert row.to_position(row.default) == 0.0
    with pytest.raises(LiveflightError, match="no fader"):
        row.from_position(0.5)
    with pytest.raises(LiveflightError, match="cannot be stepped"):
        row.nudged(row.default, 1.0)


@given(value=st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary())
@settings(derandomize=True, deadline=None, max_examples=300)
def test_whatever_is_checked_is_held_or_refused(value: object) -> None:
    for row in ROWS:
        for take in (row.check, row.clamp):
            try:
                held = take(value)
            except LiveflightError:
                continue
            assert row.check(held) == held


# Steps


@each(of_kind("float"))
def test_a_float_is_stepped_in_fader_ways_and_stops_at_its_ends(row: Control) -> None:
    middle = row.from_position(0.5)
    assert row.to_position(row.nudged(middle, 0.25)) == pytest.approx(0.75)
    assert row.to_position(row.nudged(middle, -0.25)) == pytest.approx(0.25)
    assert row.nudged(middle, 9.0) == row.from_position(1.0)
    assert row.nudged(middle, -9.0) == row.from_position(0.0)


@each(of_kind("int"))
def test_a_whole_number_is_stepped_by_whole_numbers_and_stops_at_its_ends(row: Control) -> None:
    low, high = int(row.minimum), int(row.maximum)
    assert row.nudged(low, 2.0) == low + 2
    assert row.nudged(high, -1.0) == high - 1
    assert row.nudged(high, 1.0) == high
    assert row.nudged(low, -1000.0) == low


@each(of_kind("enum"))
def test_choices_go_round(row: Control) -> None:
    first, last = row.choices[0], row.choices[-1]
    assert row.nudged(first, 1.0) == row.choices[1]
    assert row.nudged(last, 1.0) == first
    assert row.nudged(first, -1.0) == last
    assert row.nudged(first, float(len(row.choices))) == first


@each(of_kind("bool"))
def test_an_odd_step_toggles_and_two_presses_do_not(row: Control) -> None:
    for value in (False, True):
        assert row.nudged(value, 1.0) is not value
        assert row.nudged(value, -1.0) is not value
        assert row.nudged(value, 2.0) is value


@each(of_kind("float", "int", "bool", "enum"))
def test_a_step_that_is_not_finite_is_refused(row: Control) -> None:
    for amount in (math.nan, math.inf, -math.inf):
        with pytest.raises(LiveflightError, match=re.escape(row.key)):
            row.nudged(row.default, amount)


# Names


def test_a_control_is_found_by_its_key_and_a_wrong_one_names_the_nearest() -> None:
    assert find("camera.zoom") is CONTROLS["camera.zoom"]
    with pytest.raises(LiveflightError, match=r"'camera.zom'; did you mean 'camera.zoom'\?"):
        find("camera.zom")
    with pytest.raises(LiveflightError, match="`liveflight controls` lists them all"):
        find("!" * 10_000)


def test_nothing_is_near_to_nonsense() -> None:
    assert nearest("qqqq", ["zoom"]) == ""
    assert nearest("zom", ["zoom", "hue"]) == "; did you mean 'zoom'?"


# Values over time


def now(controls: Controls, row: Control) -> Value:
    match row.kind:
        case "float" | "meter":
            return controls.number(row.key)
        case "int":
            return controls.whole(row.key)
        case "bool" | "trigger":
            return controls.flag(row.key)
        case _:
            return controls.word(row.key)


def test_controls_begin_at_their_defaults() -> None:
    controls = Controls()
    valued = [row for row in ROWS if row.kind != "trigger"]
    assert controls.settings() == {row.key: row.default for row in valued}
    for row in valued:
        assert controls.setting(row.key) == row.default
        assert now(controls, row) == row.default


@each(of_kind("trigger", "text"))
def test_what_has_no_steps_is_not_nudged(row: Control) -> None:
    with pytest.raises(LiveflightError, match=f"{row.key} cannot be stepped"):
        Controls().nudge(row.key, 1.0)


@each(of_kind("float", "int", "bool", "enum"))
def test_only_what_glides_takes_time(row: Control) -> None:
    controls = Controls()
    goal = row.from_position(0.0) if row.to_position(row.default) > 0.5 else row.from_position(1.0)
    controls.set(row.key, goal)
    assert controls.setting(row.key) == goal
    assert (now(controls, row) == goal) is (row.glide == 0)


@each([row for row in of_kind("float") if row.glide])
def test_a_glide_goes_as_far_at_30_as_at_144_frames_per_second(row: Control) -> None:
    places = []
    for rate in (30, 144):
        controls = Controls()
        controls.set(row.key, row.from_position(0.9))
        for _ in range(rate // 6):  # a sixth of a second: in the middle of the glide
            controls.advance(1 / rate)
        places.append(row.to_position(controls.number(row.key)))
    start, goal = row.to_position(row.default), row.to_position(row.from_position(0.9))
    gone = start + (goal - start) * (1 - math.exp(-(1 / 6) / row.glide))
    assert places == pytest.approx([gone, gone], abs=2e-4)


@each([row for row in of_kind("float") if row.glide])
def test_a_glide_ends_exactly_at_what_was_set(row: Control) -> None:
    controls = Controls()
    goal = row.from_position(0.3)
    controls.set(row.key, goal)
    for _ in range(20):
        controls.advance(row.glide)
    assert controls.number(row.key) == goal


def test_no_time_no_glide() -> None:
    controls = Controls()
    controls.set("camera.pan_x", 1.0)
    controls.advance(0.0)
    assert controls.number("camera.pan_x") == pytest.approx(0.0, abs=1e-12)


def test_a_jump_ends_every_glide() -> None:
    controls = Controls()
    controls.set("camera.zoom", 4.0)
    controls.set("show.master", 0.25)
    controls.jump()
    assert controls.number("camera.zoom") == 4.0
    assert controls.number("show.master") == 0.25


def test_nudges_start_from_what_was_set_not_from_where_the_glide_is() -> None:
    controls = Controls()
    controls.nudge("camera.pan_x", 0.25)
    controls.nudge("camera.pan_x", 0.125)
    assert controls.setting("camera.pan_x") == 0.75
    assert controls.number("camera.pan_x") == 0.0


def test_numbers_lean_towards_others_and_settings_stay() -> None:
    controls = Controls()
    controls.set_immediately("camera.zoom", 2.0)
    controls.lean = {"camera.zoom": 4.0}, 0.25
    assert (controls.number("camera.zoom"), controls.setting("camera.zoom")) == (2.5, 2.0)
    assert controls.number("camera.speed") == 1.0
    controls.lean = {"camera.zoom": 4.0}, 1.0
    assert controls.number("camera.zoom") == 4.0
