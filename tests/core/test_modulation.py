from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveflight.core.contracts import LiveflightError
from liveflight.core.controls import CONTROLS, Controls
from liveflight.core.modulation import BANDS, Modulation, ModulationRow, read

ZOOM = "camera.zoom"
PLAIN: dict[str, Any] = {"control": ZOOM, "source": "lfo", "depth": 0.2}


def rows(*entries: dict[str, Any]) -> tuple[ModulationRow, ...]:
    return read([{**PLAIN, "smooth": 0.0, **entry} for entry in entries])


def flown(
    moved: tuple[ModulationRow, ...], seconds: float, rate: int = 60, bpm: float = 120.0,
    seed: int = 3,
    sound: Callable[[float], float] = lambda second: 0.0, key: str = ZOOM,
) -> list[float]:  # fmt: skip
    """Fader positions of `key` after each frame; `sound` is what every meter shows."""
    controls, modulation = Controls(), Modulation(seed)
    modulation.follow(moved)
    places = []
    for frame in range(1, round(seconds * rate) + 1):
        for band in BANDS:
            controls.set(f"sound.{band}", sound(frame / rate))
        modulation.advance(1 / rate, bpm / 60 * frame / rate, controls)
        places.append(CONTROLS[key].to_position(controls.number(key)))
    return places


BASE = CONTROLS[ZOOM].to_position(1.2)


# What a control sees


def test_the_modulated_value_is_seen_and_the_setting_is_not_touched() -> None:
    controls, modulation = Controls(), Modulation()
    modulation.follow(rows({"beats": 4}))
    modulation.advance(0.5, 1.0, controls)
    assert controls.number(ZOOM) == pytest.approx(CONTROLS[ZOOM].from_position(BASE + 0.2))
    assert controls.setting(ZOOM) == 1.2
    controls.nudge(ZOOM, 0.0)
    assert controls.setting(ZOOM) == pytest.approx(1.2)


def test_it_stops_at_the_ends_of_the_range() -> None:
    for depth, end in ((1.0, 5.0), (-1.0, 0.2)):
        controls, modulation = Controls(), Modulation()
        modulation.follow(rows({"beats": 4, "depth": depth}))
        modulation.advance(0.5, 1.0, controls)
        assert controls.number(ZOOM) == pytest.approx(end)


def test_several_rows_of_one_control_add_up() -> None:
    places = flown(rows({"beats": 4, "shape": "square"}, {"beats": 4, "shape": "square"}), 0.5)
    assert places[-1] == pytest.approx(BASE + 0.4)


def test_one_control_scales_it_all() -> None:
    controls, modulation = Controls(), Modulation()
    controls.set("tempo.modulation", 0.5)
    controls.jump()
    modulation.follow(rows({"shape": "square"}))
    modulation.advance(0.1, 0.1, controls)
    assert CONTROLS[ZOOM].to_position(controls.number(ZOOM)) == pytest.approx(BASE + 0.1)


def test_a_control_goes_back_gently_once_its_row_is_gone() -> None:
    controls, modulation = Controls(), Modulation()
    modulation.follow(rows({"shape": "square"}))
    modulation.advance(0.1, 0.1, controls)
    modulation.follow(())
    modulation.advance(0.25, 0.2, controls)
    assert controls.offsets[ZOOM] == pytest.approx(0.2 / math.e)
    for _ in range(10):
        modulation.advance(0.25, 0.2, controls)
    assert controls.offsets == {} and controls.number(ZOOM) == 1.2


# Sources


SHAPES = {
    "sine": [0.0, 1.0, 0.0, -1.0],
    "triangle": [0.0, 1.0, 0.0, -1.0],
    "saw": [-1.0, -0.5, 0.0, 0.5],
    "square": [1.0, 1.0, -1.0, -1.0],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_at_the_quarters_of_their_course(shape: str) -> None:
    for quarter, value in enumerate(SHAPES[shape]):
        controls, modulation = Controls(), Modulation()
        modulation.follow(rows({"shape": shape, "beats": 8}))
        modulation.advance(0.1, 16 + 2.0 * quarter, controls)
        assert controls.offsets[ZOOM] == pytest.approx(0.2 * value)


def test_on_the_beat_it_follows_the_tempo_and_free_it_does_not() -> None:
    for bpm in (60.0, 180.0):
        on_the_beat = flown(rows({"beats": 4}), 60 / bpm, bpm=bpm)
        assert on_the_beat[-1] == pytest.approx(BASE + 0.2, abs=1e-3)
        free = flown(rows({"hertz": 0.5}), 0.5, bpm=bpm)
        assert free[-1] == pytest.approx(BASE + 0.2)
    moved = [rows({"hertz": 0.5}), rows({"beats": 4}), rows({"source": "sound"}), ()]
    shown = []
    for each in moved:
        modulation = Modulation()
        modulation.follow(each)
        shown.append(modulation.on_the_beat)
    assert shown == [False, True, False, False]


def test_phase_is_where_it_begins() -> None:
    assert flown(rows({"beats": 4, "phase": 0.25}), 2.0)[-1] == pytest.approx(BASE + 0.2)


def test_sample_and_hold_holds_for_a_turn_and_goes_elsewhere() -> None:
    places = flown(rows({"shape": "random", "beats": 1}), 8.0)
    turns = [places[30 * beat : 30 * beat + 29] for beat in range(16)]
    assert all(max(turn) - min(turn) < 1e-12 for turn in turns)
    assert len({round(turn[0], 6) for turn in turns}) == 16
    assert max(places) - min(places) > 0.2


def test_a_walk_is_smooth_and_alike_at_every_frame_rate_and_differs_by_seed() -> None:
    walk = rows({"source": "walk", "beats": 2})
    slow, fast = flown(walk, 20, rate=30), flown(walk, 20, rate=120)
    assert slow == pytest.approx(fast[3::4])
    assert max(abs(one - other) for one, other in pairwise(fast)) < 0.01
    assert max(slow) - min(slow) > 0.2
    assert slow == flown(walk, 20, rate=30)
    assert slow != pytest.approx(flown(walk, 20, rate=30, seed=4), abs=0.01)


@pytest.mark.parametrize("band", [band for band in BANDS if band != "onset"])
def test_a_band_of_the_sound_moves_it(band: str) -> None:
    moved = rows({"source": "sound", "band": band})
    places = flown(moved, 0.5, sound=lambda second: second)
    assert places[-1] == pytest.approx(BASE + 0.1)


def test_an_onset_rises_and_decays() -> None:
    moved = rows({"source": "onset", "attack": 0.1, "decay": 0.5})
    hit: Callable[[float], float] = lambda second: float(abs(second - 0.2) < 0.001)  # noqa: E731
    places = flown(moved, 1.0, rate=100, sound=hit)
    at = {round(second, 2): (place - BASE) / 0.2 for second, place in
          zip((n / 100 for n in range(1, 101)), places, strict=True)}  # fmt: skip
    assert at[0.19] == pytest.approx(0.0, abs=1e-9)
    assert at[0.24] == pytest.approx(0.5)
    assert at[0.29] == pytest.approx(1.0)
    assert at[0.9] / at[0.4] == pytest.approx(math.exp(-1))


def test_without_attack_an_onset_is_there_at_once() -> None:
    moved = rows({"source": "onset", "attack": 0.0})
    assert flown(moved, 0.1, sound=lambda second: 1.0)[0] == pytest.approx(BASE + 0.2)


def test_smoothing_is_the_same_at_every_frame_rate() -> None:
    moved = rows({"shape": "square", "beats": 64, "smooth": 0.4})
    for rate in (30, 144):
        places = flown(moved, 1.0, rate=rate)
        assert places[-1] == pytest.approx(BASE + 0.2 * (1 - math.exp(-1 / 0.4)))


def test_another_control_moves_it_with_what_moves_that_one() -> None:
    moved = rows(
        {"source": "control", "of": "camera.pan_x", "depth": 0.1},
        {"control": "camera.pan_x", "shape": "square", "depth": 0.5},
    )
    assert flown(moved, 0.1)[0] == pytest.approx(BASE + 0.1 * 1.0)


# Reading


def test_a_row_comes_back_as_it_was_written() -> None:
    entries: list[dict[str, Any]] = [
        {"control": ZOOM, "source": "lfo", "depth": 0.2, "shape": "saw", "beats": 8.0},
        {"control": "camera.pan_x", "source": "walk", "depth": -0.2, "hertz": 0.1},
        {"control": "ascent.rate", "source": "sound", "depth": 0.5, "band": "low"},
        {"control": "colour.hue", "source": "onset", "depth": 0.5, "decay": 1.0, "smooth": 0.0},
        {"control": "warp.flow", "source": "control", "depth": 0.5, "of": "sound.low"},
    ]
    assert [row.dump() for row in read(entries)] == entries


WRONG = [
    ({"control": "camera.zom"}, "'camera.zom'; did you mean 'camera.zoom'"),
    ({"control": "warp.mirror"}, "control = 'warp.mirror': allowed is a control that glides"),
    ({"control": "ascent.steps"}, "control = 'ascent.steps'"),
    ({"control": "tempo.modulation"}, "control = 'tempo.modulation'"),
    ({"control": "sound.low"}, "control = 'sound.low'"),
    ({"control": 3}, "control = '3': allowed is GROUP.NAME"),
    ({"source": "lof"}, "source = 'lof': allowed is lfo, walk, sound, onset, control"),
    ({"source": []}, "source = '[]'"),
    ({"shape": "sinus"}, "shape = 'sinus': allowed is sine, triangle, saw, square, random"),
    ({"depth": 1.5}, "depth = '1.5': allowed is -1 to 1"),
    ({"depth": math.nan}, "depth = 'nan'"),
    ({"depth": True}, "depth = 'True'"),
    ({"depth": "big"}, "depth = 'big'"),
    ({"beats": 0}, "beats = '0': allowed is 0.0625 to 1024"),
    ({"smooth": -1}, "smooth = '-1': allowed is 0 to 60"),
    ({"band": "low"}, "modulation by lfo: band: allowed are beats, control, depth, hertz"),
    ({"source": "sound", "band": "bass"}, "band = 'bass': allowed is level, low, mid, high"),
    ({"source": "control"}, "modulation by control has no of"),
    ({"source": "control", "of": "show.effort"}, "of = 'show.effort': allowed is a number"),
    ({"dept": 1}, "a modulation has no 'dept'; did you mean 'depth'?"),
]


@pytest.mark.parametrize(("entry", "reason"), WRONG, ids=lambda each: str(each)[:40])
def test_a_wrong_field_is_refused_by_name(entry: dict[str, Any], reason: str) -> None:
    with pytest.raises(LiveflightError) as refused:
        read([{**PLAIN, **entry}])
    assert reason in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("missing", PLAIN)
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(LiveflightError, match=f"a modulation has no {missing}"):
        read([{name: value for name, value in PLAIN.items() if name != missing}])


@pytest.mark.parametrize("entries", [{}, "lfo", 3, None, [3], [PLAIN] * 33])
def test_what_is_no_list_of_rows_is_refused(entries: object) -> None:
    with pytest.raises(LiveflightError, match="modulation"):
        read(entries)


def linked(*keys: str) -> list[dict[str, Any]]:
    """Each moves the next."""
    return [
        {"control": moved, "source": "control", "of": mover, "depth": 0.1}
        for mover, moved in pairwise(keys)
    ]


def test_controls_that_move_each_other_are_refused_with_their_path() -> None:
    with pytest.raises(LiveflightError) as refused:
        read(linked(ZOOM, "camera.pan_x", ZOOM))
    assert str(refused.value) in {
        "modulation goes round in a circle: camera.zoom -> camera.pan_x -> camera.zoom",
        "modulation goes round in a circle: camera.pan_x -> camera.zoom -> camera.pan_x",
    }
    with pytest.raises(LiveflightError, match=r"camera\.zoom -> camera\.zoom"):
        read(linked(ZOOM, ZOOM))
    assert len(read(linked("sound.low", ZOOM, "camera.pan_x", "camera.pan_y"))) == 3


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
NAMES = st.sampled_from([*ModulationRow.__dataclass_fields__, "other"])
GOOD = st.sampled_from([ZOOM, "lfo", "walk", "sound", "onset", "control", "sine", 0.5, 1])


@given(st.lists(st.dictionaries(NAMES, VALUES | GOOD, max_size=6) | VALUES, max_size=3))
@settings(derandomize=True, deadline=None, max_examples=500)
def test_whatever_is_read_is_held_or_refused(entries: list[Any]) -> None:
    try:
        held = read(entries)
    except LiveflightError:
        return
    assert read([row.dump() for row in held]) == held


def test_a_recall_that_moves_the_same_control_does_not_make_it_jump() -> None:
    controls, modulation = Controls(), Modulation()
    swing = ModulationRow(ZOOM, "lfo", 0.4, shape="square", hertz=0.001, smooth=0.0)
    modulation.follow([swing])
    modulation.advance(0.02, 0.0, controls)
    assert controls.offsets[ZOOM] == pytest.approx(0.4)
    modulation.follow([replace(swing, depth=0.2, smooth=0.25)])
    modulation.advance(0.02, 0.0, controls)
    assert controls.offsets[ZOOM] == pytest.approx(0.385, abs=0.01)
    for _ in range(100):
        modulation.advance(0.05, 0.0, controls)
    assert controls.offsets[ZOOM] == pytest.approx(0.2)
