"""Move controls by themselves: rows of source x depth, added to the settings in fader distances.

A preset holds each row as a `[[modulation]]` table. Pure: time comes in as dt, the beat as a
position, the sound as meters among the controls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from graphlib import CycleError, TopologicalSorter
from typing import Any

from liveflight.core.contracts import LiveflightError, nearest
from liveflight.core.controls import CONTROLS, Controls, find

MAX_ROWS = 32
"""Rows in a preset."""

_RETURN_S = 0.25
"""Time constant in seconds with which a control returns to its setting once its row is gone."""

_INVISIBLE = 1e-4
"""Fader distance below which nothing can be seen."""

BANDS = tuple(row.name for row in CONTROLS.values() if row.group == "sound" and row.kind == "meter")


@dataclass(frozen=True, slots=True)
class ModulationRow:
    """Move `control` by up to `depth` fader distances (-1 to 1) with its source.

    - `lfo`: -1 to 1, a `shape` that repeats every so many `beats`, or `hertz` times per second
    - `walk`: -1 to 1, at random from value to value, one per `beats` or `hertz`
    - `sound`: 0 to 1, how strong the `band` is
    - `onset`: 0 to 1, up within `attack` seconds where a sound begins, and down again with the time
      constant `decay`
    - `control`: 0 to 1, the fader position of the control `of`, with its own modulation

    `smooth` is the time constant in seconds with which it follows."""

    control: str
    source: str
    depth: float
    shape: str = "sine"
    beats: float = 4.0
    hertz: float = 0.0
    """Frequency; above 0 it replaces `beats`."""
    phase: float = 0.0
    """Phase of an LFO at the first beat, 0 to 1."""
    band: str = "level"
    attack: float = 0.02
    decay: float = 0.3
    of: str = ""
    smooth: float = 0.05

    def dump(self) -> dict[str, str | float]:
        """Return the table that `read` takes; defaults are left out."""
        given = ((each.name, getattr(self, each.name), each.default) for each in fields(self))
        return {name: value for name, value, default in given if value != default}


_SHAPES: Mapping[str, Callable[[float, int], float]] = {
    "sine": lambda phase, seed: math.sin(math.tau * phase),
    "triangle": lambda phase, seed: 1 - 4 * abs((phase + 0.25) % 1 - 0.5),
    "saw": lambda phase, seed: 2 * (phase % 1) - 1,
    "square": lambda phase, seed: 1.0 if phase % 1 < 0.5 else -1.0,
    "random": lambda phase, seed: _dice(seed, math.floor(phase)),
}
"""Waveforms: from the phase, in whole cycles and parts, to -1 to 1.

`random` is sample and hold: another random value every cycle."""

_SOURCES: Mapping[str, frozenset[str]] = {
    "lfo": frozenset({"shape", "beats", "hertz", "phase"}),
    "walk": frozenset({"beats", "hertz"}),
    "sound": frozenset({"band"}),
    "onset": frozenset({"attack", "decay"}),
    "control": frozenset({"of"}),
}
"""Fields of each source beside those that all have."""

_WORDS: Mapping[str, tuple[str, ...]] = {
    "source": tuple(_SOURCES), "shape": tuple(_SHAPES), "band": BANDS,
}  # fmt: skip
_NUMBERS: Mapping[str, tuple[float, float]] = {
    "depth": (-1, 1), "beats": (1 / 16, 1024), "hertz": (0.001, 30), "phase": (0, 1),
    "attack": (0, 10), "decay": (0.01, 60), "smooth": (0, 60),
}  # fmt: skip


def read(entries: object) -> tuple[ModulationRow, ...]:
    """Return rows from parsed TOML, checked field by field.

    Raises LiveflightError naming the field and what is allowed, and for controls that move each
    other in a circle."""
    if not isinstance(entries, list) or len(entries) > MAX_ROWS:
        raise LiveflightError(f"modulation: allowed are up to {MAX_ROWS} tables, [[modulation]]")
    rows = tuple(_row(entry) for entry in entries)
    _ordered(rows)
    return rows


def _row(entry: object) -> ModulationRow:
    if not isinstance(entry, dict):
        raise LiveflightError(f"modulation = {str(entry)[:60]!r}: allowed is a table")
    for name in ("control", "source", "depth"):
        if name not in entry:
            raise LiveflightError(f"a modulation has no {name}")
    given = {name: _field(name, value) for name, value in entry.items()}
    source = str(given["source"])
    known = {"control", "source", "depth", "smooth"} | _SOURCES[source]
    if unknown := given.keys() - known:
        allowed = ", ".join(sorted(known))
        raise LiveflightError(f"modulation by {source}: {min(unknown)}: allowed are {allowed}")
    if source == "control" and "of" not in given:
        raise LiveflightError('modulation by control has no of: write of = "GROUP.NAME"')
    return ModulationRow(**given)


def _field(name: str, value: object) -> Any:
    if name in ("control", "of"):
        return _controlled(name, value)
    if words := _WORDS.get(name):
        if value in words and isinstance(value, str):
            return value
        allowed = ", ".join(words)
        raise LiveflightError(f"modulation: {name} = {str(value)[:60]!r}: allowed is {allowed}")
    if name not in _NUMBERS:
        known = nearest(name, [each.name for each in fields(ModulationRow)])
        raise LiveflightError(f"a modulation has no {name[:60]!r}{known}")
    low, high = _NUMBERS[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, int | float) and number and low <= value <= high:
        return float(value)
    raise LiveflightError(
        f"modulation: {name} = {str(value)[:60]!r}: allowed is {low:g} to {high:g}"
    )


def _controlled(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise LiveflightError(f"modulation: {name} = {str(value)[:60]!r}: allowed is GROUP.NAME")
    control = find(value)
    kinds = ("float",) if name == "control" else ("float", "int", "meter")
    if control.kind not in kinds or (name == "control" and control.group in ("tempo", "sound")):
        what = "a control that glides" if name == "control" else "a number"
        raise LiveflightError(f"modulation: {name} = {value!r}: allowed is {what}")
    return value


def _ordered(rows: Sequence[ModulationRow]) -> list[str]:
    """Return the controls that are moved, each after those that move it."""
    movers: dict[str, set[str]] = {row.control: set() for row in rows}
    for row in rows:
        if row.source == "control":
            movers[row.control].add(row.of)
    try:
        order = list(TopologicalSorter(movers).static_order())
    except CycleError as error:
        path = " -> ".join(error.args[1])
        raise LiveflightError(f"modulation goes round in a circle: {path}") from None
    return [key for key in order if key in movers]


class Modulation:
    """Apply rows over time; the same seed and times give the same offsets."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self.seconds = 0.0
        """Seconds until now: the phase of what repeats by `hertz`."""
        self._envelopes: dict[int, tuple[float, float]] = {}
        self.offsets: dict[str, float] = {}
        """Its own part of the controls' offsets."""
        self.follow(())

    def follow(self, rows: Iterable[ModulationRow]) -> None:
        """Apply these rows from now on, checked by `read`; offsets of earlier rows fade out."""
        self.rows = tuple(rows)
        self._order = _ordered(self.rows)
        self._smoothed = [0.0] * len(self.rows)
        self._envelopes = {}
        self._fading: dict[str, float] | None = None
        """Offsets left by earlier rows; None until the next `advance`."""

    @property
    def on_the_beat(self) -> bool:
        """Return whether the tempo is visible."""
        return any(row.source in ("lfo", "walk") and not row.hertz for row in self.rows)

    def advance(self, dt: float, beats: float, controls: Controls) -> None:
        """Advance the controls' offsets by `dt` seconds, to `beats` of the beat clock."""
        self.seconds += dt
        if self._fading is None:
            self._fading = dict(self.offsets)
        left = {key: offset * math.exp(-dt / _RETURN_S) for key, offset in self._fading.items()}
        self._fading = {key: offset for key, offset in left.items() if abs(offset) >= _INVISIBLE}
        controls.offsets = self.offsets = dict(self._fading)
        scale = controls.number("tempo.modulation")
        for key in self._order:
            swings = self._swings(key, dt, beats, controls)
            controls.offsets[key] = self._fading.get(key, 0.0) + scale * sum(swings)

    def _swings(self, key: str, dt: float, beats: float, controls: Controls) -> Iterator[float]:
        for number, row in enumerate(self.rows):
            if row.control == key:
                goal = row.depth * self._source(number, row, dt, beats, controls)
                share = 1 - math.exp(-dt / row.smooth) if row.smooth else 1.0
                self._smoothed[number] += (goal - self._smoothed[number]) * share
                yield self._smoothed[number]

    def _source(
        self, number: int, row: ModulationRow, dt: float, beats: float, controls: Controls
    ) -> float:
        phase = row.phase + (self.seconds * row.hertz if row.hertz else beats / row.beats)
        match row.source:
            case "lfo":
                return _SHAPES[row.shape](phase, self._seed + number)
            case "walk":
                return _walk(self._seed + number, phase)
            case "sound":
                return controls.number(f"sound.{row.band}")
            case "onset":
                return self._envelope(number, row, dt, controls.number("sound.onset"))
        return CONTROLS[row.of].to_position(controls.number(row.of))

    def _envelope(self, number: int, row: ModulationRow, dt: float, onset: float) -> float:
        """Return the envelope of onsets: rises linearly to the last one, and falls from there."""
        height, peak = self._envelopes.get(number, (0.0, 0.0))
        peak = max(peak, onset)
        if peak > height:
            height = min(height + dt / row.attack, peak) if row.attack else peak
        else:
            height *= math.exp(-dt / row.decay)
        self._envelopes[number] = height, peak if height < peak else 0.0
        return height


def _walk(seed: int, phase: float) -> float:
    """Return smooth random motion, -1 to 1: a new value per cycle, alike at every frame rate."""
    cycle = math.floor(phase)
    part = phase - cycle
    eased = part * part * (3 - 2 * part)
    start, end = _dice(seed, cycle), _dice(seed, cycle + 1)
    return start + (end - start) * eased


def _dice(seed: int, cycle: int) -> float:
    """Return a random number, -1 to 1: SplitMix64's mixing function (Steele, Lea, Flood 2014)."""
    mask = (1 << 64) - 1
    mixed = (seed * 0x9E3779B97F4A7C15 + (cycle + 1) * 0xD1B54A32D192ED03) & mask
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
    return (mixed ^ (mixed >> 31)) / (mask / 2) - 1
