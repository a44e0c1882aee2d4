"""Read and write recorded flights: the start and every message with its time, as JSON lines.

With the seed these determine the picture, so that a flight can be flown again at any size. The
first line is the header, each later one a frame with messages, or the end. A log may come from
anybody: it is checked like a preset, and holds no paths.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from liveflight.core.contracts import LiveflightError, Size, Value
from liveflight.core.controls import find
from liveflight.core.mailbox import Message, Query
from liveflight.storage import cue_lists, presets
from liveflight.storage.cue_lists import CueList
from liveflight.storage.presets import Preset
from liveflight.storage.recording_parts import Lines

VERSION = 1
_TOO_LARGE = 1e300
"""Numbers from here on are refused."""

_KINDS = {kind.__name__: kind for kind in get_args(Message) if kind is not Query}
_FIELDS = {
    name: [one.name for one in fields(kind) if one.name != "origin"]
    for name, kind in _KINDS.items()
}
_HINTS = {name: get_type_hints(kind) for name, kind in _KINDS.items()}
_NOT_RECORDED = {
    *("show.hud", "show.help", "show.screenshot", "show.save_preset", "show.snapshot"),
    *("show.favourite", "mix.star", "show.fullscreen", "show.quit", "midi.learn", "midi.forget"),
    *("show.bank", "show.store", "show.name", "show.leave", "show.save_as", "show.remote"),
    *("show.record", "show.outputs", "show.closed"),
    *("show.flash_limit", "show.limited", "show.flash_limited"),
}
"""Controls that do not affect the picture: neither recorded nor flown again."""


@dataclass(frozen=True)
class Recording:
    """Hold a recorded flight."""

    preset: Preset
    """Preset that it began with."""
    settings: Mapping[str, Value]
    """Settings after that preset, by control key."""
    seed: int
    fps: float
    """Maximum frames per second of the flight that was recorded."""
    canvas: Size | None = None
    """Size of the canvas; None leaves the choice to the machine."""
    cues: CueList | None = None
    ranks: int = 1
    """Ranks of the wall that it was flown on."""
    said: Iterable[tuple[float, Sequence[Message]]] = ()
    """Messages of each frame, with seconds since the first; of a log, read at each iteration."""
    answers: Sequence[tuple[str, Preset]] = ()
    """Questions to the preset navigator, and its answers."""
    lists: Sequence[CueList] = ()
    """Cue lists that were started by their names."""
    seconds: float = field(default=0.0)
    """Duration; of a log that breaks off, up to there."""


def header(recording: Recording) -> str:
    """Return the first line of a log."""
    canvas = list(recording.canvas) if recording.canvas else None
    settings = {key: each for key, each in recording.settings.items() if key not in _NOT_RECORDED}
    start = {"liveflight": VERSION, "seed": recording.seed, "fps": recording.fps, "canvas": canvas}
    start |= {"ranks": recording.ranks} if recording.ranks > 1 else {}
    cues = asdict(recording.cues) if recording.cues else None
    return _line({**start, "preset": _data(recording.preset), "settings": settings, "cues": cues})


def frame(
    seconds: float,
    messages: Sequence[Message],
    answers: Sequence[tuple[str, Preset]],
    lists: Sequence[CueList] = (),
) -> str:
    """Return the line of one frame; empty where it has no message that affects the picture."""
    said = [_encoded(message) for message in messages if _counts(message)]
    answered = [[question, _data(preset)] for question, preset in answers]
    row: dict[str, Any] = {"t": seconds}
    row |= ({"say": said} if said else {}) | ({"answer": answered} if answered else {})
    row |= {"lists": [asdict(each) for each in lists]} if lists else {}
    return _line(row) if len(row) > 1 else ""


def end(seconds: float) -> str:
    """Return the last line of a log."""
    return _line({"t": seconds})


def read(path: Path) -> Recording:
    """Check all of a log and its parts, and return it.

    Messages are not kept, as they may exceed the memory. An unfinished last line is left out.
    Raises LiveflightError naming file, line and what is wrong."""
    start: Recording | None = None
    answers: list[tuple[str, Preset]] = []
    lists: list[CueList] = []
    seconds = 0.0
    lines = Lines(path)
    with lines.named():
        for row in lines:
            if start is None:
                start = _header(row)
                continue
            seconds = _seconds(row, seconds)
            answers += [_answer(entry) for entry in _list(row, "answer")]
            lists += [cue_list(entry) for entry in _list(row, "lists")]
            _messages(row)
        if start is None:
            raise LiveflightError("it is empty")
    messages = _LoggedMessages(path)
    return replace(start, said=messages, answers=answers, lists=lists, seconds=seconds)


class _LoggedMessages:
    """Iterate over the messages of each frame of a log that was checked."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[tuple[float, Sequence[Message]]]:
        lines = Lines(self._path)
        with lines.named():
            for row in itertools.islice(lines, 1, None):
                yield _seconds(row, 0.0), _messages(row)


def _header(row: Mapping[str, Any]) -> Recording:
    if row.keys() == {"part", "of"}:
        raise LiveflightError("it is a later part of a log: name the first")
    if row.get("liveflight") != VERSION or isinstance(row.get("liveflight"), bool):
        raise LiveflightError("it is no log of a flight that this version can fly")
    seed: Any = row.get("seed")
    fps: Any = row.get("fps")
    canvas: Any = row.get("canvas")
    if not _whole(seed, 0, 2**31 - 1):
        raise LiveflightError(f"seed = {str(seed)[:60]!r}: allowed is 0 to {2**31 - 1}")
    if not _number(fps) or not 1 <= fps <= 1000:
        raise LiveflightError(f"fps = {str(fps)[:60]!r}: allowed is 1 to 1000")
    if canvas is not None and not (
        isinstance(canvas, list) and len(canvas) == 2 and all(_whole(n, 16, 16384) for n in canvas)
    ):
        raise LiveflightError(f"canvas = {str(canvas)[:60]!r}: allowed are width and height")
    if not _whole(ranks := row.get("ranks", 1), 1, 1024):
        raise LiveflightError(f"ranks = {str(ranks)[:60]!r}: allowed is 1 to 1024")
    settings = row.get("settings")
    if not isinstance(settings, dict):
        raise LiveflightError("it has no settings")
    preset, listed = _preset(row.get("preset")), row.get("cues")
    if not preset.all_targets:
        raise LiveflightError("its preset has no target")
    counted = {key: value for key, value in settings.items() if key not in _NOT_RECORDED}
    return Recording(
        preset,
        {key: find(key).check(value) for key, value in counted.items()},
        int(seed), float(fps), (canvas[0], canvas[1]) if canvas else None,
        cue_list(listed) if listed is not None else None, int(ranks),
    )  # fmt: skip


def cue_list(data: object) -> CueList:
    """Return the cue list that `dataclasses.asdict` described. Raises LiveflightError."""
    if not isinstance(data, dict) or not isinstance(data.get("cues"), list | tuple):
        raise LiveflightError("its cues are not a cue list")
    rows = [
        {key: value for key, value in row.items() if value or key == "preset"}
        for row in data["cues"]
        if isinstance(row, dict)
    ]
    name = str(data.get("name", ""))[:200]
    return cue_lists.parse(name, {"version": cue_lists.VERSION, "cue": rows})


def _data(preset: Preset) -> dict[str, Any]:
    return {"name": preset.name, "data": presets.table(preset)}


def _preset(entry: object) -> Preset:
    match entry:
        case {"name": str() as name, "data": dict() as data} if len(name) <= 200:
            return presets.parse(name, data)
    raise LiveflightError(f"{str(entry)[:60]!r} is no preset")


def _answer(entry: object) -> tuple[str, Preset]:
    match entry:
        case [str() as question, preset]:
            return question, _preset(preset)
    raise LiveflightError(f"{str(entry)[:60]!r} is no answer")


def _messages(row: Mapping[str, Any]) -> list[Message]:
    said = [_message(entry) for entry in _list(row, "say")]
    return [message for message in said if _counts(message)]


def _encoded(message: Message) -> list[Any]:
    name = type(message).__name__
    return [name, *(getattr(message, one) for one in _FIELDS[name])]


def _message(entry: object) -> Message:
    match entry:
        case [str() as name, *values] if name in _KINDS and len(values) == len(_FIELDS[name]):
            kind = _KINDS[name]
        case _:
            raise LiveflightError(f"{str(entry)[:60]!r} is no message")
    given: dict[str, Any] = dict(zip(_FIELDS[name], values, strict=True))
    for word, value in given.items():
        if not _fits(value, _HINTS[name][word]):
            raise LiveflightError(f"{name}: {word} = {str(value)[:60]!r} is of the wrong kind")
    if "key" in given:
        control = find(given["key"])
        if name == "Trigger" and control.kind != "trigger":
            raise LiveflightError(f"{control.key} is no trigger")
        if name == "Set" and control.writable:
            given["value"] = control.check(given["value"])
        elif name == "Set" and _number(given["value"]) != (control.kind == "meter"):
            raise LiveflightError(f"{control.key} = {str(given['value'])[:60]!r}")
        elif name == "Set" and control.kind == "meter":
            given["value"] = control.clip_sensor(given["value"])
    message: Message = kind(**given)
    return message


def _fits(value: object, wanted: Any) -> bool:
    if wanted is float:
        return _number(value)
    if isinstance(wanted, type):
        return type(value) is wanted
    return _number(value) or isinstance(value, bool) or _text(value)


def _counts(message: Message) -> bool:
    return not isinstance(message, Query) and getattr(message, "key", "") not in _NOT_RECORDED


def _seconds(row: Mapping[str, Any], before: float) -> float:
    seconds: Any = row.get("t")
    if _number(seconds) and before <= seconds <= 1e7:
        return float(seconds)
    raise LiveflightError(f"t = {str(seconds)[:60]!r}: allowed is a time not before {before:g} s")


def _list(row: Mapping[str, Any], key: str) -> list[Any]:
    entries = row.get(key, [])
    if isinstance(entries, list):
        return entries
    raise LiveflightError(f"{key} = {str(entries)[:60]!r}: allowed is a list")


def _number(value: Any) -> bool:
    # Whole numbers may be longer than a float can hold.
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _TOO_LARGE
    )


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 200 and value.isprintable()


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n"
