"""Convert OSC arguments to messages for a control, and values to arguments.

The plain address takes a fader position 0..1, `/raw` the control's own unit, `/add` a signed step.
A choice also takes a name, or an index from 0 as an int; `/raw` takes the index as a float, too,
for surfaces that only send floats. A text control takes a whole number. int, float and bool are
interchangeable, because surfaces send any of them; a text that looks like a number is not one.
"""

from __future__ import annotations

import math

from liveflight.controllers.osc.addresses import Form
from liveflight.controllers.osc.codec import Argument
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.control import Control
from liveflight.core.mailbox import Nudge, Set, Trigger

LARGEST_STEP = 1000.0
_OVERSHOOT = 0.01
"""How far beyond its ends a fader position may be."""


def to_message(
    control: Control, form: Form, argument: Argument, origin: str = ""
) -> Set | Nudge | Trigger | None:
    """Return the message for the mailbox; None for the release of a trigger's button.

    `origin`: the sender. Raises LiveflightError, naming the control, the argument and what is
    allowed."""
    if isinstance(argument, float) and not math.isfinite(argument):
        raise _refusal(control, form, argument)
    if form == "add":
        return Nudge(control.key, _step(control, argument), origin)
    if control.kind == "trigger":
        return _pressed(control, argument, origin)
    value = _raw_value(control, argument) if form == "raw" else _normalised_value(control, argument)
    if value is None:
        raise _refusal(control, form, argument)
    return Set(control.key, value, origin)


def to_argument(control: Control, form: Form, value: Value) -> float | int | str:
    """Return the argument that would set the control to `value`.

    A switch is 0 or 1, because not every surface knows OSC's T and F."""
    if control.kind in ("text", "told"):
        return str(value)
    if control.kind == "meter":
        return float(value)
    if form == "plain":
        return control.to_position(value)
    return int(value) if isinstance(value, bool) else value


def _step(control: Control, argument: Argument) -> float:
    if control.kind == "text" or not control.settable or not isinstance(argument, int | float):
        raise _refusal(control, "add", argument)
    return min(max(float(argument), -LARGEST_STEP), LARGEST_STEP)


def _pressed(control: Control, argument: Argument, origin: str) -> Trigger | None:
    if isinstance(argument, str):
        raise _refusal(control, "plain", argument)
    return Trigger(control.key, origin) if argument is None or argument else None


def _normalised_value(control: Control, argument: Argument) -> Value | None:
    match control.kind, argument:
        case (("float" | "int" | "bool"), int() | float()):
            return control.from_position(float(argument))
        case "enum", float():
            # Further out it is most likely an index, not an imprecise position.
            return (
                control.from_position(argument)
                if -_OVERSHOOT <= argument <= 1 + _OVERSHOOT
                else None
            )
    return _raw_value(control, argument)


def _raw_value(control: Control, argument: Argument) -> Value | None:
    match control.kind, argument:
        case "float", int() | float():
            return control.clamp(float(argument))
        case "int", int() | float():
            return control.clamp(round(argument))
        case "bool", int() | float():
            return control.from_position(float(argument))
        case "enum", int() | float() if 0 <= round(argument) < len(control.choices):
            return control.choices[round(argument)]
        case (("enum" | "text"), str()):
            return control.clamp(argument)
        case "text", bool():
            return None
        case "text", int() | float() if argument == round(argument):
            return control.clamp(str(round(argument)))
    return None


def _refusal(control: Control, form: Form, argument: Argument) -> LiveflightError:
    given = "no value" if argument is None else repr(argument)[:60]
    return LiveflightError(f"{control.key} = {given}: allowed is {_allowed(control, form)}")


def _allowed(control: Control, form: Form) -> str:
    match control.kind, form:
        case (("text" | "trigger"), "add"):
            return "no step"
        case (("told" | "meter"), _):
            return control.range
        case "trigger", _:
            return "nothing, or a number that is not 0"
        case _, "add":
            return "a number, the step"
        case "text", _:
            return f"{control.range}, or a whole number"
        case "enum", "raw":
            return f"{control.range}, or {control.indices}"
        case "enum", _:
            places = f"an int {control.indices} or a float 0 to 1"
            return f"{control.range}, {places}; {control.address}/raw counts by floats too"
        case (("float" | "int"), "raw"):
            return control.range
        case _:
            return "a number from 0 to 1"
