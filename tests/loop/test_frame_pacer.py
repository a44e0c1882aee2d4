from __future__ import annotations

import pytest
from fake_engine import FakeEngine
from in_flight import settle

from liveflight.core.contracts import Target
from liveflight.loop.frame_pacer import FramePacer, usual_rate
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


def frame_pacer(flight: Flight, live: bool = True) -> FramePacer:
    return FramePacer(flight, Options(canvas=(160, 90), fps=50), live=live)


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


def test_the_canvas_is_planned_before_it_is_taken(flight: Flight) -> None:
    fitting = frame_pacer(flight)
    assert flight.target_selector.size is None
    fitting.fit_canvas()
    assert flight.target_selector.size == (160, 90)
    assert fitting.out_of_memory()
    assert fitting.halted and fitting.scale == 1.0
    fitting.fit_canvas()
    assert flight.target_selector.size == (134, 76)
    assert not fitting.halted and fitting.scale == 0.84
    assert flight.loader.engine is not None
    assert flight.loader.engine.planned({(STEM.network, STEM.layer)}, (134, 76))


def test_smaller_canvases_are_planned_before_they_are_needed(flight: Flight) -> None:
    fitting = frame_pacer(flight)
    engine = flight.loader.engine
    assert isinstance(engine, FakeEngine)
    layers = {(STEM.network, STEM.layer)}
    fitting.fit_canvas()
    flight.advance(0.0)
    assert engine.planned(layers, (114, 64)), "the smallest"
    assert not engine.planned(layers, (134, 76))
    engine.device = "cuda"
    fitting.fit_canvas()
    flight.advance(0.0)
    assert engine.planned(layers, (134, 76)), "one notch down"
    assert flight.target_selector.size == (160, 90) and fitting.scale == 1.0


def test_a_canvas_that_is_planned_is_taken_whatever_else_is_waited_for() -> None:
    engine = FakeEngine()
    engine.device = "cuda"
    flight = Flight(NetworkLoader(lambda: engine, background=True), seed=0)
    flight.aim({STEM: 1.0})
    settle(flight.loader)
    flight.advance(0.0)
    fitting = frame_pacer(flight)
    fitting.fit_canvas()
    for _ in range(2):
        flight.advance(0.0)  # begins to plan a smaller one
        settle(flight.loader)
    engine.gate.clear()
    flight.aim({Target("vgg16", "conv1_1", 0): 1.0})
    assert fitting.out_of_memory()
    fitting.fit_canvas()
    assert flight.target_selector.size == (134, 76) and not fitting.halted
    engine.gate.set()
    flight.loader.close()


def test_ticks_beside_its_own_planning_do_not_shrink_the_canvas() -> None:
    engine = FakeEngine()
    flight = Flight(NetworkLoader(lambda: engine, background=True), seed=0)
    flight.aim({STEM: 1.0})
    settle(flight.loader)
    flight.advance(0.0)
    governed = frame_pacer(flight)
    engine.planning.clear()
    governed.fit_canvas()
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
        one.fit_canvas()
        assert (one.steps, one.scale) == (4, 1.0)


def test_what_is_given_of_what_was_asked_is_told(flight: Flight) -> None:
    governed = frame_pacer(flight)
    for number in range(100):
        governed.ticked(0.01 * governed.steps, governed.steps)
        governed.displayed(number / 50, 1 / 50, drawing=0.001)
    assert flight.controls.setting("show.effort") == governed.effort == "1 of 4 steps, canvas 1"
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
