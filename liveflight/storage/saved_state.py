"""Describe a show as it stands, as JSON, so that a restarted program continues it.

Data only. Every part is checked on reading as presets, cue lists and controls are checked
everywhere. A part that does not exist any more is left out and named; the rest stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from liveflight.core.autopilot import AutopilotPlace
from liveflight.core.contracts import LiveflightError, Mix, Target, Value
from liveflight.core.controls import CONTROLS, find
from liveflight.core.random_state import LIMITS, RandomState
from liveflight.core.target_history import MAX_MIXES
from liveflight.core.xy_pad import CORNERS
from liveflight.storage import presets, recording
from liveflight.storage.cue_lists import CueList
from liveflight.storage.presets import Preset

OUTPUT = ("show.master", "show.blackout", "show.freeze", "show.fit")
"""Controls of the output, which are restored in the safe look too."""

KEPT = frozenset(
    row.key
    for row in CONTROLS.values()
    if row.settable
    and (row.kind != "text" or row.key in CORNERS)
    and row.key not in ("show.help", "show.flash_limit")
)
"""Controls whose settings are saved; other texts are requests, and keep no value."""

_LONGEST_S = 1e9
"""Largest number of seconds or beats: more than thirty years."""
_LONGEST_GAP_S = 3600.0
"""Seconds between saving and resuming within which the beat is taken to have gone on."""
_MOST_NAMED = 3
"""Parts that are left out and named in a line."""
_MOST_ENTRIES = 99
"""Number of targets, stops or rows that are read at most."""


@dataclass(frozen=True)
class CuePlace:
    """Hold a cue list and the place in it."""

    cues: CueList
    current: int = 0
    """Index of the current cue."""
    elapsed: float = 0.0
    """Time of the current cue in its own unit, seconds or beats."""
    held_by_panic: bool = False
    downloads: bool = True
    """Whether weights may be downloaded for it."""


@dataclass(frozen=True)
class SavedState:
    """Hold a show as it stands."""

    look: Preset | None = None
    """Targets, journey, pad and modulation; its settings are empty. None leaves the choice."""
    settings: Mapping[str, Value] = field(default_factory=dict)
    """Values by control key, those of `KEPT`."""
    cues: CuePlace | None = None
    autopilot: AutopilotPlace = field(default_factory=AutopilotPlace)
    mixes: tuple[Mix, ...] = ()
    """History of mixes."""
    here: int = -1
    """Index of the mix of the history that is flown."""
    beats: float = 0.0
    """Position of the beat clock."""
    tapped: bool = False
    seconds: float = 0.0
    """Seconds of the modulation."""
    random: RandomState | None = None
    """State of what chooses random presets."""
    saved: float = 0.0
    """When it was saved: seconds since 1970."""
    picture: bytes = b""
    """Small picture of the canvas, in a format of `media.image_file`."""
    left_out: tuple[str, ...] = ()
    """Parts that could not be read, in words."""

    @property
    def brightness(self) -> float:
        """Return how bright the picture was shown, from 0 to 1."""
        dark = self.settings.get("show.blackout")
        return 0.0 if dark else float(self.settings.get("show.master", 1.0))

    @property
    def steady(self) -> SavedState:
        """Return it without clocks that run all the time: two that are equal need one file."""
        return replace(self, beats=0.0, seconds=0.0, saved=0.0, picture=b"")

    def continued(self, now: float) -> SavedState:
        """Return it as of `now`, in seconds since 1970: the beat has gone on, nothing else."""
        gap = now - self.saved
        bpm = float(self.settings.get("tempo.bpm", 0.0))
        gone = gap if 0 < gap < _LONGEST_GAP_S else 0.0  # else the clock may have been set
        return replace(self, beats=self.beats + gone * bpm / 60, saved=now)

    @property
    def output_alone(self) -> SavedState:
        """Return its picture and the controls of the output, for the safe look."""
        settings = {key: value for key, value in self.settings.items() if key in OUTPUT}
        return SavedState(settings=settings, picture=self.picture, saved=self.saved)


def dump(state: SavedState) -> bytes:
    """Return everything but the picture as JSON."""
    data: dict[str, Any] = {
        "settings": dict(state.settings),
        "mixes": [_weighted(mix) for mix in state.mixes],
        "autopilot": asdict(state.autopilot) | {"seen": list(map(str, state.autopilot.seen))},
    }
    for name in ("here", "beats", "tapped", "seconds", "random", "saved"):
        data[name] = getattr(state, name)
    if state.look:
        look = presets.table(replace(state.look, settings={}, title="", about="", slot=None))
        data["preset"] = state.look.name
        data |= {name: look[name] for name in _LOOK if name in look}
    if state.cues:
        data["cues"] = asdict(state.cues)
    return json.dumps(data, separators=(",", ":"), allow_nan=False).encode()


def parse(text: bytes, picture: bytes = b"") -> SavedState:
    """Return the state that `dump` described.

    Raises ValueError or RecursionError for what is not JSON, and LiveflightError for another kind
    of data."""
    data = json.loads(text)
    if not isinstance(data, dict):
        raise LiveflightError("it is no saved state")
    reader = _Reader(data)
    return SavedState(
        look=reader.look(),
        settings=reader.settings(),
        cues=reader.read("cues", _cue_place),
        autopilot=reader.read("autopilot", _autopilot) or AutopilotPlace(),
        mixes=tuple(reader.each("mixes", lambda mix: _parsed(targets=mix).targets, MAX_MIXES)),
        here=_whole(data.get("here"), -1, MAX_MIXES - 1, -1),
        beats=_number(data.get("beats")),
        tapped=data.get("tapped") is True,
        seconds=_number(data.get("seconds")),
        random=reader.read("random", _random),
        saved=_number(data.get("saved"), 1e12),
        picture=picture,
        left_out=tuple(reader.left_out),
    )


def left_out(parts: Iterable[str]) -> str:
    """Return a line that names the first of some parts that are left out, and counts the others."""
    texts = list(dict.fromkeys(parts))
    more = f"; and {len(texts) - _MOST_NAMED} more" if len(texts) > _MOST_NAMED else ""
    return f"left out: {'; '.join(texts[:_MOST_NAMED])}{more}"


_LOOK = ("targets", "journey", "corners", "modulation")
"""Parts of a preset that are saved beside the settings."""


class _Reader:
    """Read part after part, and note what cannot be read."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self.left_out: list[str] = []

    def look(self) -> Preset | None:
        name = self._data.get("preset")
        if not isinstance(name, str) or len(name) > 200 or not name.isprintable():
            return None
        found: dict[str, Any] = {}
        for part in _LOOK:
            kept = list(self.each(part, partial(_alone, part), _MOST_ENTRIES))
            try:
                getattr(_parsed(**{part: kept}), part)
                found[part] = kept
            except LiveflightError as error:  # four corners, or rows that go round in a circle
                self.left_out.append(str(error))
        return replace(_parsed(**found), name=name)

    def settings(self) -> dict[str, Value]:
        given = self._data.get("settings")
        found = {}
        for key, value in list(given.items())[: len(CONTROLS)] if isinstance(given, dict) else ():
            try:
                control = find(key)
                if control.key in KEPT:
                    found[key] = control.check(value)
            except LiveflightError as error:
                self.left_out.append(str(error))
        return found

    def read(self, part: str, parse: Callable[[Any], Any]) -> Any:
        """Return a part, or None where it is missing or cannot be read."""
        given = self._data.get(part)
        if given is None:
            return None
        try:
            return parse(given)
        except (LiveflightError, ValueError, TypeError, KeyError, AttributeError) as error:
            self.left_out.append(f"{part}: {error}")
            return None

    def each(self, part: str, parse: Callable[[Any], Any], most: int) -> Iterable[Any]:
        """Yield the entries of a list that can be read, the last `most` at most."""
        given = self._data.get(part, [])
        for entry in given[-most:] if isinstance(given, list) else ():
            try:
                yield parse(entry)
            except LiveflightError as error:
                self.left_out.append(str(error))


def _parsed(**parts: Any) -> Preset:
    return presets.parse("", {"version": presets.VERSION, **parts})


def _alone(part: str, entry: Any) -> Any:
    """Return an entry of a preset's list if it can be read. Raises LiveflightError."""
    _parsed(**({"targets": [entry]} if part == "corners" else {part: [entry]}))
    return entry


def _weighted(mix: Mix) -> list[dict[str, Any]]:
    return [{"target": str(one), "weight": weight} for one, weight in mix.items() if weight > 0]


def _cue_place(data: Any) -> CuePlace:
    cues = recording.cue_list(data["cues"])
    current = _whole(data["current"], 0, len(cues.cues) - 1, 0)
    held, downloads = data["held_by_panic"] is True, data["downloads"] is True
    return CuePlace(cues, current, max(_number(data["elapsed"]), 0.0), held, downloads)


def _autopilot(data: Any) -> AutopilotPlace:
    seen = data["seen"]
    if not isinstance(seen, list) or not all(isinstance(each, str) for each in seen):
        raise LiveflightError("its seen targets are no list of targets")
    random = None if data["random"] is None else _random(data["random"])
    following = _whole(data["following"], 0, 98, 0)
    stayed = max(_number(data["stayed"]), 0.0)
    targets = tuple(map(Target.parse, seen[-_MOST_ENTRIES:]))
    return AutopilotPlace(following, data["paused"] is True, targets, random, stayed)


def _random(data: Any) -> RandomState:
    numbers: Sequence[Any] = data if isinstance(data, list) else ()
    if len(numbers) != len(LIMITS) or not all(
        type(each) is int and 0 <= each < limit for each, limit in zip(numbers, LIMITS, strict=True)
    ):
        raise LiveflightError("it is no state of a random generator")
    one, two, three, four = numbers
    return one, two, three, four


def _number(value: Any, most: float = _LONGEST_S) -> float:
    """Return a number from -most to most; 0 for anything else."""
    usual = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usual and -most <= value <= most else 0.0


def _whole(value: Any, least: int, most: int, other: int) -> int:
    """Return a whole number in a range; `other` for anything else."""
    return value if type(value) is int and least <= value <= most else other
