"""Decide what a run of the bench measures on this machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from liveflight.core.contracts import LiveflightError, Size, Value
from liveflight.show.options import Options


@dataclass(frozen=True)
class Plan:
    """Hold what was asked for. Empty and None leave the choice to the device."""

    quick: bool = False
    peers: bool = False
    switches: bool = False
    latency: bool = False
    engines: tuple[str, ...] = ()
    """Engines whose steps are measured; the first one flies."""
    display_fps: float | None = None
    size: Size = (640, 360)
    flight: Options = field(default_factory=Options)

    @property
    def seconds(self) -> float:
        """Return about how long one thing is measured."""
        return 1.0 if self.quick else 4.0

    @property
    def narrowed(self) -> bool:
        """Return whether a flight was asked for, in place of the usual ones."""
        flight = self.flight
        return bool(flight.network or flight.layer or flight.view or flight.canvas)


@dataclass(frozen=True)
class BenchFlight:
    """A flight to measure."""

    network: str
    layer: str
    filter: int
    view: Size
    steps: int = 1
    size: Size | None = None
    """Size of the output; None leaves it to the plan."""
    canvas: Size | None = None
    """None follows the output."""


_EMBEDDED = "efficientnet_lite0"
_ON_CPU = (
    *((_EMBEDDED, layer, (320, 180)) for layer in ("block5", "block10", "block14_expand")),
    *(("vgg16", layer, (224, 224)) for layer in ("conv2_2", "conv3_3", "conv4_1")),
    ("vgg16", "conv4_1", (256, 144)),
)
_LARGE = ((512, 512), (1280, 720), (1920, 1080))
_ON_GPU = (
    *((_EMBEDDED, "block14_expand", size) for size in _LARGE),
    *(("vgg16", "conv4_1", size) for size in ((224, 224), *_LARGE)),
    *(("vgg16", layer, (1280, 720)) for layer in ("conv2_2", "conv3_3", "conv5_3")),
)
_BATCHES = ((1280, 720), 2), ((512, 512), 4)
"""Views that VGG16 conv4_1 is given in one call on a GPU: their size and their number."""

_FLIGHTS = {
    "cpu": (
        BenchFlight(_EMBEDDED, "block14_expand", 22, (320, 180)),
        BenchFlight("vgg16", "conv4_1", 100, (256, 144)),
    ),
    "gpu": (
        BenchFlight("vgg16", "conv4_1", 100, (1280, 720), 2, (3840, 2160)),
        BenchFlight(_EMBEDDED, "block14_expand", 22, (960, 540)),
    ),
}
_RATE = {"cpu": 30.0, "gpu": 60.0}
"""Default of the displayed frames per second."""
_LEAST_S = {"cpu": 0.0, "gpu": 3.0}
"""Seconds for which a flight is measured at least: a hundred frames say little about late ones."""


def _kind(device: str) -> str:
    return "cpu" if device == "cpu" else "gpu"


def display_fps(plan: Plan, device: str) -> float:
    """Return the frame rate to hold."""
    return plan.display_fps or _RATE[_kind(device)]


def cases(plan: Plan, device: str) -> list[dict[str, Any]]:
    """Return the networks, layers, view sizes and numbers of views whose steps are measured."""
    if plan.narrowed:
        flight = flights(plan, device)[0]
        return [{"network": flight.network, "layer": flight.layer, "view": flight.view}]
    table = _ON_CPU if device == "cpu" else _ON_GPU
    kept: list[dict[str, Any]] = [
        {"network": network, "layer": layer, "view": view} for network, layer, view in table
    ]
    if device == "cpu":
        return [kept[2], kept[-1]] if plan.quick else kept
    batches = [
        {"network": "vgg16", "layer": "conv4_1", "view": view, "views": count}
        for view, count in _BATCHES
    ]
    return kept + batches


def flights(plan: Plan, device: str) -> tuple[BenchFlight, ...]:
    """Return the flights; the first is also measured with switches and with OSC."""
    from liveflight import networks

    usual = _FLIGHTS[_kind(device)]
    if not plan.narrowed:
        return usual
    asked = plan.flight
    network = networks.network(asked.network or usual[0].network)
    other = BenchFlight(network.name, "", 0, usual[0].view)
    home = next((each for each in usual if each.network == network.name), other)
    deep = home.layer or network.layers[len(network.layers) * 3 // 4].name
    layer = network.layer(asked.layer or deep)
    number = min(home.filter, layer.channels - 1)
    if asked.filter:
        if not (asked.filter.isdecimal() and int(asked.filter[:7]) < layer.channels):
            raise LiveflightError(
                f"filter {asked.filter[:40]!r} is not in {layer.name}: "
                f"allowed are 0 to {layer.channels - 1}"
            )
        number = int(asked.filter)
    view = asked.view or home.view
    sizes = home.size, asked.canvas
    return (BenchFlight(network.name, layer.name, number, view, home.steps, *sizes),)


def flight_settings(
    plan: Plan, flight: BenchFlight, output: str, device: str, weights: Mapping[str, str]
) -> dict[str, Any]:
    """Return the `given` of MeasuredFlight for this flight."""
    settings: dict[str, Value] = {
        "show.autopilot": False,
        "show.governor": False,  # keeps the sizes and the steps of the table
        "ascent.steps": flight.steps,
    }
    settings |= plan.flight.settings
    return {
        "network": flight.network,
        "layer": flight.layer,
        "filter": flight.filter,
        "view": flight.view,
        "canvas": flight.canvas,
        "size": flight.size or plan.size,
        "output": output,
        "device": device,
        "engine": plan.engines[0] if plan.engines else "auto",
        "seed": plan.flight.seed,
        "settings": settings,
        "weights": weights.get(flight.network),
        "fps": display_fps(plan, device),
        "seconds": max(plan.seconds, _LEAST_S[_kind(device)]) * 1.5,
    }


def places(flight: BenchFlight, random: Collection[str]) -> list[tuple[str, str]]:
    """Return the layers that a flight is switched between.

    They are all layers of its network and, where the weights are here, those of the other kind of
    network that cost no more than the flown ones."""
    from liveflight import networks

    chosen = [(flight.network, layer.name) for layer in networks.network(flight.network).layers]
    other = "vgg16" if flight.network == _EMBEDDED else _EMBEDDED
    if networks.network(other).find_weights() or other in random:
        layers = networks.network(other).layers
        few = [layer.name for layer in layers if other == _EMBEDDED or layer.stride == 1]
        chosen += [(other, name) for name in few]
    return chosen
