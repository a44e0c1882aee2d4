"""Hold what a flight starts with, and choose the sizes of its canvas and its views."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from liveflight.core.contracts import Size, Value
from liveflight.storage.recording import Recording
from liveflight.storage.saved_state import SavedState
from liveflight.wall.place import WallPlace

VIEW = {"cpu": (320, 180), "mps": (640, 360), "cuda": (960, 540)}
"""Default size of a view by device; its shape follows the canvas's."""
DENSE_VIEW = {**VIEW, "cpu": (256, 144)}
"""The same for networks of full convolutions, whose steps cost several times as much."""

SMALLEST_SIDE_PX = 64
"""Pixels below which no side of a view is scaled: deep layers would have nothing left."""

_LEAST_SIDE_PX = 16
"""Sides of the canvas in a window that is hardly there: a picture has to be left."""

_MAX_ASPECT = 4.0
"""Longest shape of a default view."""


@dataclass(frozen=True)
class Options:
    """Hold what a flight starts with; None and empty leave the choice to the preset."""

    preset: str = ""
    """Name or slot of a preset, or the path of a .toml file."""
    network: str = ""
    layer: str = ""
    filter: str = ""
    """A number, or * for the whole layer."""
    weights: Path | None = None
    settings: Mapping[str, Value] = field(default_factory=dict)
    """Controls set after the preset, checked."""
    canvas: Size | None = None
    """Size of the canvas; None follows the output."""
    view: Size | None = None
    """Size of a view, which is what a step costs; None chooses by the device."""
    dense: bool = False
    """Whether the first network consists of full convolutions."""
    device: str = "auto"
    engine: str = "auto"
    seed: int = 0
    fps: float = 60.0
    image: Path | None = None
    """Picture that the flight starts from and is pulled towards."""
    camera: str = ""
    """Camera or video file that it is pulled towards: see `media.video_source`."""
    osc_host: str = "localhost"
    osc_port: int = 0
    """UDP port; 0 is without OSC."""
    midi: str | None = None
    """Word in the names of the MIDI ports to use; empty: all; None: without MIDI."""
    dmx: tuple[str, int] | None = None
    """Protocol, `artnet` or `sacn`, and universe of DMX; None: without DMX."""
    dmx_host: str = "localhost"
    sound: str = ""
    """Sound file, part of a sound device's name, or `default`."""
    sound_once: bool = False
    """Whether a sound file ends in silence, where a live flight would loop it."""
    link: bool = False
    """Whether to join the network's Ableton Link session."""
    osc_feedback: tuple[tuple[str, int], ...] = ()
    """Hosts and UDP ports that receive the state of the controls."""
    oscquery_host: str = "localhost"
    oscquery_port: int = 0
    """TCP port; 0 is without OSCQuery."""
    streams: tuple[str, ...] = ()
    """Addresses that the picture is streamed to: see `outputs.sinks.stream`."""
    stream_megabits: float = 12.0
    """Megabits per second that a stream takes at most."""
    ndi: str = ""
    """Name of the NDI source to offer; empty is none, as below."""
    spout: str = ""
    """Name of the Spout sender."""
    syphon: str = ""
    """Name of the Syphon server."""
    virtual_camera: str = ""
    """Video loopback device to write to."""
    remote: bool = False
    """Whether to show the web remote's link at the start."""
    remote_host: str = "localhost"
    """Address of the web remote; it is served on loopback in any case."""
    cues: str = ""
    """Name of a cue list, or the path of a .toml file."""
    remote_save: bool = False
    """Whether the network may save snapshots."""
    remote_downloads: bool = False
    """Whether the network may cause downloads of weights."""
    allow_flashing: bool = False
    """Whether the flash limiter may be switched off."""
    record: Path | None = None
    """File that the flight is recorded into."""
    resume: SavedState | None = None
    """Show to continue; without a look, only its picture and settings are taken."""
    replay: Recording | None = None
    """Recorded flight; it determines the picture, but neither canvas, device nor engine."""
    wall: WallPlace | None = None
    """Which rank of a wall this is; None: the whole canvas is on one output."""


def view_size(options: Options, device: str, shape: Size, scale: float = 1.0) -> Size:
    """Return the size of a view on that device, at `scale` times what was asked for.

    `shape`: a width and height; views have their ratio where none was asked for."""
    if options.view:
        width, height = options.view
    else:
        whole = (DENSE_VIEW if options.dense else VIEW)[device]
        aspect = min(max(shape[0] / shape[1], 1 / _MAX_ASPECT), _MAX_ASPECT)
        height = _even(math.sqrt(whole[0] * whole[1] / aspect))
        width = _even(height * aspect)
    scale = max(scale, min(1.0, SMALLEST_SIDE_PX / min(width, height)))
    return (width, height) if scale == 1.0 else (_even(width * scale), _even(height * scale))


def canvas_size(options: Options, output: Size, scale: float = 1.0, most: float = math.inf) -> Size:
    """Return the size of the canvas for that output, at `scale` times what was asked for.

    `most`: pixels that it may have where no size was asked for."""
    least = _LEAST_SIDE_PX
    width, height = options.canvas or (max(output[0], least), max(output[1], least))
    if options.canvas is None:
        scale = min(scale, math.sqrt(most / (width * height)))
    scale = max(scale, min(1.0, SMALLEST_SIDE_PX / min(width, height)))
    return (width, height) if scale == 1.0 else (_even(width * scale), _even(height * scale))


def _even(side: float) -> int:
    return max(2 * round(side / 2), 2)
