"""Save what a performer keeps of a flight: presets, numbered snapshots, favourites, stars."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from liveflight.core.contracts import LiveflightError, Target
from liveflight.core.mailbox import from_network
from liveflight.show.flight import Flight
from liveflight.storage import favourite_presets, presets, starred_targets

MAX_REMOTE = 16
"""Presets that the network may save in a show; there are 99 slots."""
REMOTE_GAP_S = 2.0
"""Seconds between two of them at least."""


def offer(flight: Flight, *, remote: bool, clock: Callable[[], float] = time.monotonic) -> None:
    """Connect the controls that save something; `remote`: whether the network may save too."""
    flight.on("show.save_preset", partial(_save, flight))
    saves = _RemoteSaves(remote, clock)
    flight.on("show.snapshot", partial(_snapshot, flight, saves))
    flight.on_text("show.save_as", partial(_save_as, flight, saves))
    flight.on("show.favourite", partial(_toggle_favourite, flight))
    flight.on_target("mix.star", partial(_toggle_star, flight))


def _save(flight: Flight) -> None:
    path = presets.write(flight.as_preset(time.strftime("mine %Y-%m-%d %H.%M.%S")))
    flight.note(f"saved {path}")


def _save_as(flight: Flight, remote: _RemoteSaves, name: str) -> None:
    if from_network(flight.origin):
        remote.count()
    path = presets.write(flight.as_preset(name.strip()))
    flight.note(f"saved as {path.stem}")


class _RemoteSaves:
    """Limit how many presets the network saves, and how often."""

    def __init__(self, allowed: bool, clock: Callable[[], float]) -> None:
        self._allowed, self._clock = allowed, clock
        self._saved, self._next = 0, -math.inf

    def count(self) -> None:
        """Count one more. Raises LiveflightError where the network may not save now."""
        if not self._allowed:
            raise LiveflightError("presets over the network: start with --allow-remote-save")
        if self._saved == MAX_REMOTE:
            raise LiveflightError(f"presets over the network: {MAX_REMOTE} are allowed in a show")
        if self._clock() < self._next:
            raise LiveflightError(f"presets over the network: one in {REMOTE_GAP_S:g} s is allowed")
        self._saved += 1
        self._next = self._clock() + REMOTE_GAP_S


def _snapshot(flight: Flight, remote: _RemoteSaves) -> None:
    if from_network(flight.origin):
        remote.count()
    slot = presets.free_slot()
    look = flight.as_preset(time.strftime(f"slot {slot} %Y-%m-%d %H.%M.%S"))
    presets.write(replace(look, slot=slot))
    flight.note(f"saved as number {slot}")


def _toggle_favourite(flight: Flight) -> None:
    name = flight.preset_player.preset
    favourite = favourite_presets.toggle(name)
    only = ", the only one: F3, F4 and G go through all presets until there are two"
    note = f"{name} is {'a favourite' if favourite else 'no longer a favourite'}"
    flight.note(note + (only if favourite and len(favourite_presets.read()) == 1 else ""))


def _toggle_star(flight: Flight, target: Target) -> None:
    starred = starred_targets.toggle(target)
    flight.note(f"{target} {'is starred' if starred else 'is no longer starred'}")
