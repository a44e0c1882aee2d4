"""Capture a flight as it stands, and continue it from there in another process."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target
from liveflight.core.controls import CONTROLS
from liveflight.core.random_state import set_state, state_of
from liveflight.show.flight import Flight
from liveflight.storage import saved_state
from liveflight.storage.presets import Preset
from liveflight.storage.saved_state import KEPT, SavedState

log = logging.getLogger("liveflight.show.flight")

_LOOK_DEFAULTS = {key: CONTROLS[key].default for key in KEPT if CONTROLS[key].saved}


def capture(flight: Flight, saved: float) -> SavedState:
    """Return the flight as it stands at `saved`, in seconds since 1970.

    Quick: copies what changes, and encodes nothing. A morph counts as arrived, and what is still
    being loaded as flown."""
    player, selector = flight.preset_player, flight.target_selector
    look = player.flown()
    settings = {key: value for key, value in flight.controls.settings().items() if key in KEPT}
    if player.awaited and player.awaited_preset:
        look = player.awaited_preset
        settings |= _LOOK_DEFAULTS
    else:
        weights = {target: weight for target, weight in selector.wanted.items() if weight > 0}
        look = replace(look, targets=weights)
    mixes, here = selector.history.place
    beats, tapped = flight.tempo.place
    return SavedState(
        look=replace(look, settings={}),
        settings=settings | dict(look.settings),
        cues=flight.cues.place,
        autopilot=flight.autopilot_player.place,
        mixes=mixes,
        here=here,
        beats=beats,
        tapped=tapped,
        seconds=flight.modulation.seconds,
        random=state_of(player.rng),
        saved=saved,
    )


def restore(flight: Flight, state: SavedState, start: Preset, given: Collection[str]) -> Preset:
    """Continue in a new flight where `state` left off; return the look that it begins with.

    `start`: preset to begin with where none of the state's targets can be flown. `given`: networks
    whose weights are on this machine although the registry finds none. What does not exist any more
    is left out, with one line in the log. Raises LiveflightError where `start` is needed and cannot
    be flown."""
    look = _flyable(state.look or start, given)
    if not look.all_targets:
        look = replace(look, targets=start.targets, journey=start.journey, corners=start.corners)
    if state.mixes:
        flight.target_selector.history.resume(state.mixes, state.here)
    try:
        flight.recall(look)
    except LiveflightError as error:
        log.warning("saved state: %s", error)
        look = start
        flight.recall(look)
    for key, value in state.settings.items():
        flight.controls.set(key, value)
    flight.controls.set("pad.on", bool(look.corners))
    if state.random:
        set_state(flight.preset_player.rng, state.random)
    flight.modulation.seconds = state.seconds
    flight.autopilot_player.resume(state.autopilot, flight.target_selector.goal)
    flight.tempo.resume(state.beats, state.tapped)
    if state.cues:
        flight.cues.resume(state.cues)
    return look


def flyable_targets(state: SavedState | None, given: Collection[str]) -> list[Target]:
    """Return the targets of a state that can be flown here; `given` as in `restore`."""
    named = state.look.all_targets if state and state.look else ()
    return [target for target in named if not _missing(target, given)]


def _flyable(look: Preset, given: Collection[str]) -> Preset:
    """Return the look with the targets that can be flown here."""
    left_out: list[str] = []

    def kept(targets: Iterable[Target]) -> Iterator[Target]:
        for target in targets:
            if why := _missing(target, given):
                left_out.append(why)
            else:
                yield target

    corners = tuple(kept(look.corners))
    found = replace(
        look,
        targets={target: look.targets[target] for target in kept(look.targets)},
        journey=tuple(kept(look.journey)),
        corners=corners if len(corners) == 4 else (),
    )
    if left_out:
        log.warning("saved state: %s", saved_state.left_out(left_out))
    return found


def _missing(target: Target, given: Collection[str]) -> str:
    """Return why a target cannot be flown here; empty where it can."""
    try:
        name = networks.resolve(target).network
        if name in given or networks.network(name).find_weights():
            return ""
    except LiveflightError as error:
        return str(error)
    return f"{target}: the weights of {name} are not on this machine"
