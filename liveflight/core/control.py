"""Describe one control: its kind, its range, and the meaning of values and fader positions.

A value is checked once, where it enters: by `Control.check` from files and the command line, by
`Control.clamp` from live input. Inside, it is trusted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from liveflight.core.contracts import LiveflightError, Value

Kind = Literal["float", "int", "bool", "enum", "text", "trigger", "told", "meter"]
"""Kind of a control. `told` (a text) and `meter` (a number) report state: they cannot be set."""

Curve = Literal["linear", "geometric"]


@dataclass(frozen=True, slots=True)
class Control:
    """Hold one row of the table; key `group.name`, OSC address `/liveflight/group/name`."""

    group: str
    name: str
    kind: Kind
    help: str
    default: Value = 0.0
    minimum: float = 0.0
    maximum: float = 1.0
    unit: str = ""
    curve: Curve = "linear"
    """Mapping of 0..1 to minimum..maximum; geometric makes equal fader distances equal ratios."""
    glide: float = 0.0
    """Time constant in seconds with which a float follows the value that was set."""
    choices: tuple[str, ...] = ()
    alias: str = ""
    """A second, shorter OSC address."""
    remote: bool = True
    """Whether the network may move it."""
    saved: bool = True
    """Whether presets save it."""
    waits: str = ""
    """Kind of change that can wait for the beat (`preset`, `target`, `cue`); empty: none."""
    key: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.group}.{self.name}")

    @property
    def address(self) -> str:
        return f"/liveflight/{self.group}/{self.name}"

    @property
    def settable(self) -> bool:
        """Return whether it holds a value that a performer sets."""
        return self.kind not in ("trigger", "told", "meter")

    @property
    def writable(self) -> bool:
        """Return whether a performer sets or fires it."""
        return self.settable or self.kind == "trigger"

    @property
    def range(self) -> str:
        """Return what is allowed, in a performer's words."""
        match self.kind:
            case "float" | "int":
                unit = f" {self.unit}" if self.unit else ""
                return f"{self.minimum:g} to {self.maximum:g}{unit}"
            case "bool":
                return "on or off"
            case "enum":
                return ", ".join(self.choices)
            case "text":
                return "a line of up to 200 characters"
            case "told" | "meter":
                return "only ?: it reports a state and cannot be set"
            case _:
                return "nothing: it is a trigger"

    @property
    def indices(self) -> str:
        """Return the numbers of the choices, in words; empty where there are none."""
        return f"0 to {len(self.choices) - 1}" if self.choices else ""

    def check(self, value: object) -> Value:
        """Return the value as this control holds it.

        Raises LiveflightError, naming the control, the value and what is allowed, for a wrong
        type, a number out of range and anything not finite."""
        held = self._typed(value)
        if held is None:
            allowed = "true or false" if self.kind == "bool" else self.range  # as in a preset
            raise LiveflightError(f"{self.key} = {str(value)[:60]!r}: allowed is {allowed}")
        return held

    def shown(self, value: Value) -> str:
        """Return a value in a performer's words, without its unit."""
        if isinstance(value, bool):
            return "on" if value else "off"
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    def clamp(self, value: object) -> Value:
        """Do as `check`, but turn a finite number out of range into the nearest allowed one."""
        match self.kind, value:
            case (("float" | "int"), int() | float()) if not isinstance(value, bool):
                # A comparison holds for whole numbers of any size, where math.isfinite overflows.
                if -math.inf < value < math.inf:
                    value = min(max(value, self.minimum), self.maximum)
                    value = round(value) if self.kind == "int" else value
        return self.check(value)

    def clip_sensor(self, value: float) -> float:
        """Return a sensor's value clipped to the range of this meter; its minimum for NaN."""
        return (
            float(min(max(value, self.minimum), self.maximum)) if value == value else self.minimum
        )

    def _typed(self, value: object) -> Value | None:
        match self.kind, value:
            case "bool", bool():
                return value
            case "bool", str() if value.lower() in ("on", "off"):
                return value.lower() == "on"
            case (("float" | "int"), bool()):
                return None
            case "float", int() | float() if self.minimum <= value <= self.maximum:
                return float(value)
            case "int", int() if self.minimum <= value <= self.maximum:
                return value
            case "enum", str() if value.lower() in self.choices:
                return value.lower()
            case "text", str() if len(value) <= 200 and value.isprintable():
                return value
        return None

    def from_position(self, unit: float) -> Value:
        """Return the value at a fader position, clipped to 0..1.

        Raises LiveflightError for a position that is not finite, and for a text or a trigger."""
        if not math.isfinite(unit):
            raise LiveflightError(f"{self.key} = {unit}: a fader position is 0 to 1")
        unit = min(max(unit, 0.0), 1.0)
        match self.kind:
            case "bool":
                return unit >= 0.5
            case "enum":
                return self.choices[min(int(unit * len(self.choices)), len(self.choices) - 1)]
            case "int":
                return round(self.minimum + unit * (self.maximum - self.minimum))
            case "float" if self.curve == "geometric":
                return float(self.minimum * (self.maximum / self.minimum) ** unit)
            case "float":
                return self.minimum + unit * (self.maximum - self.minimum)
        raise LiveflightError(f"{self.key} is no fader: allowed is {self.range}")

    def to_position(self, value: Value) -> float:
        """Return the fader position of a value, 0..1; 0 for a text or trigger."""
        match self.kind, value:
            case "bool", _:
                return float(value)
            case "enum", str():
                return self.choices.index(value) / max(len(self.choices) - 1, 1)
            case (("float" | "int" | "meter"), int() | float()):
                if self.curve == "geometric":
                    return math.log(value / self.minimum) / math.log(self.maximum / self.minimum)
                unit = (value - self.minimum) / (self.maximum - self.minimum)
                return min(max(unit, 0.0), 1.0) if self.kind == "meter" else unit
        return 0.0

    def nudged(self, value: Value, amount: float) -> Value:
        """Return `value` moved by a signed step.

        The step is a fader distance (0..1) for a float, a whole number for an int, places (wrapping
        round) for an enum, a toggle for every odd number on a bool.

        Raises LiveflightError for an amount that is not finite, and for a text or a trigger."""
        if not math.isfinite(amount):
            raise LiveflightError(f"{self.key}: a step of {amount} is not a finite number")
        match self.kind, value:
            case "float", float() | int():
                return self.from_position(self.to_position(value) + amount)
            case "int", int():
                return self.clamp(value + amount)
            case "enum", str():
                return self.choices[(self.choices.index(value) + round(amount)) % len(self.choices)]
            case "bool", bool():
                return value ^ bool(round(amount) % 2)
        raise LiveflightError(f"{self.key} cannot be stepped: allowed is {self.range}")
