from __future__ import annotations

import math
from typing import Any

import pytest
from fake_engine import FakeEngine
from in_flight import settle

from liveflight.core.contracts import Target
from liveflight.core.governor import SCALES
from liveflight.loop.frame_pacer import FramePacer, usual_rate, warp_frames
from liveflight.show.flight import Flight
from liveflight.show.network_loader import NetworkLoader
from liveflight.show.options import Options

STEM = Target("efficientnet_lite0", "stem", 3)


@pytest.fixture
def flight() -> Flight:
    flight = Flight(NetworkLoader(FakeEngine, background=False), seed=0)
    flight.aim({STEM: 1.0})
    flight.controls.set("ascent.steps", 4)
    return flight


OUTPUT = (320, 180)


def frame_pacer(flight: Flight, live: bool = True, **options: Any) -> FramePacer:
    most = options.pop("most", math.inf)
    options = {"view": (160, 90), "fps": 50, **options}
    return FramePacer(flight, Options(**options), OUTPUT, live=live, most=most)


def test_a_frame_waits_until_it_has_to_be_drawn(flight: Flight) -> None:
    waits = frame_pacer(flight)
    assert waits.ascent_time_left(0.0) == pytest.approx(0.019)
    for number in range(100):
        waits.displayed(number / 50, 1 / 50, drawing=0.006)
    assert waits.ascent_time_left(0.0) == pytest.approx(0.013, abs=1e-4)
    assert waits.ascent_time_left(0.005) == pytest.approx(0.008, abs=1e-4)
    assert waits.ascent_time_left(0.1) < 0
    for _ in range(100):
        waits.note_turnaround(0.004)
    assert waits.ascent_time_left(0.0) == pytest.approx(0.009, abs=1e-4), (
        "one tick is to follow another"
    )


def test_a_frame_that_is_drawn_waits_until_it_has_to_be_shown(flight: Flight) -> None:
    waits = frame_pacer(flight)
    for number in range(100):
        waits.displayed(number / 50, 1 / 50, drawing=0.006, showing=0.002)
    assert waits.time_until_present(0.01) == pytest.approx(0.007, abs=1e-4)
    assert waits.time_until_present(0.1) < 0


@pytest.mark.parametrize(
    ("elapsed", "rate", "behind"),
    [(0.02, 50.0, False), (0.021, 50.0, False), (0.023, 50.0, True), (0.023, 0.0, True),
     (0.023, 60.0, True), (0.021, 60.0, False), (0.034, 30.0, False), (0.037, 30.0, True)],
)  # fmt: skip
def test_a_frame_is_behind_by_what_is_wanted_and_what_is_usual(
    elapsed: float, rate: float, behind: bool, flight: Flight
) -> None:
    assert frame_pacer(flight).behind(elapsed, rate) is behind
    assert not frame_pacer(flight, live=False).behind(elapsed, rate)


def test_a_view_s_size_is_planned_before_it_is_taken(flight: Flight) -> None:
    fitting = frame_pacer(flight)
    assert flight.target_selector.size is None
    fitting.fit_views()
    assert flight.target_selector.size == (160, 90)
    assert fitting.out_of_memory()
    assert fitting.halted and fitting.scale == 1.0
    fitting.fit_views()
    assert flight.target_selector.size == (134, 76)
    assert not fitting.halted and fitting.scale == 0.84
    assert flight.loader.engine is not None
    assert flight.loader.engine.planned({(STEM.network, STEM.layer)}, (134, 76))


def test_smaller_views_are_planned_before_they_are_needed(flight: Flight) -> None:
    fitting = frame_pacer(flight)
    engine = flight.loader.engine
    assert isinstance(engine, FakeEngine)
    layers = {(STEM.network, STEM.layer)}
    fitting.fit_views()
    flight.advance(0.0)
    assert engine.planned(layers, (114, 64)), "the smallest"
    assert not engine.planned(layers, (134, 76))
    engine.device = "cuda"
    fitting.fit_views()
    flight.advance(0.0)
    assert engine.planned(layers, (134, 76)), "one notch down"
    assert flight.target_selector.size == (160, 90) and fitting.scale == 1.0


def test_views_that_are_planned_are_taken_whatever_else_is_waited_for() -> None:
    engine = FakeEngine()
    engine.device = "cuda"
    flight = Flight(NetworkLoader(lambda: engine, background=True), seed=0)
    flight.aim({STEM: 1.0})
    settle(flight.loader)
    flight.advance(0.0)
    fitting = frame_pacer(flight)
    fitting.fit_views()
    for _ in range(2):
        flight.advance(0.0)  # begins to plan a smaller one
        settle(flight.loader)
    engine.gate.clear()
    flight.aim({Target("vgg16", "conv1_1", 0): 1.0})
    assert fitting.out_of_memory()
    fitting.fit_views()
    assert flight.target_selector.size == (134, 76) and not fitting.halted
    engine.gate.set()
    flight.loader.close()


def test_ticks_beside_its_own_planning_do_not_shrink_views() -> None:
    engine = FakeEngine()
    flight = Flight(NetworkLoader(lambda: engine, background=True), seed=0)
    flight.aim({STEM: 1.0})
    settle(flight.loader)
    flight.advance(0.0)
    governed = frame_pacer(flight)
    engine.planning.clear()
    governed.fit_views()
    flight.advance(0.0)  # begins to plan a smaller one
    assert flight.loader.busy
    for number in range(100):
        governed.ticked(0.5, 1)
        governed.displayed(number / 50, 1 / 50, drawing=0.001)
    assert governed.governor.scale == 1.0
    engine.planning.set()
    while flight.loader.busy:
        settle(flight.loader)
        flight.advance(0.0)
    for number in range(100, 200):
        governed.ticked(0.5, 1)
        governed.displayed(number / 50, 1 / 50, drawing=0.001)
    assert governed.governor.scale == 0.5
    flight.loader.close()


def test_a_render_and_a_governor_that_is_off_hold_nothing_back(flight: Flight) -> None:
    for live in (False, True):
        one = frame_pacer(flight, live=live)
        flight.controls.set("show.governor", not live)
        for number in range(100):
            one.ticked(0.5, one.steps)
            one.displayed(number / 50, 1 / 50, drawing=0.001)
        assert not one.governed
        one.fit_views()
        assert (one.steps, one.scale) == (4, 1.0)


def test_what_is_given_of_what_was_asked_is_told(flight: Flight) -> None:
    governed = frame_pacer(flight)
    for number in range(100):
        governed.ticked(0.01 * governed.steps, governed.steps)
        governed.displayed(number / 50, 1 / 50, drawing=0.001)
    assert (
        flight.controls.setting("show.effort")
        == governed.effort
        == ("1 of 4 views, at 1, canvas 1")
    )
    assert governed.tick_rate.value == pytest.approx(50, rel=0.01)
    assert 50 <= governed.step_rate.value < 200


@pytest.mark.parametrize(
    ("renderer", "rate"),
    [
        ("llvmpipe (LLVM 15.0.6, 256 bits)", 30),
        ("ANGLE (Google, SwiftShader Device)", 30),
        ("Microsoft Basic Render Driver", 30),
        ("NVIDIA GeForce RTX 4090/PCIe/SSE2", 60),
        ("Mesa Intel(R) Graphics (ADL GT2)", 60),
    ],
)
def test_a_processor_that_draws_draws_less_often(renderer: str, rate: float) -> None:
    assert usual_rate(renderer) == rate


# The canvas


def follow(pacer: FramePacer, output: tuple[int, int], frames: int, fit: str = "cover") -> None:
    for _ in range(frames):
        pacer.follow_output(output, fit)


def test_the_canvas_follows_the_output_once_that_has_settled(flight: Flight) -> None:
    pacer = frame_pacer(flight)
    assert pacer.canvas == OUTPUT
    for width in range(330, 400, 10):
        follow(pacer, (width, 200), 3)  # dragged
        assert pacer.canvas == OUTPUT
    follow(pacer, (640, 360), 25)
    assert pacer.canvas == OUTPUT
    follow(pacer, (640, 360), 1)
    assert pacer.canvas == (640, 360)


def test_a_canvas_that_was_asked_for_stays(flight: Flight) -> None:
    pacer = frame_pacer(flight, canvas=(256, 144))
    follow(pacer, (640, 360), 60)
    assert pacer.canvas == (256, 144)


def test_a_canvas_has_no_more_pixels_than_can_be_drawn(flight: Flight) -> None:
    pacer = frame_pacer(flight, most=80 * 1000)
    follow(pacer, (1280, 720), 60)
    width, height = pacer.canvas
    assert 0.97 * 80_000 < width * height < 1.03 * 80_000
    assert width / height == pytest.approx(16 / 9, rel=0.01)
    asked = frame_pacer(flight, canvas=(1280, 720), most=80 * 1000)
    assert asked.canvas == (1280, 720), "who asks for it gets it"


def test_a_canvas_that_does_not_fit_into_memory_gets_smaller(flight: Flight) -> None:
    pacer = frame_pacer(flight)
    sizes = [pacer.canvas]
    for _ in range(6):
        pacer.no_room()
        sizes.append(pacer.canvas)
    assert [size[0] / 320 for size in sizes[:5]] == pytest.approx(SCALES, abs=0.01)
    assert sizes[4] == sizes[5] == sizes[6] == (160, 90)


def test_late_frames_shrink_the_canvas_and_leave_the_views_alone(flight: Flight) -> None:
    pacer = frame_pacer(flight)
    flight.controls.set("ascent.steps", 1)
    pacer.fit_views()
    now = 0.0
    for _ in range(100):
        pacer.ticked(0.005, 1)
        drawing = 0.045 * pacer.governor.canvas_scale**2
        now += max(drawing, 1 / 50)
        pacer.displayed(now, max(drawing, 1 / 50), drawing)
    assert pacer.canvas[0] < 320 and pacer.scale == 1.0
    assert pacer.effort == f"1 of 1 views, at 1, canvas {pacer.governor.canvas_scale:g}"
    flight.controls.set("show.governor", False)
    assert pacer.canvas == OUTPUT


def test_what_is_shown_of_the_canvas_is_known(flight: Flight) -> None:
    pacer = frame_pacer(flight, canvas=(256, 144))
    assert pacer.visible == (math.inf, math.inf)
    follow(pacer, (400, 400), 1)
    assert pacer.visible[0] == 1.0 and pacer.visible[1] > 1, "its sides are cropped"
    follow(pacer, (800, 200), 1)
    assert pacer.visible[0] == 4.0 and pacer.visible[1] == pytest.approx(16 / 9 / 4)
    follow(pacer, (800, 200), 1, fit="contain")
    assert pacer.visible == (math.inf, math.inf)
    render = frame_pacer(flight, live=False, canvas=(256, 144))
    follow(render, (400, 400), 1)
    assert render.visible == (math.inf, math.inf), "what is rendered may be cropped later"


@pytest.mark.parametrize(
    ("renderer", "live", "several"),
    [
        ("llvmpipe (LLVM 15.0.6, 256 bits)", True, True),
        ("llvmpipe (LLVM 15.0.6, 256 bits)", False, False),
        ("NVIDIA GeForce RTX 4090/PCIe/SSE2", True, False),
    ],
)
def test_only_a_processor_in_a_live_flight_spreads_a_warp(
    renderer: str, live: bool, several: bool
) -> None:
    assert (warp_frames(renderer, live=live) > 1) == several
