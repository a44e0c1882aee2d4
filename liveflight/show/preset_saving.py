"""What a performer keeps of a flight: presets, numbered snapshots, favourites, stars."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from liveflight.core.contracts import LiveflightError, Target
from liveflight.show.flight import Flight
from liveflight.storage import favourites, presets, stars

REMOTE = 16
"""Snapshots that the network may save in a show, of the 99 slots there are."""
APART = 2.0
"""Seconds from one of them to the next, at least."""


def offer(flight: Flight, *, remote: bool, clock: Callable[[], float] = time.monotonic) -> None:
    """Gives the controls that keep something their meaning. `remote`: whether the network may save
    snapshots."""
    flight.on("show.save_preset", partial(_save, flight))
    flight.on("show.snapshot", partial(_snapshot, flight, _RemoteSaves(remote, clock)))
    flight.on("show.favourite", partial(_like, flight))
    flight.order("mix.star", partial(_star, flight))


def _save(flight: Flight) -> None:
    path = presets.write(flight.as_preset(time.strftime("mine %Y-%m-%d %H.%M.%S")))
    flight.note(f"saved {path}")


class _RemoteSaves:
    """How many snapshots the network has saved, and when it may save another."""

    def __init__(self, allowed: bool, clock: Callable[[], float]) -> None:
        self._allowed, self._clock = allowed, clock
        self._saved, self._next = 0, -math.inf

    def count(self) -> None:
        """Raise LiveflightError where the network may not save now."""
        if not self._allowed:
            raise LiveflightError("snapshots over the network: start with --allow-remote-save")
        if self._saved == REMOTE:
            raise LiveflightError(f"snapshots over the network: {REMOTE} are allowed in a show")
        if self._clock() < self._next:
            raise LiveflightError(f"snapshots over the network: one in {APART:g} s is allowed")
        self._saved += 1
        self._next = self._clock() + APART


def _snapshot(flight: Flight, remote: _RemoteSaves) -> None:
    if flight.speaker.startswith("osc"):
        remote.count()
    slot = presets.free_slot()
    look = flight.as_preset(time.strftime(f"slot {slot} %Y-%m-%d %H.%M.%S"))
    presets.write(replace(look, slot=slot))
    flight.note(f"saved as number {slot}")


def _like(flight: Flight) -> None:
    name = flight.preset_player.preset
    liked = favourites.toggle(name)
    alone = ", the only one: F3, F4 and G go through all presets until there are two"
    told = f"{name} is {'a favourite' if liked else 'no favourite any more'}"
    flight.note(told + (alone if liked and len(favourites.read()) == 1 else ""))


def _star(flight: Flight, target: Target) -> None:
    starred = stars.toggle(target)
    flight.note(f"{target} {'is starred' if starred else 'has no star any more'}")
