"""THE table: one row per control, and the values a performer moves.

Keys, OSC addresses, preset checking, the HUD and `liveflight controls` are all derived
from `CONTROLS`. A value is checked once, where it enters (`Control.check` for files and the command
line, `Control.fit` for live input); inside, it is trusted. Everything that moves is a rate per
second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from liveflight.core.contracts import LiveflightError, Value, nearest

Kind = Literal["float", "int", "bool", "enum", "text", "trigger", "told"]
Curve = Literal["linear", "geometric"]


@dataclass(frozen=True, slots=True)
class Control:
    """One row. Its key is `group.name`, its OSC address `/liveflight/group/name`."""

    group: str
    name: str
    kind: Kind
    help: str
    default: Value = 0.0
    minimum: float = 0.0
    maximum: float = 1.0
    unit: str = ""
    curve: Curve = "linear"
    """How 0..1 maps to minimum..maximum; geometric makes equal fader ways equal ratios."""
    glide: float = 0.0
    """Time constant in seconds with which a float follows what was set."""
    choices: tuple[str, ...] = ()
    alias: str = ""
    """A second, shorter OSC address."""
    remote: bool = True
    """Whether the network may move it."""
    saved: bool = True
    """Whether presets hold it."""

    @property
    def key(self) -> str:
        return f"{self.group}.{self.name}"

    @property
    def address(self) -> str:
        return f"/liveflight/{self.group}/{self.name}"

    @property
    def range(self) -> str:
        """What is allowed, in words."""
        match self.kind:
            case "float" | "int":
                unit = f" {self.unit}" if self.unit else ""
                return f"{self.minimum:g} to {self.maximum:g}{unit}"
            case "bool":
                return "true or false"
            case "enum":
                return ", ".join(self.choices)
            case "text":
                return "a line of up to 200 characters"
            case "told":
                return "nothing but ?: it tells, and cannot be set"
            case _:
                return "nothing: it is a trigger"

    def check(self, value: object) -> Value:
        """The value as this control holds it.

        Raises LiveflightError, naming the control, the value and what is allowed, for a wrong
        type, a number out of range and anything not finite."""
        held = self._typed(value)
        if held is None:
            raise LiveflightError(f"{self.key} = {str(value)[:60]!r}: allowed is {self.range}")
        return held

    def fit(self, value: object) -> Value:
        """As `check`, but a finite number out of range becomes the nearest allowed one."""
        match self.kind, value:
            case (("float" | "int"), int() | float()) if not isinstance(value, bool):
                # A comparison holds for whole numbers of any size, where math.isfinite overflows.
                if -math.inf < value < math.inf:
                    value = min(max(value, self.minimum), self.maximum)
                    value = round(value) if self.kind == "int" else value
        return self.check(value)

    def _typed(self, value: object) -> Value | None:
        match self.kind, value:
            case "bool", bool():
                return value
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

    def from_unit(self, unit: float) -> Value:
        """The value at 0..1 of a fader; out of range is clipped.

        Raises LiveflightError for what is not finite, and for a text or a trigger."""
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

    def to_unit(self, value: Value) -> float:
        """The fader position of a value, 0..1; of a text or trigger, 0."""
        match self.kind, value:
            case "bool", _:
                return float(value)
            case "enum", str():
                return self.choices.index(value) / max(len(self.choices) - 1, 1)
            case (("float" | "int"), int() | float()):
                if self.curve == "geometric":
                    return math.log(value / self.minimum) / math.log(self.maximum / self.minimum)
                return (value - self.minimum) / (self.maximum - self.minimum)
        return 0.0

    def nudged(self, value: Value, amount: float) -> Value:
        """`value` moved by a signed step: fader ways (0..1) for a float, whole numbers for an int,
        places (going round) for an enum, a toggle for every odd number on a bool.

        Raises LiveflightError for an amount that is not finite, and for a text or a trigger."""
        if not math.isfinite(amount):
            raise LiveflightError(f"{self.key}: a step of {amount} is no number")
        match self.kind, value:
            case "float", float() | int():
                return self.from_unit(self.to_unit(value) + amount)
            case "int", int():
                return self.fit(value + amount)
            case "enum", str():
                return self.choices[(self.choices.index(value) + round(amount)) % len(self.choices)]
            case "bool", bool():
                return value ^ bool(round(amount) % 2)
        raise LiveflightError(f"{self.key} cannot be stepped: allowed is {self.range}")


def _number(group: str, name: str, low: float, default: float, high: float, unit: str, help: str,
            curve: Curve = "linear", glide: float = 0.25) -> Control:  # fmt: skip
    return Control(group, name, "float", help, default, low, high, unit, curve, glide)


def _whole(
    group: str, name: str, low: int, default: int, high: int, unit: str, help: str
) -> Control:
    return Control(group, name, "int", help, default, low, high, unit)


def _switch(group: str, name: str, help: str, default: bool = False, saved: bool = True) -> Control:
    return Control(group, name, "bool", help, default, saved=saved)


def _choice(group: str, name: str, choices: tuple[str, ...], help: str) -> Control:
    return Control(group, name, "enum", help, choices[0], choices=choices)


def _text(group: str, name: str, help: str, alias: str) -> Control:
    return Control(group, name, "text", help, "", alias=alias, saved=False)


def _told(group: str, name: str, help: str) -> Control:
    return Control(group, name, "told", help, "", saved=False)


def _trigger(group: str, name: str, help: str, remote: bool = True) -> Control:
    return Control(group, name, "trigger", help, False, remote=remote, saved=False)


# fmt: off
# ruff: disable[E501]
ROWS: tuple[Control, ...] = (
    _number("camera", "zoom", 0.2, 1.2, 5.0, "x/s", "how many times larger the picture gets per second; below 1 flies backwards", "geometric"),
    _number("camera", "rotation", -180, 0, 180, "deg/s", "turns the picture; positive is clockwise"),
    _number("camera", "pan_x", -1, 0, 1, "widths/s", "flies sideways; positive is to the right"),
    _number("camera", "pan_y", -1, 0, 1, "heights/s", "flies up or down; positive is up"),
    _number("camera", "speed", 0, 1, 4, "x", "multiplies all motion: camera, swirl, flow and hue"),

    _choice("warp", "mirror", ("off", "horizontal", "vertical", "both"), "folds the picture on its middle lines"),
    _whole("warp", "kaleidoscope", 0, 0, 16, "wedges", "folds the picture into this many mirrored wedges; 0 and 1 are off"),
    _number("warp", "swirl", -180, 0, 180, "deg/s", "turns the middle more than the rim"),
    _number("warp", "flow", 0, 0, 0.3, "heights/s", "slow liquid drift, different everywhere"),

    _number("colour", "hue", -360, 0, 360, "deg/s", "turns all colours round the wheel"),
    _number("colour", "saturation", 0.1, 1, 10, "x/s", "how many times more colourful the picture gets per second", "geometric"),
    _number("colour", "brightness", 0.2, 0.5, 0.8, "", "the mean the picture is pulled towards"),
    _number("colour", "contrast", 0.05, 0.19, 0.4, "", "the standard deviation the picture is pulled towards"),
    _number("colour", "pull", 0, 4, 20, "1/s", "how firmly brightness and contrast are held; 0 is off"),
    _number("colour", "decay", 0, 0, 5, "1/s", "how fast the picture fades to grey; 0 is off"),

    _number("ascent", "rate", 0, 0.9, 4, "range/s", "how fast the filter reshapes the picture"),
    _whole("ascent", "steps", 0, 1, 8, "steps", "ascent steps per frame that share the rate: more are finer and slower"),
    _choice("ascent", "objective", ("channel", "neuron"), "excite the whole feature map, or its centre only"),
    _switch("ascent", "normalise", "divide the gradient by its own size, so that every filter pushes alike", True),
    _whole("ascent", "jitter", 0, 32, 64, "px", "random shift before each step, against grids; 0 is off"),
    _number("ascent", "octaves", 0, 0.75, 2, "octaves", "each step looks at the picture at a random scale, up to so much smaller; 0 is off"),
    _number("ascent", "smoothing", 0, 1.6, 3, "", "exponent of the 1/f filter on the gradient: 0 is raw noise, 2 soft volumes"),
    _number("ascent", "decorrelation", 0, 1, 1, "", "how natural the colours of the gradient are; 0 is off"),
    _number("ascent", "soften", 0, 10, 20, "1/s", "melts what only the finest pixels carry, against grain and dot grids; 0 is off"),
    _number("ascent", "noise", 0, 0.05, 0.5, "1/sqrt(s)", "fresh noise, so that the picture never freezes; 0 is off"),

    _text("mix", "target", "what is excited: network:layer:filter, or * for the whole layer", "/liveflight/target"),
    _number("mix", "crossfade", 0, 3, 30, "s", "how long one target takes to grow into the next", glide=0),
    _trigger("mix", "filter_next", "the next filter of the layer"),
    _trigger("mix", "filter_previous", "the filter before"),
    _trigger("mix", "layer_deeper", "the next deeper layer"),
    _trigger("mix", "layer_shallower", "the layer before"),
    _trigger("mix", "network_next", "the next network whose weights are at hand"),
    _trigger("mix", "random", "a random living filter of the layer"),

    _text("show", "preset", "recalls a preset by name or number", "/liveflight/preset"),
    _switch("show", "autopilot", "goes on to the journey's next target, or a random living filter, after each dwell"),
    _number("show", "dwell", 1, 12, 600, "s", "how long the autopilot stays, crossfade included", "geometric", glide=0),
    _switch("show", "governor", "keeps the display's rate by fewer steps and a smaller canvas; off is what was asked", True, saved=False),
    _told("show", "effort", "what the governor chose: steps of those asked, and the canvas's scale"),
    _switch("show", "freeze", "stands still: no motion, no ascent", saved=False),
    _switch("show", "blackout", "fades to black", saved=False),
    Control("show", "master", "float", "brightness of the output", 1.0, saved=False),
    Control("show", "fit", "enum", "fill the output and cut what sticks out, or show all with black bars", "cover", choices=("cover", "contain"), saved=False),
    _switch("show", "hud", "shows target, rates and the last message", saved=False),
    _switch("show", "help", "shows the keys", saved=False),
    _trigger("show", "reseed", "starts again from noise"),
    _trigger("show", "screenshot", "saves the picture as PNG", remote=False),
    _trigger("show", "save_preset", "saves the controls as a preset of your own", remote=False),
    _trigger("show", "fullscreen", "leaves or enters full screen", remote=False),
    _trigger("show", "quit", "ends the flight", remote=False),
)
# ruff: enable[E501]
# fmt: on

CONTROLS: Mapping[str, Control] = {row.key: row for row in ROWS}


def find(key: str) -> Control:
    """The control `group.name`. Raises LiveflightError with the nearest name."""
    if key in CONTROLS:
        return CONTROLS[key]
    raise LiveflightError(
        f"no control is called {key[:60]!r}{nearest(key, CONTROLS)}; "
        "`liveflight controls` lists them all"
    )


class Controls:
    """The values of all controls: where each was set to, and where its glide has brought it."""

    def __init__(self) -> None:
        self._set: dict[str, Value] = {row.key: row.default for row in ROWS}
        self._now: dict[str, Value] = dict(self._set)

    def set(self, key: str, value: Value) -> None:
        """`value` as checked by the control's `check` or `fit`."""
        self._set[key] = value
        if not CONTROLS[key].glide:
            self._now[key] = value

    def nudge(self, key: str, amount: float) -> None:
        self.set(key, CONTROLS[key].nudged(self._set[key], amount))

    def jump(self) -> None:
        """Ends every glide where it was going."""
        self._now.update(self._set)

    def advance(self, dt: float) -> None:
        """Glides for `dt` seconds, alike at every frame rate."""
        for key, goal in self._set.items():
            if self._now[key] != goal:
                self._now[key] = _glided(CONTROLS[key], self._now[key], goal, dt)

    def setting(self, key: str) -> Value:
        """What was set last, as presets and queries see it."""
        return self._set[key]

    def number(self, key: str) -> float:
        """What a float or int is now, in its unit."""
        return float(self._now[key])

    def whole(self, key: str) -> int:
        return int(self._now[key])

    def flag(self, key: str) -> bool:
        return bool(self._now[key])

    def word(self, key: str) -> str:
        return str(self._now[key])


def _glided(control: Control, now: Value, goal: Value, dt: float) -> Value:
    here, there = control.to_unit(now), control.to_unit(goal)
    if abs(there - here) < 1e-4:
        return goal
    return control.from_unit(here + (there - here) * (1 - math.exp(-dt / control.glide)))
