"""Hold what a flight starts with, and choose the size of its canvas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from liveflight.core.contracts import Size, Value
from liveflight.storage.recording import Recording

CANVAS = {"cpu": (320, 180), "mps": (640, 360), "cuda": (960, 540)}
"""Default size of the canvas by device."""
DENSE_CANVAS = {**CANVAS, "cpu": (256, 144)}
"""The same for networks of full convolutions, whose steps cost several times as much."""

SMALLEST_SIDE_PX = 64
"""Pixels below which no side of the canvas is scaled: deep layers would have nothing left."""


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
    """Size of the canvas; None chooses by the device."""
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
    cues: str = ""
    """Name of a cue list, or the path of a .toml file."""
    remote_save: bool = False
    """Whether the network may save snapshots."""
    remote_downloads: bool = False
    """Whether the network may cause downloads of weights."""
    record: Path | None = None
    """File that the flight is recorded into."""
    replay: Recording | None = None
    """Recorded flight; it determines the picture, but neither canvas, device nor engine."""


def canvas_size(options: Options, device: str, scale: float = 1.0) -> Size:
    """Return the size of the canvas on that device, at `scale` times what was asked for."""
    width, height = options.canvas or (DENSE_CANVAS if options.dense else CANVAS)[device]
    scale = max(scale, min(1.0, SMALLEST_SIDE_PX / min(width, height)))
    if scale == 1.0:
        return width, height
    return max(2 * round(width * scale / 2), 2), max(2 * round(height * scale / 2), 2)
