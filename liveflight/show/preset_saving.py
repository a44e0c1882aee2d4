"""Save what a performer keeps of a flight: presets, slots, names, favourites, stars."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from liveflight.core.contracts import LiveflightError, Target
from liveflight.core.double_press import DOUBLE_PRESS_S, DoublePress
from liveflight.core.mailbox import from_network
from liveflight.core.preset_banks import MAX_SLOT, key_in_bank
from liveflight.show.flight import Flight
from liveflight.storage import (
    favourite_presets,
    named_files,
    preset_editing,
    presets,
    starred_targets,
)

MAX_REMOTE = 16
"""Presets that the network may save in a show; there are 99 slots."""
REMOTE_GAP_S = 2.0
"""Seconds between two of them at least."""


def offer(flight: Flight, *, remote: bool, clock: Callable[[], float] = time.monotonic) -> None:
    """Connect the controls that save something; `remote`: whether the network may save too."""
    remote_saves = _RemoteSaves(remote, clock)
    flight.on("show.save_preset", partial(_save, flight))
    flight.on("show.snapshot", partial(_snapshot, flight, remote_saves))
    flight.on_text("show.store", partial(_store, flight, remote_saves, DoublePress()))
    flight.on_text("show.name", partial(_rename, flight, remote_saves))
    flight.on_text("show.save_as", partial(_save_as, flight, remote_saves))
    flight.on("show.favourite", partial(_toggle_favourite, flight))
    flight.on_target("mix.star", partial(_toggle_star, flight))


def note_renamed(flight: Flight, name: str, new: str) -> None:
    """Note that a preset was renamed elsewhere: it may be the one that is flown."""
    if flight.preset_player.preset == name:
        flight.preset_player.saved_as(new)


def _save(flight: Flight) -> None:
    path = presets.write(flight.as_preset(time.strftime("mine %Y-%m-%d %H.%M.%S")))
    flight.preset_player.saved_as(named_files.name_of(path.name))
    flight.note(f"saved {path}")


def _save_as(flight: Flight, remote: _RemoteSaves, name: str) -> None:
    remote.count(flight)
    path = presets.write(flight.as_preset(presets.free_name(name.strip())))
    flight.preset_player.saved_as(named_files.name_of(path.name))
    flight.note(f"saved as {path.stem}")


class _RemoteSaves:
    """Limit how many presets the network saves, and how often."""

    def __init__(self, allowed: bool, clock: Callable[[], float]) -> None:
        self._allowed, self._clock = allowed, clock
        self._saved, self._next = 0, -math.inf

    def check(self, flight: Flight) -> None:
        """Raise LiveflightError where the network asks for it, and may not change presets."""
        if not self._allowed and from_network(flight.origin):
            raise LiveflightError("saving over the network: start with --allow-remote-save")

    def count(self, flight: Flight) -> None:
        """Count one more. Raises LiveflightError where the network may not save now."""
        self.check(flight)
        if not from_network(flight.origin):
            return
        if self._saved == MAX_REMOTE:
            raise LiveflightError(f"presets over the network: {MAX_REMOTE} are allowed in a show")
        if self._clock() < self._next:
            raise LiveflightError(f"presets over the network: one in {REMOTE_GAP_S:g} s is allowed")
        self._saved += 1
        self._next = self._clock() + REMOTE_GAP_S


def _snapshot(flight: Flight, remote: _RemoteSaves) -> None:
    remote.count(flight)
    slot = presets.free_slot()
    _write(flight, slot)
    flight.note(f"saved as number {slot}")


def _write(flight: Flight, slot: int) -> None:
    """Save the look as a new preset in that slot; it is the one that is flown from now on."""
    look = flight.as_preset(time.strftime(f"slot {slot} %Y-%m-%d %H.%M.%S"))
    path = presets.write(replace(look, slot=slot))
    flight.preset_player.saved_as(named_files.name_of(path.name))


def _store(flight: Flight, remote: _RemoteSaves, presses: DoublePress, text: str) -> None:
    """Save the look in a slot; replace a preset of the user's own only when asked twice."""
    slot = int(text) if text.isdecimal() and len(text) < 3 else 0
    if not 1 <= slot <= MAX_SLOT:
        raise LiveflightError(f"slot {text[:60]!r}: allowed is 1 to {MAX_SLOT}")
    remote.check(flight)
    name = presets.own_in_slot(slot)
    if not name:
        remote.count(flight)
        _write(flight, slot)
        flight.note(f"stored as number {slot}")
    elif presses.press(flight.elapsed, f"{slot} {name}"):
        presses.forget()
        remote.count(flight)
        presets.overwrite(replace(flight.as_preset(name), slot=slot))
        flight.preset_player.saved_as(name)
        flight.note(f"{name} is replaced, number {slot}")
    else:
        key = key_in_bank(flight.controls.whole("show.bank"), slot)
        again = f"Shift+{key}" if key and not flight.origin else f"show.store {slot}"
        flight.note(f"{again} again replaces {name}", DOUBLE_PRESS_S)


def _rename(flight: Flight, remote: _RemoteSaves, wanted: str) -> None:
    """Rename the preset of the user's own that is flown; a favourite stays one."""
    remote.check(flight)
    name, wanted = flight.preset_player.preset, wanted.strip()
    preset_editing.rename(name, wanted)
    flight.preset_player.saved_as(wanted)
    flight.note(f"{name} is now {wanted}")


def _toggle_favourite(flight: Flight) -> None:
    name = flight.preset_player.preset
    favourite = favourite_presets.toggle(name)
    only = ", the only one: F3, F4 and G go through all presets until there are two"
    note = f"{name} is {'a favourite' if favourite else 'no longer a favourite'}"
    flight.note(note + (only if favourite and len(favourite_presets.read()) == 1 else ""))


def _toggle_star(flight: Flight, target: Target) -> None:
    starred = starred_targets.toggle(target)
    flight.note(f"{target} {'is starred' if starred else 'is no longer starred'}")
