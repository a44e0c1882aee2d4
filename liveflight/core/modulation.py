"""What moves controls by itself: rows of source x depth that are added to what was set, in fader
ways. A preset holds them, each as a `[[modulation]]` table. Pure: time comes in as dt, the beat as
a position, the sound as meters among the controls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from graphlib import CycleError, TopologicalSorter
from typing import Any

from liveflight.core.contracts import LiveflightError, nearest
from liveflight.core.controls import CONTROLS, Controls, find

MOST = 32
"""Rows in a preset."""

_LEAVE = 0.25
"""Time constant in seconds with which a control goes back to what was set once its row is gone."""

_FINE = 1e-4
"""Fader ways below which nothing can be seen."""

BANDS = tuple(row.name for row in CONTROLS.values() if row.group == "sound" and row.kind == "meter")


@dataclass(frozen=True, slots=True)
class Row:
    """`control` swings by up to `depth` fader ways (-1 to 1) with its source:

    - `lfo`: -1 to 1, a `shape` that comes back every so many `beats`, or `hertz` times per second
    - `walk`: -1 to 1, at random from place to place, one per `beats` or `hertz`
    - `sound`: 0 to 1, how strong the `band` is
    - `onset`: 0 to 1, up within `attack` seconds where something begins to sound, and down again
      with the time constant `decay`
    - `control`: 0 to 1, where the fader of the control `of` is, with what moves that one

    `smooth` is the time constant in seconds with which it follows."""

    control: str
    source: str
    depth: float
    shape: str = "sine"
    beats: float = 4.0
    hertz: float = 0.0
    """Where above 0, it rules instead of `beats`."""
    phase: float = 0.0
    """Where in its course an LFO is at the first beat, 0 to 1."""
    band: str = "level"
    attack: float = 0.02
    decay: float = 0.3
    of: str = ""
    smooth: float = 0.05

    def dump(self) -> dict[str, str | float]:
        """As `read` takes it; what is at its default is left out."""
        given = ((each.name, getattr(self, each.name), each.default) for each in fields(self))
        return {name: value for name, value, default in given if value != default}


_SHAPES: Mapping[str, Callable[[float, int], float]] = {
    "sine": lambda target_selector, seed: math.sin(math.tau * target_selector),
    "triangle": lambda target_selector, seed: 1 - 4 * abs((target_selector + 0.25) % 1 - 0.5),
    "saw": lambda target_selector, seed: 2 * (target_selector % 1) - 1,
    "square": lambda target_selector, seed: 1.0 if target_selector % 1 < 0.5 else -1.0,
    "random": lambda target_selector, seed: _dice(seed, math.floor(target_selector)),
}
"""From the course an LFO has run, in whole turns and parts, to -1 to 1. `random` is sample and
hold: another place at random every turn."""

_SOURCES: Mapping[str, frozenset[str]] = {
    "lfo": frozenset({"shape", "beats", "hertz", "phase"}),
    "walk": frozenset({"beats", "hertz"}),
    "sound": frozenset({"band"}),
    "onset": frozenset({"attack", "decay"}),
    "control": frozenset({"of"}),
}
"""The fields of each beside those of all."""

_WORDS: Mapping[str, tuple[str, ...]] = {
    "source": tuple(_SOURCES), "shape": tuple(_SHAPES), "band": BANDS,
}  # fmt: skip
_NUMBERS: Mapping[str, tuple[float, float]] = {
    "depth": (-1, 1), "beats": (1 / 16, 1024), "hertz": (0.001, 30), "phase": (0, 1),
    "attack": (0, 10), "decay": (0.01, 60), "smooth": (0, 60),
}  # fmt: skip


def read(entries: object) -> tuple[Row, ...]:
    """Rows from parsed TOML, checked field by field.

    Raises LiveflightError naming the field and what is allowed, and for controls that move each
    other round and round."""
    if not isinstance(entries, list) or len(entries) > MOST:
        raise LiveflightError(f"modulation: allowed are up to {MOST} tables, [[modulation]]")
    rows = tuple(_row(entry) for entry in entries)
    _ordered(rows)
    return rows


def _row(entry: object) -> Row:
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
        raise LiveflightError("modulation by control: it does not say of which")
    return Row(**given)


def _field(name: str, value: object) -> Any:
    if name in ("control", "of"):
        return _controlled(name, value)
    if words := _WORDS.get(name):
        if value in words and isinstance(value, str):
            return value
        allowed = ", ".join(words)
        raise LiveflightError(f"modulation: {name} = {str(value)[:60]!r}: allowed is {allowed}")
    if name not in _NUMBERS:
        known = nearest(name, [each.name for each in fields(Row)])
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


def _ordered(rows: Sequence[Row]) -> list[str]:
    """The controls that are moved, each after those that move it."""
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
    """What the rows amount to over time. The same seed and times give the same."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._seconds = 0.0
        self._envelopes: dict[int, tuple[float, float]] = {}
        self.follow(())

    def follow(self, rows: Iterable[Row]) -> None:
        """These rows from now on, checked by `read`. What moved a control before leaves it
        gently."""
        self.rows = tuple(rows)
        self._order = _ordered(self.rows)
        self._smoothed = [0.0] * len(self.rows)
        self._envelopes = {}
        self._leaving: dict[str, float] | None = None
        """By how much what moved a control before still moves it; None until the next `advance`."""

    @property
    def on_the_beat(self) -> bool:
        """Whether the tempo can be seen."""
        return any(row.source in ("lfo", "walk") and not row.hertz for row in self.rows)

    def advance(self, dt: float, beats: float, controls: Controls) -> None:
        """Moves the controls on by `dt` seconds, to `beats` of the beat clock."""
        self._seconds += dt
        if self._leaving is None:
            self._leaving = dict(controls.offsets)
        left = {key: offset * math.exp(-dt / _LEAVE) for key, offset in self._leaving.items()}
        self._leaving = {key: offset for key, offset in left.items() if abs(offset) >= _FINE}
        controls.offsets = dict(self._leaving)
        scale = controls.number("tempo.modulation")
        for key in self._order:
            swings = self._swings(key, dt, beats, controls)
            controls.offsets[key] = self._leaving.get(key, 0.0) + scale * sum(swings)

    def _swings(self, key: str, dt: float, beats: float, controls: Controls) -> Iterator[float]:
        for number, row in enumerate(self.rows):
            if row.control == key:
                goal = row.depth * self._source(number, row, dt, beats, controls)
                way = 1 - math.exp(-dt / row.smooth) if row.smooth else 1.0
                self._smoothed[number] += (goal - self._smoothed[number]) * way
                yield self._smoothed[number]

    def _source(self, number: int, row: Row, dt: float, beats: float, controls: Controls) -> float:
        target_selector = row.phase + (
            self._seconds * row.hertz if row.hertz else beats / row.beats
        )
        match row.source:
            case "lfo":
                return _SHAPES[row.shape](target_selector, self._seed + number)
            case "walk":
                return _walk(self._seed + number, target_selector)
            case "sound":
                return controls.number(f"sound.{row.band}")
            case "onset":
                return self._envelope(number, row, dt, controls.number("sound.onset"))
        return CONTROLS[row.of].to_unit(controls.number(row.of))

    def _envelope(self, number: int, row: Row, dt: float, onset: float) -> float:
        """Rises evenly to where an onset was, and falls from there."""
        height, peak = self._envelopes.get(number, (0.0, 0.0))
        peak = max(peak, onset)
        if peak > height:
            height = min(height + dt / row.attack, peak) if row.attack else peak
        else:
            height *= math.exp(-dt / row.decay)
        self._envelopes[number] = height, peak if height < peak else 0.0
        return height


def _walk(seed: int, target_selector: float) -> float:
    """From one place at random to the next, evenly rounded: the same at every frame rate."""
    turn = math.floor(target_selector)
    part = target_selector - turn
    eased = part * part * (3 - 2 * part)
    here, there = _dice(seed, turn), _dice(seed, turn + 1)
    return here + (there - here) * eased


def _dice(seed: int, turn: int) -> float:
    """-1 to 1, as if at random: SplitMix64's mixing function (Steele, Lea, Flood 2014)."""
    mask = (1 << 64) - 1
    mixed = (seed * 0x9E3779B97F4A7C15 + (turn + 1) * 0xD1B54A32D192ED03) & mask
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
    return (mixed ^ (mixed >> 31)) / (mask / 2) - 1
