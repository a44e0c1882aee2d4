from __future__ import annotations

from fake_engine import FakeEngine
from in_flight import LITE, STEM, VGG, fire

from liveflight import networks
from liveflight.core.contracts import Target
from liveflight.core.mailbox import Trigger
from liveflight.show.flight import Flight
from liveflight.show.network_loader import NetworkLoader


def test_filters_step_and_go_round(flight: Flight) -> None:
    assert fire(flight, "filter_next") == Target(LITE, "stem", 4)
    assert fire(flight, "filter_previous", "filter_previous") == Target(LITE, "stem", 2)
    assert fire(flight, *["filter_previous"] * 3) == Target(LITE, "stem", 31)
    assert fire(flight, "filter_next") == Target(LITE, "stem", 0)


def test_from_the_whole_layer_filters_begin_at_either_end(flight: Flight) -> None:
    for key, number in (("filter_next", 0), ("filter_previous", 31)):
        flight.aim({Target(LITE, "stem", None): 1.0})
        assert fire(flight, key) == Target(LITE, "stem", number)


def test_layers_step_and_end(flight: Flight) -> None:
    names = [layer.name for layer in networks.network(LITE).layers]
    assert fire(flight, "layer_deeper") == Target(LITE, names[1], 3)
    assert fire(flight, "layer_shallower", "layer_shallower") == STEM
    assert fire(flight, *["layer_deeper"] * (len(names) + 2)) == Target(LITE, names[-1], 3)


def test_a_shallower_layer_has_fewer_filters(flight: Flight) -> None:
    flight.aim({Target("vgg16", "conv2_1", 127): 1.0})
    assert fire(flight, *["layer_shallower"] * 2) == Target("vgg16", "relu1_2", 63)


def test_the_whole_layer_stays_whole_on_the_way_down(flight: Flight) -> None:
    flight.aim({Target("vgg16", "conv1_1", None): 1.0})
    assert fire(flight, "layer_deeper") == Target("vgg16", "relu1_1", None)


def test_the_next_network_is_one_whose_weights_are_here(
    flight: Flight, engine: FakeEngine, weights: set[str]
) -> None:
    weights |= {LITE, "vgg19"}
    there = fire(flight, "network_next")
    assert there.network == "vgg19"
    assert networks.resolve(there) == there
    assert engine.prepared == [LITE, "vgg19"]
    assert fire(flight, "network_next").network == LITE


def test_a_network_loaded_from_a_given_file_is_one_to_come_back_to(
    engine: FakeEngine, weights: set[str]
) -> None:
    flight = Flight(NetworkLoader(lambda: engine, background=False), seed=0)
    flight.aim({VGG: 1.0})
    weights.add(LITE)
    assert [fire(flight, "network_next").network for _ in range(2)] == [LITE, "vgg16"]


def test_where_no_other_network_is_here_it_says_so(flight: Flight, weights: set[str]) -> None:
    weights.add(LITE)
    flight.apply([Trigger("mix.network_next")])
    assert "only efficientnet_lite0 has its weights on this machine" in flight.reports.last
    assert flight.target_selector.here == STEM
