"""What a run of the bench measures on this machine, before anything is measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from liveflight.core.contracts import LiveflightError, Value
from liveflight.show.options import Options

Size = tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """What was asked for. Empty and None leave the choice to the device."""

    quick: bool = False
    peers: bool = False
    switches: bool = False
    latency: bool = False
    engines: tuple[str, ...] = ()
    """Those whose steps are measured; the first one flies."""
    display_fps: float | None = None
    size: Size = (640, 360)
    flight: Options = field(default_factory=Options)

    @property
    def seconds(self) -> float:
        """How long one thing is measured, about."""
        return 1.0 if self.quick else 4.0

    @property
    def narrowed(self) -> bool:
        """Whether a flight of its own was asked for, in place of the usual ones."""
        return bool(self.flight.network or self.flight.layer or self.flight.canvas)


@dataclass(frozen=True)
class Flight:
    network: str
    layer: str
    filter: int
    canvas: Size
    steps: int = 1
    size: Size | None = None
    """What is shown; None leaves it to the plan."""


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
_FLIGHTS = {
    "cpu": (
        Flight(_EMBEDDED, "block14_expand", 22, (320, 180)),
        Flight("vgg16", "conv4_1", 100, (256, 144)),
    ),
    "gpu": (
        Flight("vgg16", "conv4_1", 100, (1920, 1080), 2, (1920, 1080)),
        Flight(_EMBEDDED, "block14_expand", 22, (960, 540)),
    ),
}
_RATE = {"cpu": 30.0, "gpu": 60.0}
"""Displayed frames per second that are asked for where nobody said."""


def kind(device: str) -> str:
    return "cpu" if device == "cpu" else "gpu"


def display_fps(plan: Plan, device: str) -> float:
    return plan.display_fps or _RATE[kind(device)]


def cases(plan: Plan, device: str) -> list[dict[str, Any]]:
    """The networks, layers and canvases whose steps are measured."""
    if plan.narrowed:
        flight = flights(plan, device)[0]
        return [{"network": flight.network, "layer": flight.layer, "canvas": flight.canvas}]
    table = _ON_CPU if device == "cpu" else _ON_GPU
    kept = [
        {"network": network, "layer": layer, "canvas": canvas} for network, layer, canvas in table
    ]
    return [kept[2], kept[-1]] if plan.quick and device == "cpu" else kept


def flights(plan: Plan, device: str) -> tuple[Flight, ...]:
    """What is flown. The first is the one that is switched, and that OSC plays."""
    from liveflight import networks

    usual = _FLIGHTS[kind(device)]
    if not plan.narrowed:
        return usual
    asked = plan.flight
    network = networks.network(asked.network or usual[0].network)
    other = Flight(network.name, "", 0, usual[0].canvas)
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
    canvas = asked.canvas or home.canvas
    return (Flight(network.name, layer.name, number, canvas, home.steps, home.size),)


def flown(
    plan: Plan, flight: Flight, output: str, device: str, weights: Mapping[str, str]
) -> dict[str, Any]:
    """What `flown.Flown` is given for this flight."""
    settings: dict[str, Value] = {
        "show.autopilot": False,
        "show.governor": False,  # the canvas and the steps are to be those of the table
        "ascent.steps": flight.steps,
    }
    settings |= plan.flight.settings
    return {
        "network": flight.network,
        "layer": flight.layer,
        "filter": flight.filter,
        "canvas": flight.canvas,
        "size": flight.size or plan.size,
        "output": output,
        "device": device,
        "engine": plan.engines[0] if plan.engines else "auto",
        "seed": plan.flight.seed,
        "settings": settings,
        "weights": weights.get(flight.network),
        "fps": display_fps(plan, device),
        "seconds": plan.seconds * 1.5,
    }


def places(flight: Flight, random: Collection[str]) -> list[tuple[str, str]]:
    """Between which layers a flight is switched: all of its network's and, where their weights
    are here, those of the other kind of network that cost no more than the flown ones."""
    from liveflight import networks

    chosen = [(flight.network, layer.name) for layer in networks.network(flight.network).layers]
    other = "vgg16" if flight.network == _EMBEDDED else _EMBEDDED
    if networks.network(other).find_weights() or other in random:
        layers = networks.network(other).layers
        few = [layer.name for layer in layers if other == _EMBEDDED or layer.stride == 1]
        chosen += [(other, name) for name in few]
    return chosen
