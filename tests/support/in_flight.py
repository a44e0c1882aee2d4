"""Targets and helpers for tests of flights; the fixtures are in conftest."""

from __future__ import annotations

from liveflight.core.contracts import Target
from liveflight.core.mailbox import Trigger
from liveflight.show.flight import Flight
from liveflight.show.network_loader import NetworkLoader

LITE = "efficientnet_lite0"
STEM = Target(LITE, "stem", 3)
DEEP = Target(LITE, "block14_expand", 22)
VGG = Target("vgg16", "conv4_1", 17)


def fire(flight: Flight, *keys: str) -> Target:
    """Return where the flight goes after these triggers of the mix."""
    flight.apply([Trigger(f"mix.{key}") for key in keys])
    assert not flight.reports.counts
    return flight.target_selector.here


def settle(loader: NetworkLoader) -> bool:
    """Wait until nothing is being loaded, planned or tidied; return True."""
    assert not loader._work.busy or loader._work.wait(60)
    return True
