"""Find out whether memory, open files or threads keep growing during a long flight.

The program's own loop is played by OSC packets over the loopback, and sampled each second.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from pythonosc.osc_message_builder import OscMessageBuilder

from liveflight import networks
from liveflight.core.contracts import LiveflightError
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.diagnostics.bench.tables import Table
from liveflight.storage import presets

_WARM_UP = 0.2
"""The share of samples that is left out: a flight first fills its caches."""
_MAX_SLOPE, _MAX_GROWTH = 1.0, 32.0
"""MiB a minute and MiB in all that memory may grow by; more than both is a leak."""
_MIN_SAMPLES = 25
_CHANGED_EVERY_S = 2.0
"""Seconds between two changes of target."""
_TRIGGERS = (
    *(row.key for row in ROWS if row.kind == "trigger" and row.group == "mix"),
    "show.reseed",
)
_NAMES = {"resident": "memory, MiB", "files": "open files", "threads": "threads"}
_FADERS = ("camera", "warp", "colour")
"""Groups of controls whose numbers are moved, one in each frame."""


@dataclass(frozen=True)
class Sample:
    """The state of a process at one moment."""

    seconds: float
    resident: float
    """MiB in memory."""
    files: int
    threads: int


@dataclass(frozen=True)
class Trend:
    """The course of a figure: medians of its first and last fifth, and its slope per minute.

    The slope is fitted by least squares."""

    name: str
    first: float
    last: float
    slope: float
    grows: bool


def trends(samples: Sequence[Sample]) -> list[Trend]:
    """Return the trends of memory, files and threads, without the warm-up.

    Files and threads grow where the median of the last fifth exceeds the maximum of the first.
    Raises LiveflightError where there are too few samples."""
    if len(samples) < _MIN_SAMPLES:
        raise LiveflightError(
            f"{len(samples)} samples are too few: at least {_MIN_SAMPLES} are needed"
        )
    judged = samples[int(len(samples) * _WARM_UP) :]
    fifth = len(judged) // 5
    minutes = [sample.seconds / 60 for sample in judged]
    found = []
    for name in ("resident", "files", "threads"):
        values = [float(getattr(sample, name)) for sample in judged]
        first, last = median(values[:fifth]), median(values[-fifth:])
        slope = float(np.polyfit(minutes, values, 1)[0])
        if name == "resident":
            grows = slope > _MAX_SLOPE and last - first > _MAX_GROWTH
        else:
            grows = last > max(values[:fifth])
        found.append(Trend(name, first, last, slope, grows))
    return found


def measure(given: dict[str, Any]) -> dict[str, Any]:
    """Fly and sample.

    `given`: as for MeasuredFlight, with `fps`, `minutes` and `csv`, a file that gets the samples as
    they come, or None."""
    from liveflight.diagnostics.bench.measured_flight import MeasuredFlight, free_port

    port = free_port()
    flown = MeasuredFlight(given, osc_port=port)
    flown.until_dreaming()
    player = _Player(port, given["seed"])
    samples: list[Sample] = []
    begun = time.perf_counter()
    log = Path(given["csv"]) if given["csv"] else None
    if log:
        log.write_text(",".join(field.name for field in fields(Sample)) + "\n", encoding="utf-8")

    def over() -> bool:
        now = time.perf_counter() - begun
        player.play(now)
        if now >= len(samples):
            samples.append(_sample(now))
            if log:
                _append(log, samples[-1])
        return now >= 60 * given["minutes"]

    flown.run(over, given["fps"])
    player.close()
    flown.app.close()
    return {
        "samples": [astuple(sample) for sample in samples],
        "packets": player.packets,
        "changes": player.changes,
        "frames": player.frames,
        "minutes": given["minutes"],
        "troubles": dict(flown.app.flight.reports.counts),
    }


def _sample(seconds: float) -> Sample:
    here = psutil.Process()
    with here.oneshot():
        resident = here.memory_info().rss / 2**20
        return Sample(seconds, resident, here.num_fds(), here.num_threads())


def _append(log: Path, sample: Sample) -> None:
    # Opened anew each time: samples are safe if the flight crashes, and no open file is counted.
    with log.open("a", encoding="utf-8") as lines:
        seconds, resident, *counts = astuple(sample)
        lines.write(f"{seconds:.1f},{resident:.1f},{','.join(map(str, counts))}\n")


class _Player:
    """Play by UDP, as a performer's surface does.

    A fader moves in each frame. Every few seconds comes another target, layer, network or preset.
    """

    def __init__(self, port: int, seed: int) -> None:
        self.packets = self.changes = self.frames = 0
        self._rng = np.random.default_rng(seed)
        self._sender, self._port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), port
        self._faders = [
            row.address for row in ROWS if row.group in _FADERS and row.kind in ("float", "int")
        ]
        here = [networks.network(name) for name in networks.names()]
        here = [network for network in here if network.find_weights()]
        self._layers = [(network.name, layer) for network in here for layer in network.layers]
        names = {network.name for network in here}
        self._presets = [
            name
            for name in presets.names()
            if {target.network for target in presets.find(name).all_targets} <= names
        ]

    def play(self, now: float) -> None:
        """Send what is due at `now`, in seconds of the flight; call this once per frame."""
        self.frames += 1
        self._send(self._any(self._faders), float(self._rng.random()))
        if now >= self.changes * _CHANGED_EVERY_S:
            self.changes += 1
            self._change()

    def close(self) -> None:
        self._sender.close()

    def _change(self) -> None:
        kind = self._any(("target", "target", "target", "preset", "objective", *_TRIGGERS))
        if kind == "target":
            network, layer = self._any(self._layers)
            number = self._rng.integers(layer.channels)
            self._send("/liveflight/target", f"{network}:{layer.name}:{number}")
        elif kind == "preset":
            self._send("/liveflight/preset", self._any(self._presets))
        elif kind == "objective":
            self._send("/liveflight/ascent/objective", self._any(("channel", "neuron")))
        else:
            self._send(CONTROLS[kind].address, 1)

    def _send(self, address: str, value: float | str) -> None:
        message = OscMessageBuilder(address)
        message.add_arg(value)
        self._sender.sendto(message.build().dgram, ("127.0.0.1", self._port))
        self.packets += 1

    def _any(self, choices: Sequence[Any]) -> Any:
        return choices[int(self._rng.integers(len(choices)))]


def tables(raw: dict[str, Any]) -> list[Table]:
    """Return the table of trends."""
    rows = []
    for trend in trends([Sample(*sample) for sample in raw["samples"]]):
        digits = 0 if trend.name != "resident" else 1
        rows.append(
            (
                _NAMES[trend.name],
                *(f"{value:.{digits}f}" for value in (trend.first, trend.last)),
                f"{trend.slope:+.2f}",
                "grows" if trend.grows else "steady",
            )
        )
    notes = [
        f"{raw['title']}, {raw['minutes']:g} minutes: {raw['frames']} frames, {raw['packets']} "
        f"packets, {raw['changes']} changes of target, layer, network or preset",
        f"without the first {_WARM_UP:.0%}; medians of a fifth of the rest; memory grows if it "
        f"gains over {_MAX_SLOPE:g} MiB a minute and {_MAX_GROWTH:g} MiB in all",
    ]
    notes += [f"{count} times: {text}" for text, count in raw["troubles"].items()]
    columns = ("", "first fifth", "last fifth", "per minute", "")
    return [Table("Long run", columns, rows, notes)]
