"""Bind MIDI knobs to controls, by their port's name, and keep the bindings in one TOML file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from liveflight.core.contracts import LiveflightError, nearest
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS
from liveflight.storage import named_files, toml_reader
from liveflight.system import folders

Sort = Literal["cc", "cc14", "note", "pitch"]
"""Kind of MIDI message.

`cc`: a controller of 7 bits. `cc14`: one of 14 bits, number n (0..31), its low byte at
n + 32. `note`: a key or pad. `pitch`: the pitch wheel."""

Turn = Literal["absolute", "offset", "twos", "sign"]
"""Meaning of a controller's value.

`absolute`: its position. The others are for endless encoders, which send how far they were turned:
`offset`: 64 is none, 65 one up, 63 one down; `twos`: two's complement of 7 bits, 1 up, 127 down;
`sign`: bit 64 is the sign, 1 up, 65 down."""

Takeover = Literal["pickup", "jump"]
"""Behaviour of a knob whose control stands elsewhere.

`pickup`: it does nothing until it passes the control's value. `jump`: it sets it at once."""

_SORTS, _TURNS, _TAKEOVERS = get_args(Sort), get_args(Turn), get_args(Takeover)
_VERSION = 1
MAX_BINDINGS = 99
"""Bindings of one file."""
_FIELDS = ("port", "sort", "channel", "number", "control", "turn", "takeover", "value", "feedback")
LARGEST: Mapping[Sort, int] = {"cc": 127, "note": 127, "cc14": 16383, "pitch": 16383}
"""Largest value of each kind of message; the smallest is 0."""


@dataclass(frozen=True, slots=True)
class Source:
    """Identify one knob, fader, key or pad."""

    port: str
    sort: Sort
    channel: int
    """1 to 16."""
    number: int
    """0 to 127; 0 for the pitch wheel."""

    def __str__(self) -> str:
        number = "" if self.sort == "pitch" else f" {self.number}"
        return f"{self.port} {self.sort}{number} ch {self.channel}"


@dataclass(frozen=True, slots=True)
class Binding:
    """Bind a source to a control."""

    source: Source
    control: str
    turn: Turn = "absolute"
    takeover: Takeover = "pickup"
    value: str = ""
    """The text that a text control is set to; else empty."""
    feedback: bool = True
    """Whether the control's value is sent back to it."""


class MidiMap:
    """Hold all bindings, one per source."""

    def __init__(self, bindings: Iterable[Binding] = ()) -> None:
        self._of = {binding.source: binding for binding in bindings}

    def __iter__(self) -> Iterator[Binding]:
        return iter(self._of.values())

    def find(self, source: Source) -> Binding | None:
        """Return the source's binding, or None."""
        return self._of.get(source)

    def bind(self, binding: Binding) -> None:
        """Add a binding in place of the source's old one.

        A 14-bit controller takes both its numbers. Raises LiveflightError where MAX_BINDINGS are
        bound already."""
        source = binding.source
        self._of.pop(source, None)
        if source.sort == "cc14":
            for number in (source.number, source.number + 32):
                self._of.pop(Source(source.port, "cc", source.channel, number), None)
        if source.sort == "cc":
            for number in (source.number, source.number - 32):
                self._of.pop(Source(source.port, "cc14", source.channel, number), None)
        if len(self._of) == MAX_BINDINGS:
            raise LiveflightError(
                f"MIDI: {MAX_BINDINGS} knobs are bound, the most allowed: "
                "arm a control and fire midi.forget"
            )
        self._of[source] = binding

    def forget(self, control: str) -> int:
        """Unbind everything from the control of that key. Return how many bindings that were."""
        bound = [source for source, binding in self._of.items() if binding.control == control]
        for source in bound:
            del self._of[source]
        return len(bound)


def origin(source: Source) -> str:
    """Return the origin of the source's messages, such as `midi:Box`."""
    return f"midi:{source.port}"


def default_path() -> Path:
    """Return the user's bindings file."""
    return folders.config() / "midi.toml"


def read(path: Path) -> MidiMap:
    """Return the bindings of a file; none if there is no such file.

    Raises LiveflightError naming the file, the field and what is allowed."""
    with named_files.reading("MIDI bindings", path):
        try:
            return parse(named_files.toml(path))
        except (FileNotFoundError, NotADirectoryError):
            return MidiMap()


def write(text: str, path: Path) -> None:
    """Write the text that `dump` made, atomically. Raises LiveflightError where it cannot."""
    try:
        named_files.write(text, path)
    except OSError as error:
        raise LiveflightError(
            f"MIDI bindings {path} cannot be written: {named_files.why(error)}"
        ) from error


def dump(bindings: MidiMap) -> str:
    """Return the bindings as TOML text."""
    rows = []
    for binding in bindings:
        row = {**asdict(binding.source), "control": binding.control}
        if binding.value:
            row["value"] = binding.value
        if binding.turn != "absolute":
            row["turn"] = binding.turn
        if binding.takeover != "pickup":
            row["takeover"] = binding.takeover
        if not binding.feedback:
            row["feedback"] = False
        rows.append(row)
    return toml_reader.dump({"version": _VERSION, "binding": rows})


def parse(data: Mapping[str, Any]) -> MidiMap:
    """Return the bindings in parsed TOML. Raises LiveflightError naming the field."""
    named_files.check_head(data, _VERSION, ("version", "binding"))
    rows = data.get("binding", [])
    if not isinstance(rows, list) or len(rows) > MAX_BINDINGS:
        raise LiveflightError(f"binding: allowed are up to {MAX_BINDINGS} tables, [[binding]]")
    bindings = MidiMap()
    for row in rows:
        bindings.bind(_binding(row))
    return bindings


def _binding(row: object) -> Binding:
    if not isinstance(row, dict):
        raise LiveflightError(f"binding {str(row)[:60]!r}: allowed is a table")
    for key in row:
        if key not in _FIELDS:
            raise LiveflightError(f"a binding has no {key[:60]!r}{nearest(key, _FIELDS)}")
    control = _control(row.get("control"))
    sort: Sort = _choice(row, "sort", _SORTS)
    source = Source(
        _line(row, "port"),
        sort,
        _integer(row, "channel", 1, 16),
        _integer(row, "number", 0, {"cc14": 31, "pitch": 0}.get(sort, 127)),
    )
    turn: Turn = _choice(row, "turn", _TURNS, "absolute")
    takeover: Takeover = _choice(row, "takeover", _TAKEOVERS, "pickup")
    value = _line(row, "value") if control.kind == "text" else ""
    feedback = row.get("feedback", True)
    if not isinstance(feedback, bool):
        raise LiveflightError(f"feedback = {str(feedback)[:60]!r}: allowed is true or false")
    return Binding(source, control.key, turn, takeover, value, feedback)


def _control(key: object) -> Control:
    control = CONTROLS.get(key) if isinstance(key, str) else None
    if control and control.writable:
        return control
    close = nearest(key, CONTROLS) if isinstance(key, str) else ""
    raise LiveflightError(f"control = {str(key)[:60]!r}: allowed is a control's name{close}")


def _choice(row: Mapping[str, Any], key: str, allowed: tuple[Any, ...], default: str = "") -> Any:
    value = row.get(key, default)
    if value not in allowed:
        raise LiveflightError(f"{key} = {str(value)[:60]!r}: allowed is {', '.join(allowed)}")
    return value


def _line(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
        raise LiveflightError(
            f"{key} = {str(value)[:60]!r}: allowed is a line of 1 to 200 characters"
        )
    return value


def _integer(row: Mapping[str, Any], key: str, low: int, high: int) -> int:
    value = row.get(key, low)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise LiveflightError(f"{key} = {str(value)[:60]!r}: allowed is {low} to {high}")
    return value
