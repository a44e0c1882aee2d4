"""Which knob moves which control: bindings, kept by the port's name in one TOML file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from liveflight.core.contracts import LiveflightError, nearest
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS
from liveflight.storage import library, toml_text
from liveflight.system import folders

Sort = Literal["cc", "cc14", "note", "pitch"]
"""A controller of 7 bits; one of 14 bits, number n (0..31) with its low byte at n + 32; a key or
pad; the pitch wheel."""

Turn = Literal["absolute", "offset", "twos", "sign"]
"""What a controller's value says. `absolute`: where it stands. Endless encoders say how far they
were turned, in one of three ways: `offset`: 64 is none, 65 one up, 63 one down; `twos`: two's
complement of 7 bits, 1 up, 127 down; `sign`: the 64 is the sign, 1 up, 65 down."""

Takeover = Literal["pickup", "jump"]
"""What a knob does whose control stands elsewhere: nothing until it comes past there, or it takes
the control along at once."""

_SORTS, _TURNS, _TAKEOVERS = get_args(Sort), get_args(Turn), get_args(Takeover)
_VERSION = 1
MOST = 99
"""So many fit into a file."""
_FIELDS = ("port", "sort", "channel", "number", "control", "turn", "takeover", "value")


@dataclass(frozen=True, slots=True)
class Source:
    """One knob, fader, key or pad."""

    port: str
    sort: Sort
    channel: int
    """1 to 16."""
    number: int
    """0 to 127; of the pitch wheel 0."""

    def __str__(self) -> str:
        number = "" if self.sort == "pitch" else f" {self.number}"
        return f"{self.port} {self.sort}{number} ch {self.channel}"


@dataclass(frozen=True, slots=True)
class Binding:
    source: Source
    control: str
    turn: Turn = "absolute"
    takeover: Takeover = "pickup"
    value: str = ""
    """Of a text control: what it is set to."""


class MidiMap:
    """All bindings, one per source."""

    def __init__(self, bindings: Iterable[Binding] = ()) -> None:
        self._of = {binding.source: binding for binding in bindings}

    def __iter__(self) -> Iterator[Binding]:
        return iter(self._of.values())

    def find(self, source: Source) -> Binding | None:
        return self._of.get(source)

    def bind(self, binding: Binding) -> None:
        """In place of what its source was bound to; a 14-bit controller takes both its numbers.

        Raises LiveflightError where MOST are bound already."""
        source = binding.source
        self._of.pop(source, None)
        if source.sort == "cc14":
            for number in (source.number, source.number + 32):
                self._of.pop(Source(source.port, "cc", source.channel, number), None)
        if source.sort == "cc":
            for number in (source.number, source.number - 32):
                self._of.pop(Source(source.port, "cc14", source.channel, number), None)
        if len(self._of) == MOST:
            raise LiveflightError(
                f"MIDI: {MOST} knobs are bound, and no more can be: have a control forget its own"
            )
        self._of[source] = binding

    def forget(self, control: str) -> int:
        """Unbinds everything from `control`; how much that was."""
        gone = [source for source, binding in self._of.items() if binding.control == control]
        for source in gone:
            del self._of[source]
        return len(gone)


def default_path() -> Path:
    return folders.config() / "midi.toml"


def read(path: Path) -> MidiMap:
    """The bindings of a file; none where there is no such file.

    Raises LiveflightError naming the file, the field and what is allowed."""
    with library.reading("MIDI bindings", path):
        try:
            return parse(library.toml(path))
        except (FileNotFoundError, NotADirectoryError):
            return MidiMap()


def write(text: str, path: Path) -> None:
    """What `dump` made, whole or not at all. Raises LiveflightError where it cannot be written."""
    try:
        library.write(text, path)
    except OSError as error:
        raise LiveflightError(
            f"MIDI bindings {path} cannot be written: {library.why(error)}"
        ) from error


def dump(bindings: MidiMap) -> str:
    """The bindings as TOML text."""
    rows = []
    for binding in bindings:
        row = {**asdict(binding.source), "control": binding.control}
        if binding.value:
            row["value"] = binding.value
        if binding.turn != "absolute":
            row["turn"] = binding.turn
        if binding.takeover != "pickup":
            row["takeover"] = binding.takeover
        rows.append(row)
    return toml_text.dump({"version": _VERSION, "binding": rows})


def parse(data: Mapping[str, Any]) -> MidiMap:
    """Bindings from parsed TOML. Raises LiveflightError naming the field."""
    library.check_head(data, _VERSION, ("version", "binding"))
    rows = data.get("binding", [])
    if not isinstance(rows, list) or len(rows) > MOST:
        raise LiveflightError(f"binding: allowed are up to {MOST} tables, [[binding]]")
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
        _whole(row, "channel", 1, 16),
        _whole(row, "number", 0, {"cc14": 31, "pitch": 0}.get(sort, 127)),
    )
    turn: Turn = _choice(row, "turn", _TURNS, "absolute")
    takeover: Takeover = _choice(row, "takeover", _TAKEOVERS, "pickup")
    value = _line(row, "value") if control.kind == "text" else ""
    return Binding(source, control.key, turn, takeover, value)


def _control(key: object) -> Control:
    control = CONTROLS.get(key) if isinstance(key, str) else None
    if control and control.movable:
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
        raise LiveflightError(f"{key} = {str(value)[:60]!r}: allowed is a line of 1 to 200 letters")
    return value


def _whole(row: Mapping[str, Any], key: str, low: int, high: int) -> int:
    value = row.get(key, low)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise LiveflightError(f"{key} = {str(value)[:60]!r}: allowed is {low} to {high}")
    return value
