from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveflight.core.camera import (
    DISSOLVE_S,
    IDENTITY,
    Camera,
    compose,
    displacement,
    fold_lines,
    is_identity,
    matrix,
)
from liveflight.core.contracts import Value, Warp
from liveflight.core.controls import Controls
from liveflight.core.effects import EFFECTS, amounts
from liveflight.core.tone import NEUTRAL, Tone

WIDE = 16 / 9


def source(moved: np.ndarray, x: float, y: float) -> list[float]:
    """Where the new picture's place (x, y) takes its colour from."""
    return (moved @ [x, y, 1])[:2].tolist()


def controls(**settings: Value) -> Controls:
    """The defaults but for these, named `group__name`, and a camera that stands still."""
    flown = Controls()
    still: dict[str, Value] = {"camera__zoom": 1.0}
    for key, value in (still | settings).items():
        flown.set(key.replace("__", "."), value)
    flown.jump()
    return flown


def composed(flown: Controls, steps: int, dt: float) -> np.ndarray:
    """All the steps' matrices as one, in float64."""
    camera, whole = Camera(), np.eye(3)
    for _ in range(steps):
        whole = whole @ camera.warp(flown, dt, WIDE).matrix.astype(np.float64)
    return whole


# One matrix


def test_nothing_moves() -> None:
    still = matrix(1, 0, 0, 0)
    assert still.dtype == np.float32
    np.testing.assert_array_equal(still, np.eye(3))


def test_zoom_2_keeps_the_middle_and_takes_the_rim_from_half_way() -> None:
    doubled = matrix(2, 0, 0, 0)
    np.testing.assert_allclose(doubled, [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1]], atol=1e-7)
    assert source(doubled, 0, 0) == [0, 0]
    assert source(doubled, -0.8, 0.5) == pytest.approx([-0.4, 0.25])


def test_a_clockwise_quarter_turn_moves_the_top_to_the_right() -> None:
    turned = matrix(1, math.pi / 2, 0, 0)
    np.testing.assert_allclose(turned, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-7)
    # The right rim now shows what was at the top, the top what was at the left.
    assert source(turned, 0.5, 0) == pytest.approx([0, 0.5], abs=1e-7)
    assert source(turned, 0, 0.5) == pytest.approx([-0.5, 0], abs=1e-7)


def test_flying_right_moves_the_picture_left_and_flying_up_moves_it_down() -> None:
    moved = matrix(1, 0, 0.25, -0.125)
    np.testing.assert_array_equal(moved, np.float32([[1, 0, 0.25], [0, 1, -0.125], [0, 0, 1]]))
    # What is now at the left of the middle was in the middle.
    assert source(moved, -0.25, 0.125) == [0, 0]


def test_zoom_turn_and_pan_go_on_evenly_together() -> None:
    # Doubling while it moves on by 0.3: the integral of 0.3 * 2^-t over one unit of time.
    moved = matrix(2, 0, 0.3, 0)
    assert source(moved, 0, 0) == pytest.approx([0.3 * 0.5 / math.log(2), 0])
    # A half turn while it moves on by 0.3: the chord of a half circle, across the way it started.
    moved = matrix(1, math.pi, 0.3, 0)
    assert source(moved, 0, 0) == pytest.approx([0, 0.6 / math.pi], abs=1e-7)


@given(
    st.floats(0.2, 5), st.floats(-3.2, 3.2), st.floats(-2, 2), st.floats(-1, 1),
    st.integers(1, 9),
)  # fmt: skip
def test_parts_of_a_movement_are_the_whole(
    zoom: float, clockwise: float, right: float, up: float, parts: int
) -> None:
    part = matrix(zoom ** (1 / parts), clockwise / parts, right / parts, up / parts)
    together = np.linalg.matrix_power(part.astype(np.float64), parts)
    np.testing.assert_allclose(together, matrix(zoom, clockwise, right, up), rtol=1e-5, atol=2e-5)


# Rates per second


@pytest.mark.parametrize(
    "settings",
    [
        {"camera__zoom": 1.7},
        {"camera__rotation": -130.0},
        {"camera__pan_x": 0.6, "camera__pan_y": -0.4},
        {
            "camera__zoom": 0.6,
            "camera__rotation": 75.0,
            "camera__pan_x": 0.5,
            "camera__pan_y": 0.3,
            "camera__speed": 1.5,
        },
    ],
    ids=["zoom", "rotation", "pan", "all"],
)
def test_one_second_is_the_same_movement_at_30_and_60_frames(settings: dict[str, Value]) -> None:
    flown = controls(**settings)
    slow, fast = composed(flown, 30, 1 / 30), composed(flown, 60, 1 / 60)
    np.testing.assert_allclose(slow, fast, rtol=0, atol=1e-5)
    assert np.abs(slow - np.eye(3)).max() > 0.1


def test_one_second_moves_by_what_the_controls_say() -> None:
    np.testing.assert_allclose(
        composed(controls(camera__zoom=2.0), 30, 1 / 30), np.diag([0.5, 0.5, 1]), atol=1e-5
    )
    np.testing.assert_allclose(
        composed(controls(camera__rotation=90.0), 30, 1 / 30),
        [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
        atol=1e-5,
    )
    # pan_x counts in widths, pan_y in heights; the matrix in heights.
    np.testing.assert_allclose(
        composed(controls(camera__pan_x=0.5, camera__pan_y=0.25), 30, 1 / 30),
        [[1, 0, 0.5 * WIDE], [0, 1, 0.25], [0, 0, 1]],
        atol=1e-5,
    )


def one_second(camera: Camera | None = None, **settings: Value) -> Warp:
    return (camera or Camera()).warp(controls(**settings), 1.0, WIDE)


def test_without_settings_nothing_is_moved_or_coloured() -> None:
    warp = one_second()
    np.testing.assert_array_equal(warp.matrix, np.eye(3))
    assert (warp.mirror_x, warp.mirror_y, warp.kaleidoscope) == (False, False, 0)
    assert (
        amounts(warp)["swirl"],
        amounts(warp)["flow"],
        amounts(warp)["hue"],
        amounts(warp)["saturation"],
        amounts(warp)["decay"],
    ) == (0, 0, 0, 1, 0)


@pytest.mark.parametrize(
    ("mirror", "x", "y"),
    [
        ("off", False, False),
        ("horizontal", True, False),
        ("vertical", False, True),
        ("both", True, True),
    ],
)
def test_mirror_is_the_controls_choice(mirror: str, x: bool, y: bool) -> None:
    warp = one_second(warp__mirror=mirror)
    assert (warp.mirror_x, warp.mirror_y) == (x, y)


def test_the_other_controls_arrive_in_the_warps_units() -> None:
    warp = one_second(
        warp__kaleidoscope=6,
        warp__swirl=90.0,
        warp__flow=0.2,
        colour__hue=180.0,
        colour__saturation=3.0,
        colour__decay=2.0,
    )
    assert warp.kaleidoscope == 6
    assert amounts(warp)["swirl"] == pytest.approx(math.pi / 2)
    assert amounts(warp)["flow"] == pytest.approx(0.2)
    assert amounts(warp)["hue"] == pytest.approx(math.pi)
    assert amounts(warp)["saturation"] == pytest.approx(3.0)
    assert amounts(warp)["decay"] == pytest.approx(1 - math.exp(-2))


def test_colour_comes_out_alike_at_30_and_60_frames() -> None:
    flown = controls(colour__saturation=2.0, colour__decay=0.7)
    slow, fast = Camera().warp(flown, 1 / 30, 1.0), Camera().warp(flown, 1 / 60, 1.0)
    assert amounts(slow)["saturation"] == pytest.approx(amounts(fast)["saturation"] ** 2)
    assert 1 - amounts(slow)["decay"] == pytest.approx((1 - amounts(fast)["decay"]) ** 2)


def test_the_drift_goes_on_from_where_it_was() -> None:
    camera = Camera()
    phases = [one_second(camera, camera__speed=speed).phase for speed in (1.0, 2.0, 0.0, 0.5)]
    assert phases == [1.0, 3.0, 3.0, 3.5]


def test_speed_0_stands_still() -> None:
    warp = one_second(
        camera__speed=0.0,
        camera__zoom=3.0,
        camera__rotation=90.0,
        camera__pan_x=1.0,
        camera__pan_y=-1.0,
        warp__swirl=90.0,
        warp__flow=0.3,
        colour__hue=90.0,
    )
    np.testing.assert_array_equal(warp.matrix, np.eye(3))
    assert (amounts(warp)["swirl"], amounts(warp)["flow"], warp.phase, amounts(warp)["hue"]) == (
        0,
        0,
        0,
        0,
    )


def test_no_time_no_movement() -> None:
    flown = controls(camera__zoom=3.0, camera__pan_x=1.0, colour__decay=5.0)
    warp = Camera().warp(flown, 0.0, WIDE)
    np.testing.assert_array_equal(warp.matrix, np.eye(3))
    assert (amounts(warp)["saturation"], amounts(warp)["decay"]) == (1, 0)


# Movements added up


def test_a_movement_and_the_next_are_one_exactly() -> None:
    flown = controls(camera__zoom=1.9, camera__rotation=77.0, camera__pan_x=0.3, camera__pan_y=-0.2)
    camera, whole = Camera(), IDENTITY
    for _ in range(5):
        whole = compose(whole, camera.warp(flown, 1 / 30, WIDE))
    np.testing.assert_allclose(whole.matrix, composed(flown, 5, 1 / 30), atol=1e-6)
    assert whole.matrix.dtype == np.float32


def test_the_first_movement_is_looked_up_last() -> None:
    right, larger = Warp(matrix(1, 0, 0.5, 0)), Warp(matrix(2, 0, 0, 0))
    # Enlarged after the camera went right: what is in the middle now was 0.5 to the right.
    assert source(compose(right, larger).matrix, 0.4, 0) == pytest.approx([0.7, 0])
    assert source(compose(larger, right).matrix, 0.4, 0) == pytest.approx([0.45, 0])


def test_colours_and_drifts_add_up_and_folds_are_the_newest() -> None:
    given = {"swirl": 0.1, "flow": 0.02, "hue": 0.3, "saturation": 1.1, "decay": 0.2}
    first = Warp(IDENTITY.matrix, True, False, 3, given, 7.0)
    given = {"swirl": 0.2, "flow": 0.03, "hue": 0.4, "saturation": 0.5, "decay": 0.5}
    second = Warp(IDENTITY.matrix, False, True, 5, given, 7.5)
    both = compose(first, second)
    assert (both.mirror_x, both.mirror_y, both.kaleidoscope) == (False, True, 5)
    assert (amounts(both)["swirl"], amounts(both)["flow"], amounts(both)["hue"]) == pytest.approx(
        (0.3, 0.05, 0.7)
    )
    assert both.phase == 7.5
    assert (amounts(both)["saturation"], amounts(both)["decay"]) == pytest.approx((0.55, 0.6))


def test_standing_still_changes_no_bit_of_a_movement() -> None:
    moved = Camera().warp(controls(camera__zoom=1.3, warp__flow=0.1, colour__decay=1.0), 0.1, WIDE)
    for both in (compose(IDENTITY, moved), compose(moved, replace(IDENTITY, phase=moved.phase))):
        np.testing.assert_array_equal(both.matrix, moved.matrix)
        assert replace(both, matrix=moved.matrix) == moved


# Folds that come in


@pytest.mark.parametrize("rate", [15, 30, 60, 144])
def test_a_new_fold_dissolves_in_alike_at_every_rate(rate: int) -> None:
    flown, camera = controls(), Camera()
    assert camera.warp(flown, 1 / rate, WIDE).folded == 1.0
    flown.set_immediately("warp.kaleidoscope", 12)
    shares = [0.0]
    whole = IDENTITY
    for _ in range(rate):
        whole = compose(whole, camera.warp(flown, 1 / rate, WIDE))
        shares.append(whole.folded)
    assert shares == sorted(shares)
    moments = [moment / rate / DISSOLVE_S for moment in range(rate + 1)]
    expected = [1 - max(1 - moment, 0.0) ** 2 for moment in moments]
    assert shares == pytest.approx(expected, abs=1e-9)
    assert camera.warp(flown, 1 / rate, WIDE).folded == 1.0


@pytest.mark.parametrize(
    ("key", "value"), [("warp.kaleidoscope", 3), ("warp.mirror", "both"), ("warp.mirror", "off")]
)
def test_every_change_of_the_folds_begins_anew(key: str, value: Value) -> None:
    camera, flown = Camera(), controls(warp__kaleidoscope=12, warp__mirror="vertical")
    assert camera.warp(flown, 0.1, WIDE).folded == 1.0, "what a flight begins with is there at once"
    flown.set_immediately(key, value)
    first, second = (camera.warp(flown, 0.1, WIDE).folded for _ in range(2))
    assert 0 < first < second < 1


def test_one_wedge_is_none_and_the_folds_before_do_not_count() -> None:
    camera, flown = Camera(), controls()
    camera.warp(flown, 0.1, WIDE)
    flown.set_immediately("warp.kaleidoscope", 1)
    assert camera.warp(flown, 0.1, WIDE).folded == 1.0
    old, new = (
        replace(IDENTITY, kaleidoscope=4, folded=0.9),
        replace(IDENTITY, mirror_x=True, folded=0.2),
    )
    assert compose(old, new).folded == 0.2
    assert compose(new, new).folded == pytest.approx(1 - 0.8**2)


@pytest.mark.parametrize(
    ("change", "still"),
    [
        ({}, True),
        ({"kaleidoscope": 5, "folded": 0.0}, True),
        ({"mirror_x": True, "folded": 0.1}, False),
        ({"phase": 9.0, "kaleidoscope": 1}, True),
        ({"matrix": matrix(1, 0, 1e-6, 0)}, False),
        *(({name: True}, False) for name in ("mirror_x", "mirror_y")),
        ({"kaleidoscope": 2}, False),
        *(({"amounts": {effect.name: effect.neutral + 0.01}}, False) for effect in EFFECTS),
        *(({"amounts": {effect.name: effect.neutral}}, True) for effect in EFFECTS),
    ],
)
def test_what_leaves_every_picture_as_it_is(change: dict[str, Any], still: bool) -> None:
    assert is_identity(replace(IDENTITY, **change)) is still


# The tone


@pytest.mark.parametrize("decays", [(0.0, 0.0), (0.25, 0.0), (0.0, 0.25), (0.5, 0.25)])
def test_colours_and_tone_of_two_movements_are_those_of_one(decays: tuple[float, float]) -> None:
    def seen(warp: Warp, value: float) -> float:
        share = amounts(warp)["decay"]
        return (value * (1 - share) + share / 2) * warp.tone.gain + warp.tone.offset

    first, second = (
        replace(IDENTITY, amounts={"decay": decay}, tone=tone)
        for decay, tone in zip(decays, (Tone(1.5, -0.2), Tone(0.8, 0.3)), strict=True)
    )
    both = compose(first, second)
    for value in (0.0, 0.3, 1.0):
        assert seen(both, value) == pytest.approx(seen(second, seen(first, value)))


def test_a_tone_is_no_identity() -> None:
    assert compose(IDENTITY, IDENTITY).tone == NEUTRAL
    assert not is_identity(replace(IDENTITY, tone=Tone(1.0, 1e-6)))


# How far


@pytest.mark.parametrize(
    ("moved", "far"),
    [
        (matrix(1, 0, 0, 0), 0.0),
        (matrix(1, 0, 0.3, -0.4), 0.5),
        (matrix(2, 0, 0, 0), math.hypot(WIDE, 1) / 4),
        (matrix(1, math.pi, 0, 0), math.hypot(WIDE, 1)),
        (matrix(1, math.pi, 0, 0) @ matrix(1, 0, 0.1, 0), math.hypot(WIDE + 0.1, 1)),
        (np.array([[1, 0, 0], [0, 1, 0], [0.1, 0, 2]], np.float32), None),
    ],
)
def test_the_displacement_is_that_of_the_corner_that_moves_most(
    moved: np.ndarray, far: float | None
) -> None:
    if far is None:
        x, y, w = moved.astype(float) @ (WIDE / 2, 0.5, 1)
        far = math.hypot(x / w - WIDE / 2, y / w - 0.5)
    assert displacement(Warp(moved), WIDE) == pytest.approx(far, abs=1e-6)


def test_swirl_and_drift_count_as_well() -> None:
    still = matrix(1, 0, 0, 0)
    assert displacement(Warp(still, amounts={"flow": -0.1}), WIDE) == pytest.approx(0.1)
    # The swirl moves the places at 0.35 / sqrt(2) heights the most, by a chord of its angle.
    radius, angle = 0.35 / math.sqrt(2), 0.5 * math.exp(-0.5)
    chord = 2 * radius * math.sin(angle / 2)
    assert displacement(Warp(still, amounts={"swirl": -0.5}), WIDE) == pytest.approx(0.075)
    assert chord <= 0.0751


# Where it is folded


@pytest.mark.parametrize(
    ("folds", "count"),
    [
        ({}, 0),
        ({"mirror_x": True}, 1),
        ({"mirror_y": True}, 1),
        ({"mirror_x": True, "mirror_y": True}, 2),
        ({"kaleidoscope": 1}, 0),
        *(({"kaleidoscope": wedges}, 1 + math.ceil(math.log2(wedges))) for wedges in range(2, 17)),
        ({"mirror_x": True, "mirror_y": True, "kaleidoscope": 16}, 7),
    ],
)
def test_folds_are_unit_normals_towards_what_is_folded_over(
    folds: dict[str, Any], count: int
) -> None:
    lines = fold_lines(replace(IDENTITY, **folds))
    assert len(lines) == count
    assert [math.hypot(*line) for line in lines] == pytest.approx([1] * count)
    if folds.get("mirror_x"):
        assert lines[0] == (1, 0)
    if wedges := folds.get("kaleidoscope", 0):
        kept = 0  # of 720 directions, those that no line folds over
        for number in range(720):
            angle = math.radians(number / 2 + 0.25)
            place = math.sin(angle), math.cos(angle)
            kept += all(
                x * place[0] + y * place[1] <= 0
                for x, y in fold_lines(replace(IDENTITY, kaleidoscope=wedges))
            )
        assert kept == pytest.approx(720 if wedges == 1 else 360 / wedges, abs=1)
