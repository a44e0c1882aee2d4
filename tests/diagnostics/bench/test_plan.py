from __future__ import annotations

import pytest

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target
from liveflight.diagnostics.bench import plan
from liveflight.diagnostics.bench.plan import BenchFlight, Plan
from liveflight.show.options import Options


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
@pytest.mark.parametrize("quick", [False, True])
def test_everything_that_is_measured_exists(device: str, quick: bool) -> None:
    asked = Plan(quick=quick)
    for case in plan.cases(asked, device):
        assert networks.network(case["network"]).layer(case["layer"]).name == case["layer"]
    for flight in plan.flights(asked, device):
        networks.resolve(Target(flight.network, flight.layer, flight.filter))


def test_a_cpu_gets_smaller_views_and_a_lower_rate() -> None:
    largest = {
        device: max(case["view"] for case in plan.cases(Plan(), device))
        for device in ("cpu", "cuda")
    }
    assert largest == {"cpu": (320, 180), "cuda": (1920, 1080)}
    assert plan.display_fps(Plan(), "cpu") == 30
    assert plan.display_fps(Plan(), "cuda") == 60
    assert plan.display_fps(Plan(display_fps=144), "cpu") == 144


def test_a_flight_that_was_asked_for_is_the_only_one() -> None:
    asked = Plan(flight=Options(network="VGG16", layer="features.17", view=(96, 64)))
    assert plan.flights(asked, "cpu") == (BenchFlight("vgg16", "conv4_1", 100, (96, 64)),)
    assert plan.cases(asked, "cpu") == [{"network": "vgg16", "layer": "conv4_1", "view": (96, 64)}]


def test_a_flight_on_a_canvas_that_was_asked_for_sees_it_through_the_usual_views() -> None:
    asked = Plan(flight=Options(canvas=(3840, 2160)))
    (flight,) = plan.flights(asked, "cpu")
    assert (flight.view, flight.canvas) == ((320, 180), (3840, 2160))
    given = plan.flight_settings(asked, flight, "headless", "cpu", {})
    assert (given["view"], given["canvas"], given["size"]) == (
        *((320, 180), (3840, 2160)),
        asked.size,
    )


def test_what_was_not_asked_for_is_filled_in() -> None:
    asked = Plan(flight=Options(network="vgg19"))
    (flight,) = plan.flights(asked, "cpu")
    networks.resolve(Target(flight.network, flight.layer, flight.filter))
    asked = Plan(flight=Options(layer="stem", filter="31"))
    assert plan.flights(asked, "cpu") == (
        BenchFlight("efficientnet_lite0", "stem", 31, (320, 180)),
    )


def test_a_gpu_is_measured_with_what_it_is_for() -> None:
    flight = plan.flights(Plan(), "cuda")[0]
    given = plan.flight_settings(Plan(), flight, "headless", "cuda", {})
    assert (given["network"], given["layer"]) == ("vgg16", "conv4_1")
    assert (given["size"], given["canvas"]) == ((3840, 2160), None)  # the canvas is as large
    assert (given["view"], given["settings"]["ascent.steps"]) == ((1280, 720), 2)
    assert given["fps"] == 60
    together = [case for case in plan.cases(Plan(quick=True), "cuda") if case.get("views", 1) > 1]
    assert {"network": "vgg16", "layer": "conv4_1", "view": (1280, 720), "views": 2} in together


@pytest.mark.parametrize("number", ["32", "*", "-1", "9" * 99])
def test_a_filter_that_does_not_exist_is_refused(number: str) -> None:
    with pytest.raises(LiveflightError, match="is not in stem: allowed are 0 to 31"):
        plan.flights(Plan(flight=Options(layer="stem", filter=number)), "cpu")


def test_a_flight_is_held_at_its_target_and_takes_what_was_set() -> None:
    asked = Plan(engines=("autograd",), flight=Options(seed=5, settings={"ascent.steps": 3}))
    given = plan.flight_settings(
        asked, plan.flights(asked, "cpu")[0], "headless", "cpu", {"vgg16": "w"}
    )
    assert given["settings"]["show.autopilot"] is False
    assert given["settings"]["ascent.steps"] == 3
    assert (given["engine"], given["seed"], given["weights"]) == ("autograd", 5, None)


def test_switches_go_to_the_other_network_where_its_weights_are() -> None:
    flight = plan.flights(Plan(), "cpu")[0]
    reached = plan.places(flight, ["vgg16"])
    assert {network for network, _ in reached} == {"efficientnet_lite0", "vgg16"}
    for network, layer in reached:
        networks.resolve(Target(network, layer, 0))
