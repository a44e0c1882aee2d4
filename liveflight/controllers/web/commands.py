"""Read what the page sends: messages for the mailbox, and requests of its own.

Each is one JSON object with a verb `do`. A value is checked here, at the edge.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from liveflight.controllers.osc.values import LARGEST_STEP
from liveflight.controllers.web.access import Guest
from liveflight.core.contracts import LiveflightError
from liveflight.core.control import Control
from liveflight.core.controls import find
from liveflight.core.mailbox import Message, Nudge, Set, Trigger

MAX_TEXT = 16 * 1024
"""Characters of one command; a cue list of 99 cues is the longest."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Report that the page has shown `count` previews since it was opened."""

    count: int


@dataclass(frozen=True, slots=True)
class Watch:
    """Report whether the page is in view and wants previews."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class Edit:
    """Ask for a change of the performer's presets or cue lists."""

    action: str
    given: dict[str, Any]


Command = Message | Seen | Watch | Edit


def read(text: str, guest: Guest) -> Command | None:
    """Return a command; None for the release of a button.

    Raises LiveflightError that names what is wrong, and what is allowed."""
    try:
        said = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise LiveflightError(f"{text[:60]!r} is no JSON object") from error
    if not isinstance(said, dict):
        raise LiveflightError(f"{text[:60]!r} is no JSON object")
    match said:
        case {"do": "seen", "count": int(count)} if not isinstance(count, bool):
            return Seen(count)
        case {"do": "watch", "wanted": bool(wanted)}:
            return Watch(wanted)
        case {"do": "edit", "action": str(action)}:
            return Edit(action, said)
        case {"do": str(verb), "key": str(key)}:
            return _message(verb, find(key), said, guest)
    raise LiveflightError(f"{text[:60]!r}: allowed are set, move, nudge, fire, edit, watch, seen")


def _message(verb: str, row: Control, said: dict[str, Any], guest: Guest) -> Message:
    guest.check(row)
    match verb, said:
        case "set", {"value": value} if row.settable:
            return Set(row.key, row.clamp(value), guest.origin)
        case "move", {"position": int() | float() as place} if not isinstance(place, bool):
            return Set(row.key, row.from_position(_limited(row, place)), guest.origin)
        case "nudge", {"by": int() | float() as by} if row.settable and not isinstance(by, bool):
            if row.kind == "text":
                raise LiveflightError(f"{row.key} cannot be stepped: allowed is {row.range}")
            return Nudge(row.key, _limited(row, by), guest.origin)
        case "fire", _ if row.kind == "trigger":
            return Trigger(row.key, guest.origin)
    raise LiveflightError(f"{row.key}: {str(said)[:80]}: allowed is {row.range}")


def _limited(row: Control, number: float) -> float:
    """Return a number within LARGEST_STEP. Raises LiveflightError where it is not finite."""
    if not -float("inf") < number < float("inf"):
        raise LiveflightError(f"{row.key} = {number}: allowed is a finite number")
    return float(min(max(number, -LARGEST_STEP), LARGEST_STEP))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
