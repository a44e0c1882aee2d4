"""Bind DMX channels to controls, and keep the bindings in one TOML file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liveflight.controllers import binding_file
from liveflight.controllers.binding_file import MAX_BINDINGS, TAKEOVERS, Takeover
from liveflight.controllers.dmx.packets import CHANNELS
from liveflight.core.contracts import LiveflightError
from liveflight.core.control import Control
from liveflight.system import folders

_FIELDS = ("channel", "fine", "control", "takeover", "value")


@dataclass(frozen=True, slots=True)
class ChannelBinding:
    """Bind a channel, or a coarse and a fine one together, to a control."""

    channel: int
    """1 to 512."""
    control: str
    fine: int = 0
    """The channel of the low byte; 0 for a binding of 8 bits."""
    takeover: Takeover = "jump"
    value: str = ""
    """The text that a text control is set to; else empty."""

    def __str__(self) -> str:
        return f"channel {self.channel}" + (f" with {self.fine}" if self.fine else "")

    @property
    def channels(self) -> frozenset[int]:
        """Return the channels that it reads."""
        return frozenset({self.channel, self.fine or self.channel})

    def position(self, levels: bytes) -> float | None:
        """Return the fader position 0..1 of these levels; None where a channel is missing."""
        if max(self.channel, self.fine) > len(levels):
            return None
        coarse = levels[self.channel - 1]
        return (coarse << 8 | levels[self.fine - 1]) / 0xFFFF if self.fine else coarse / 0xFF


class DmxMap:
    """Hold all bindings; each channel is in one of them."""

    def __init__(self, bindings: Iterable[ChannelBinding] = ()) -> None:
        self._all: list[ChannelBinding] = []
        for binding in bindings:
            self.bind(binding)

    def __iter__(self) -> Iterator[ChannelBinding]:
        return iter(tuple(self._all))

    def bind(self, binding: ChannelBinding) -> None:
        """Add a binding in place of those that read one of its channels.

        Raises LiveflightError where MAX_BINDINGS are bound already."""
        kept = [one for one in self._all if not one.channels & binding.channels]
        if len(kept) == MAX_BINDINGS:
            raise LiveflightError(
                f"DMX: {MAX_BINDINGS} channels are bound, the most allowed: "
                "arm a control and fire midi.forget"
            )
        self._all = [*kept, binding]

    def forget(self, control: str) -> int:
        """Unbind everything from the control of that key. Return how many bindings that were."""
        before = len(self._all)
        self._all = [one for one in self._all if one.control != control]
        return before - len(self._all)


def default_path() -> Path:
    """Return the user's bindings file."""
    return folders.config() / "dmx.toml"


def read(path: Path) -> DmxMap:
    """Return the bindings of a file; none if there is no such file.

    Raises LiveflightError naming the file, the field and what is allowed."""
    return binding_file.read("DMX", path, parse)


def write(text: str, path: Path) -> None:
    """Write the text that `dump` made, atomically. Raises LiveflightError where it cannot."""
    binding_file.write("DMX", text, path)


def dump(bindings: DmxMap) -> str:
    """Return the bindings as TOML text."""
    rows = []
    for binding in bindings:
        row: dict[str, Any] = {"channel": binding.channel, "control": binding.control}
        if binding.fine:
            row["fine"] = binding.fine
        if binding.value:
            row["value"] = binding.value
        if binding.takeover != "jump":
            row["takeover"] = binding.takeover
        rows.append(row)
    return binding_file.dump(rows)


def parse(data: Mapping[str, Any]) -> DmxMap:
    """Return the bindings in parsed TOML. Raises LiveflightError naming the field."""
    return DmxMap(_binding(row) for row in binding_file.rows(data, _FIELDS))


def check_remote(control: Control) -> Control:
    """Return the control. Raises LiveflightError where the network may not move it."""
    if not control.remote:
        raise LiveflightError(f"{control.key} cannot be reached from the network")
    return control


def _binding(row: Mapping[str, Any]) -> ChannelBinding:
    control = check_remote(binding_file.control(row))
    if "channel" not in row:
        raise LiveflightError(f"the binding of {control.key} has no channel: 1 to {CHANNELS}")
    channel = binding_file.integer(row, "channel", 1, CHANNELS)
    fine = binding_file.integer(row, "fine", 0, CHANNELS)
    if fine == channel:
        raise LiveflightError(f"fine = {fine}: allowed is another channel than {channel}")
    takeover: Takeover = binding_file.choice(row, "takeover", TAKEOVERS, "jump")
    value = binding_file.line(row, "value") if control.kind == "text" else ""
    return ChannelBinding(channel, control.key, fine, takeover, value)
