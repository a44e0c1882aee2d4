"""How a flight begins: what the command line asked for, brought together with a preset."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target, Value
from liveflight.core.controls import ROWS
from liveflight.networks import Layer, Network
from liveflight.show.flight import Flight
from liveflight.show.preset_bank import RecordedPresetBank
from liveflight.storage import cue_lists, library, presets
from liveflight.storage.cue_lists import CueList
from liveflight.storage.presets import Preset
from liveflight.storage.recording import Recording

PRESET_OF = {
    "vgg16": presets.DEFAULT,
    "efficientnet_lite0": "reef",
    "vgg19": "ai-flight-vgg19",
    "googlenet": "inception",
}
"""The flight of a network where only the network was named; others have the default's, on one
target."""

CANVAS = {"cpu": (320, 180), "mps": (640, 360), "cuda": (960, 540)}
"""Width and height of the canvas by device, where nobody asked for another."""
DENSE_CANVAS = {**CANVAS, "cpu": (256, 144)}
"""The same for networks of full convolutions, whose steps cost several times as much."""

_SMALLEST = 64
"""Pixels below which no side of the canvas is lowered: deep layers would have nothing left."""


@dataclass(frozen=True)
class Options:
    """What a flight starts with; None and empty leave the choice to the preset."""

    preset: str = ""
    """A preset's name or slot, or the path of a .toml file."""
    network: str = ""
    layer: str = ""
    filter: str = ""
    """A number, or * for the whole layer."""
    weights: Path | None = None
    settings: Mapping[str, Value] = field(default_factory=dict)
    """Controls set after the preset, checked."""
    canvas: tuple[int, int] | None = None
    """Width and height in pixels; None chooses by the device."""
    dense: bool = False
    """Whether the network that it begins with consists of full convolutions."""
    device: str = "auto"
    engine: str = "auto"
    seed: int = 0
    fps: float = 60.0
    image: Path | None = None
    """What the flight starts from, and grows on."""
    camera: str = ""
    """What it grows on besides: see `media.video_source`."""
    osc_host: str = "localhost"
    osc_port: int = 0
    """0 is without OSC."""
    midi: str | None = None
    """A word in the names of the MIDI ports to listen to; empty: all; None: without MIDI."""
    sound: str = ""
    """A file to be heard, part of a sound device's name or `default`."""
    sound_once: bool = False
    """Whether a sound file ends in silence, where a live flight would begin it again."""
    link: bool = False
    """Whether to join the network's Ableton Link session."""
    osc_feedback: tuple[tuple[str, int], ...] = ()
    """Hosts and UDP ports that are told where the controls stand."""
    oscquery_host: str = "localhost"
    oscquery_port: int = 0
    """A TCP port; 0 is without OSCQuery."""
    cues: str = ""
    """A cue list's name, or the path of a .toml file."""
    remote_save: bool = False
    """Whether the network may save snapshots."""
    remote_downloads: bool = False
    """Whether it may have weights downloaded."""
    record: Path | None = None
    """The file that what is played is written into."""
    replay: Recording | None = None
    """A recorded flight, which then says all of the above but the canvas and how it is made."""


def canvas(options: Options, device: str, scale: float = 1.0) -> tuple[int, int]:
    """Width and height of the canvas on that device, at `scale` times what was asked for."""
    width, height = options.canvas or (DENSE_CANVAS if options.dense else CANVAS)[device]
    scale = max(scale, min(1.0, _SMALLEST / min(width, height)))
    if scale == 1.0:
        return width, height
    return max(2 * round(width * scale / 2), 2), max(2 * round(height * scale / 2), 2)


def is_dense(options: Options) -> bool:
    """Return whether the networks that the flight begins with consist of full convolutions.

    Raises LiveflightError for names that do not exist."""
    preset = _preset(options)
    target = None if options.replay else _target(options, preset)
    begun = [target] if target else list(preset.named)
    known = [name for name in {each.network for each in begun} if networks.at_once(name)]
    return bool(known) and all(networks.network(name).dense for name in known)


def weights_of(options: Options) -> dict[str, Path]:
    """The weights file by the name of the network it is for.

    Raises LiveflightError where that is not clear."""
    if options.weights is None:
        return {}
    preset = _preset(options)
    flown = {networks.resolve(target).network for target in preset.named}
    named = {networks.network(options.network).name} if options.network else flown
    if len(named) != 1:
        raise LiveflightError(
            f"weights {str(options.weights)!r}: name the network they are for by --network: "
            f"{', '.join(sorted(named) or networks.names())}"
        )
    return {named.pop(): options.weights}


def start_flight(flight: Flight, options: Options) -> Recording:
    """Recalls the preset, then what was asked for beside it; the score of a flight that begins so.
    Its cues are left to whoever has begun to listen.

    Raises LiveflightError for names that do not exist."""
    preset = _preset(options)
    flight.remote_downloads = options.remote_downloads
    if options.replay:
        flight.preset_player.preset_bank = RecordedPresetBank(options.replay.answers)
    target = None if options.replay else _target(options, preset)
    if target:  # before anything is loaded: the preset's own network may not be wanted
        stay: dict[str, Value] = {"show.autopilot": False}
        settings = {**preset.settings, **stay}
        preset = replace(preset, targets={target: 1.0}, journey=(), settings=settings)
    flight.recall(preset)
    for key, value in options.settings.items():
        flight.controls.set(key, value)
    flight.controls.jump()
    flight.preset_player.press_pad()
    begun = {row.key: flight.controls.setting(row.key) for row in ROWS if row.settable}
    listed = _cues(options)
    return Recording(preset, begun, options.seed, options.fps, options.canvas, listed)


def _cues(options: Options) -> CueList | None:
    if options.replay:
        return options.replay.cues
    if path := library.as_path(options.cues):
        return cue_lists.read(path)
    return cue_lists.find(options.cues) if options.cues else None


def _preset(options: Options) -> Preset:
    if options.replay:
        return options.replay.preset
    if path := library.as_path(options.preset):
        return presets.read(path)
    if options.preset:
        return presets.find(options.preset)
    named = networks.network(options.network).name if options.network else ""
    return presets.find(PRESET_OF.get(named, presets.DEFAULT))


def _target(options: Options, preset: Preset) -> Target | None:
    """The target that was named, as far as it was; None leaves all to the preset."""
    home = next((networks.resolve(stop) for stop in preset.named), None)
    if home and not (options.network or options.layer or options.filter):
        return None
    network = _network(options, home)
    own = home if home and home.network == network.name else None
    if own and not (options.layer or options.filter):
        return None
    layer = network.layer(options.layer or (own.layer if own else network.beginning.name))
    return Target(network.name, layer.name, _number(options.filter or "0", network, layer))


def _network(options: Options, home: Target | None) -> Network:
    """Return the network that was named, or the first that has the layer that was: the preset's
    own before others."""
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
