"""Start a flight: combine a preset with the options of the command line."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target, Value
from liveflight.core.controls import ROWS
from liveflight.networks import Layer, Network
from liveflight.show import flash_switch, state_capture
from liveflight.show.flight import Flight
from liveflight.show.options import Options
from liveflight.show.preset_navigation import RecordedCueLists, RecordedPresetNavigator
from liveflight.storage import cue_lists, named_files, presets
from liveflight.storage.cue_lists import CueList
from liveflight.storage.presets import Preset
from liveflight.storage.recording import Recording

log = logging.getLogger("liveflight.show.flight")

PRESET_OF = {
    "vgg16": presets.DEFAULT,
    "efficientnet_lite0": "reef",
    "vgg19": "ai-flight-vgg19",
    "googlenet": "inception",
}
"""Preset of a network where only that was named; others get the default's, on one target."""


def is_dense(options: Options) -> bool:
    """Return whether the first networks of the flight consist of full convolutions.

    Raises LiveflightError for names that do not exist."""
    preset = _preset(options)
    target = None if options.replay else _target(options, preset)
    begun = state_capture.flyable_targets(options.resume, weights_of(options))
    begun = begun or ([target] if target else list(preset.all_targets))
    known = [name for name in {each.network for each in begun} if networks.layers_known(name)]
    return bool(known) and all(networks.network(name).dense for name in known)


def networks_of(options: Options) -> list[str]:
    """Return the networks that a flight begins with. Raises LiveflightError for unknown names."""
    preset = _preset(options)
    target = None if options.replay else _target(options, preset)
    begun = [target] if target else list(preset.all_targets)
    return sorted({networks.resolve(each).network for each in begun})


def weights_of(options: Options) -> dict[str, Path]:
    """Return the weights file by the name of its network; empty without one.

    Raises LiveflightError where the network is not clear."""
    if options.weights is None:
        return {}
    preset = _preset(options)
    flown = {networks.resolve(target).network for target in preset.all_targets}
    named = {networks.network(options.network).name} if options.network else flown
    if len(named) != 1:
        raise LiveflightError(
            f"weights {str(options.weights)!r}: name the network they are for by --network: "
            f"{', '.join(sorted(named) or networks.names())}"
        )
    return {named.pop(): options.weights}


def start_flight(flight: Flight, options: Options) -> Recording:
    """Recall the preset, then apply the options; return the start of a recording.

    Or continue a saved show, whose look, settings and cue list come before the options'.
    The caller starts its cues, once a recorder listens. Raises LiveflightError for names that do
    not exist."""
    preset = _preset(options)
    flight.remote_downloads = options.remote_downloads
    if options.replay:
        flight.preset_player.navigator = RecordedPresetNavigator(options.replay.answers)
        flight.cues.find = RecordedCueLists(options.replay.lists).find
    target = None if options.replay else _target(options, preset)
    if target:  # before anything is loaded: the preset's own network may not be wanted
        stay: dict[str, Value] = {"show.autopilot": False}
        settings = {**preset.settings, **stay}
        preset = replace(preset, targets={target: 1.0}, journey=(), settings=settings)
    if options.resume and options.resume.look:
        preset = state_capture.restore(flight, options.resume, preset, weights_of(options))
    else:
        flight.recall(preset)
        kept = options.resume.settings if options.resume else {}
        for key, value in (*options.settings.items(), *kept.items()):
            flight.controls.set(key, value)
    flash_switch.guard(flight, options)
    flight.controls.jump()
    flight.preset_player.start_pad()
    begun = {row.key: flight.controls.setting(row.key) for row in ROWS if row.settable}
    listed = _cues(options) if flight.cues.place is None else None
    ranks = options.wall.world if options.wall else 1
    return Recording(preset, begun, options.seed, options.fps, options.canvas, listed, ranks)


def _cues(options: Options) -> CueList | None:
    if options.replay:
        return options.replay.cues
    if path := named_files.as_path(options.cues):
        return cue_lists.read(path)
    return cue_lists.find(options.cues) if options.cues else None


def _preset(options: Options) -> Preset:
    """Return the preset that the options name.

    Where it has gone during a show that is resumed, which hardly needs it, return the default."""
    try:
        return _named_preset(options)
    except LiveflightError as error:
        if not options.resume:
            raise
        log.warning("%s", error)
        return presets.find(presets.DEFAULT)


def _named_preset(options: Options) -> Preset:
    if options.replay:
        return options.replay.preset
    if path := named_files.as_path(options.preset):
        return presets.read(path)
    if options.preset:
        return presets.find(options.preset)
    named = networks.network(options.network).name if options.network else ""
    return presets.find(PRESET_OF.get(named, presets.DEFAULT))


def _target(options: Options, preset: Preset) -> Target | None:
    """Return the target that the options name, completed; None leaves the choice to the preset."""
    home = next((networks.resolve(stop) for stop in preset.all_targets), None)
    if home and not (options.network or options.layer or options.filter):
        return None
    network = _network(options, home)
    own = home if home and home.network == network.name else None
    if own and not (options.layer or options.filter):
        return None
    layer = network.layer(options.layer or (own.layer if own else network.beginning.name))
    return Target(network.name, layer.name, _number(options.filter or "0", network, layer))


def _network(options: Options, home: Target | None) -> Network:
    """Return the network that the options name, or the first that has the named layer.

    The preset's own network comes before others."""
    first = home.network if home else networks.names()[0]
    if options.network or options.preset or not options.layer:
        return networks.network(options.network or first)
    for name in (first, *networks.names()):
        with suppress(LiveflightError):
            networks.network(name).layer(options.layer)
            return networks.network(name)
    return networks.network(first)


def _number(text: str, network: Network, layer: Layer) -> int | None:
    if text == "*":
        return None
    if layer.name in network.filter_names and not text.isdecimal():
        return network.filter_called(layer, text)
    if text.isdecimal() and len(text) < 7 and int(text) < layer.channels:
        return int(text)
    raise LiveflightError(
        f"filter {text[:40]!r} is not in {layer.name}: "
        f"allowed are 0 to {layer.channels - 1}, or * for the whole layer"
    )
