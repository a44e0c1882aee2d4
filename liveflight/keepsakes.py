"""What a performer keeps of a flight: presets, numbered snapshots, favourites, stars."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from liveflight.core import favourites, presets, stars
from liveflight.core.contracts import LiveflightError, Target
from liveflight.flight import Flight


def offer(flight: Flight, *, remote: bool) -> None:
    """Gives the controls that keep something their meaning. `remote`: whether the network may save
    snapshots."""
    flight.on("show.save_preset", partial(_save, flight))
    flight.on("show.snapshot", partial(_snapshot, flight, remote))
    flight.on("show.favourite", partial(_like, flight))
    flight.order("mix.star", partial(_star, flight))


def _save(flight: Flight) -> None:
    path = presets.write(flight.as_preset(time.strftime("mine %Y-%m-%d %H.%M.%S")))
    flight.note(f"saved {path}")


def _snapshot(flight: Flight, remote: bool) -> None:
    if not remote and flight.speaker.startswith("osc"):
        raise LiveflightError("snapshots over the network: start with --allow-remote-save")
    slot = presets.free_slot()
    look = flight.as_preset(time.strftime(f"slot {slot} %Y-%m-%d %H.%M.%S"))
    presets.write(replace(look, slot=slot))
    flight.note(f"saved as number {slot}")


def _like(flight: Flight) -> None:
    name = flight.looks.preset
    liked = favourites.toggle(name)
    alone = ", the only one: F3, F4 and G go through all presets until there are two"
    told = f"{name} is {'a favourite' if liked else 'no favourite any more'}"
    flight.note(told + (alone if liked and len(favourites.read()) == 1 else ""))


def _star(flight: Flight, target: Target) -> None:
    starred = stars.toggle(target)
    flight.note(f"{target} {'is starred' if starred else 'has no star any more'}")
