"""Define the panic button: a safe look at once; twice in a row, black."""

from __future__ import annotations

import math
from collections.abc import Mapping

from liveflight.core.contracts import Value
from liveflight.core.controls import ROWS

DOUBLE_PRESS_S = 2.0
"""Seconds within which a second press means black."""

_KEPT_GROUPS = frozenset({"tempo", "sound", "morph"})
_KEPT = frozenset(
    {
        "mix.crossfade",
        "cue.loop",
        "cue.hold",
        "show.dwell",
        "show.fit",
        "show.hud",
        "show.help",
        "show.record",
    }
)
"""Groups and controls that are not part of a look."""

SAFE: Mapping[str, Value] = {
    row.key: row.default
    for row in ROWS
    if row.settable and row.kind != "text"
    if row.group not in _KEPT_GROUPS and row.key not in _KEPT
}
"""Settings of the safe look: motion, effects, ascent and output at their defaults.

Freeze, blackout and autopilot are off. The targets stay."""


class Panic:
    """Tell a single press from a double one."""

    def __init__(self) -> None:
        self._pressed = -math.inf

    def press(self, now: float) -> Mapping[str, Value]:
        """Return what the controls have to be set to at once; `now` in seconds."""
        black = now - self._pressed <= DOUBLE_PRESS_S
        self._pressed = now
        return {**SAFE, "show.blackout": black}
